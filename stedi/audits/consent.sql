-- consent: no row of a customer without research consent stands in any trusted or curated table.
-- The privacy audit. Consent comes from consenting_customers, which shares nothing with the stages. Of training_curated
-- each pseudonym must have a witness: a consenting customer whose readings since the consent all its rows are. Mostly
-- these are all the readings of the witness, so counts and sums are compared first, and rows only where these differ.
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

unclear_counts as (
    select
        r.customerPseudonym,
        count(*) as readings
    from unclear_readings as r
    group by r.customerPseudonym
),

explained_readings as (
    select distinct
        r.customerPseudonym,
        r.timestamp,
        r.reading,
        a.user as email
    from accelerometer_trusted as a
    inner join unclear_readings as r on a.timestamp = r.timestamp and hash(a.x, a.y, a.z) = r.reading
    inner join consents as k on a.user = k.email
    where a.timestamp >= k.since
),

explained as (
    select
        r.customerPseudonym,
        r.email,
        count(*) as readings
    from explained_readings as r
    group by r.customerPseudonym, r.email
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
