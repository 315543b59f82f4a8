-- consent: no row of a customer without research consent stands in any trusted or curated table.
-- The privacy audit. Consent comes from consenting_customers, which shares nothing with the stages. Of training_curated
-- each pseudonym must have a witness: a consenting customer whose readings since the consent all its rows are. Mostly
-- these are all the readings of the witness, so counts and sums are compared first, and rows only where these differ.
-- A reading that more than 100 customers have since their consent does not tell who the witness may be.
-- Known limits: a withdrawal in a quarantined customer line has no effect (the build says so in a note); of a serial
-- number that a consenting and a refusing customer claim, the readings come through, as in the published tables.
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

select 'customer_trusted' as table_name, t.email as key
from customer_trusted as t
anti join consenting_customers as k on t.email = k.email
union all
select 'customer_trusted', t.email
from customer_trusted as t
where coalesce(t.shareWithResearchAsOfDate, 0) <= 0
union all
select 'customers_curated', t.email
from customers_curated as t
anti join consenting_customers as k on t.email = k.email
union all
select 'accelerometer_trusted', t.user
from accelerometer_trusted as t
anti join consenting_customers as k on t.user = k.email
union all
select 'step_trainer_trusted', t.serialNumber
from step_trainer_trusted as t
anti join consenting_customers as k on t.serialNumber = k.serialNumber
union all
select 'machine_learning_curated', t.user
from machine_learning_curated as t
anti join consenting_customers as k on t.user = k.email
union all
select 'machine_learning_curated', t.serialNumber
from machine_learning_curated as t
anti join consenting_customers as k on t.serialNumber = k.serialNumber
union all
select 'device_owners', t.owner
from device_owners as t
anti join consenting_customers as k on t.owner = k.email
union all
select 'training_curated', t.customerPseudonym
from unclear_counts as t
anti join explained as e using (customerPseudonym, readings)
