-- training_consented: every training_curated row is a reading of a customer who agreed to research, from then on.
-- Consent comes from consenting_customers, which shares nothing with the stages. Each pseudonym must have a witness: a
-- consenting customer whose readings since the consent all its rows are. Mostly these are all the readings of the
-- witness, so counts and sums are compared first, and rows only where these differ. A reading that more than 100
-- customers have since their consent does not tell who the witness may be.
-- An audit of its own: in one statement with the other tables DuckDB reads all of them at once, and in 1 GB spills.
with consents as (
    select distinct
        k.email,
        k.since
    from consenting_customers as k
),

witnesses as (
    select
        a.user as email,
        count(*) as readings,
        sum(hash(a.timestamp, a.x, a.y, a.z)) as digest
    from accelerometer_trusted as a
    inner join consents as k on a.user = k.email
    where a.timestamp >= k.since
    group by a.user
),

people as (
    select
        t.customerPseudonym,
        count(*) as readings,
        sum(hash(t.timestamp, t.x, t.y, t.z)) as digest
    from training_curated as t
    group by t.customerPseudonym
),

unclear as (
    select p.customerPseudonym
    from people as p
    anti join witnesses as w using (readings, digest)
),

unclear_readings as (
    select distinct
        t.customerPseudonym,
        t.timestamp,
        hash(t.x, t.y, t.z) as reading
    from training_curated as t
    where t.customerPseudonym in (select u.customerPseudonym from unclear as u)
),

explained_readings as (
    select distinct
        a.user as email,
        a.timestamp,
        hash(a.x, a.y, a.z) as reading
    from accelerometer_trusted as a
    inner join consents as k on a.user = k.email
    semi join unclear_readings as r on a.timestamp = r.timestamp and hash(a.x, a.y, a.z) = r.reading
    where a.timestamp >= k.since
),

shared as (
    select
        e.timestamp,
        e.reading
    from explained_readings as e
    group by e.timestamp, e.reading
    having count(*) > 100
),

telling as (
    select
        r.customerPseudonym,
        r.timestamp,
        r.reading
    from unclear_readings as r
    anti join shared as s on r.timestamp = s.timestamp and r.reading = s.reading
),

candidates as (
    select distinct
        t.customerPseudonym,
        e.email
    from telling as t
    inner join explained_readings as e on t.timestamp = e.timestamp and t.reading = e.reading
),

explained as (
    select
        n.customerPseudonym,
        n.email,
        count(*) as readings
    from candidates as n
    inner join unclear_readings as r on n.customerPseudonym = r.customerPseudonym
    inner join explained_readings as e
        on n.email = e.email and r.timestamp = e.timestamp and r.reading = e.reading
    group by n.customerPseudonym, n.email
),

unclear_counts as (
    select
        r.customerPseudonym,
        count(*) as readings
    from unclear_readings as r
    where r.customerPseudonym in (select t.customerPseudonym from telling as t)
    group by r.customerPseudonym
)

select
    'training_curated' as table_name,
    t.customerPseudonym as key
from unclear_counts as t
anti join explained as e using (customerPseudonym, readings)
