-- training_curated: each attributed device's readings with its own owner's of the same instant, since the consent.
-- Inputs: step_trainer_landing, accelerometer_trusted, customer_trusted, device_owners, run_parameters.
-- Bag: one row a pair of readings of one customer and one instant; a reading that landed twice pairs twice.
--
-- The published join on the timestamp alone pairs devices with whoever recorded at that instant. Here the readings of a
-- device meet those of its own owner's phone only, of the same instant by the clock difference that device_owners has,
-- and not before the customer agreed to research: of several records that agree the one updated last says since when,
-- and of two such the later date counts. That is asked of both sides, so that fewer rows meet.
-- A phone with more than 100 readings of one instant is out of order, and these are left out: each device reading of
-- the instant would be paired with all of them.
--
-- No personal data: customer and device are pseudonyms, a keyed SHA-256. It is nested, so that no digest can be
-- continued to another without the key, and the word before a value keeps a device from having a customer's pseudonym.
-- Pseudonyms are put in the place of numbers last, since a join that holds millions of them would spill; for the same
-- reason device numbers have 32 bits, and sensorReadingTime is told again from the instant. Grouped by device each
-- pseudonym is computed once; DuckDB would hash for every row of the join.
with latest as (
    select
        c.email,
        max(c.lastUpdateDate) as updated_at
    from customer_trusted as c
    group by c.email
),

people as (
    select
        c.email,
        max(c.shareWithResearchAsOfDate) as agreed_at
    from customer_trusted as c
    inner join latest as l
        on c.email = l.email and c.lastUpdateDate is not distinct from l.updated_at
    group by c.email
),

owned as (
    select
        o.serialNumber,
        o.owner,
        o.clock_skew_ms,
        p.agreed_at,
        cast(rank() over (order by o.serialNumber asc) as int) as device
    from device_owners as o
    inner join people as p on o.owner = p.email
),

pseudonyms as (
    select
        o.device,
        min(o.clock_skew_ms) as clock_skew_ms,
        min(sha256(r.pseudonym_key || sha256(r.pseudonym_key || 'customer ' || o.owner))) as customerPseudonym,
        min(sha256(r.pseudonym_key || sha256(r.pseudonym_key || 'device ' || o.serialNumber))) as devicePseudonym
    from owned as o
    cross join run_parameters as r
    group by o.device
),

busy as (
    select a.timestamp as instant
    from accelerometer_trusted as a
    group by a.timestamp
    having count(*) > 100
),

overloaded as (
    select
        a.user as owner,
        a.timestamp as instant
    from accelerometer_trusted as a
    inner join busy as b on a.timestamp = b.instant
    group by a.user, a.timestamp
    having count(*) > 100
),

device_readings as (
    select
        o.device,
        s.distanceFromObject,
        s.sensorReadingTime + o.clock_skew_ms as instant
    from step_trainer_landing as s
    inner join owned as o on s.serialNumber = o.serialNumber
    where s.sensorReadingTime + o.clock_skew_ms >= o.agreed_at
),

phone_readings as (
    select
        o.device,
        a.timestamp,
        a.x,
        a.y,
        a.z
    from accelerometer_trusted as a
    inner join owned as o on a.user = o.owner
    anti join overloaded as v on a.user = v.owner and a.timestamp = v.instant
    where a.timestamp >= o.agreed_at
),

pairs as (
    select
        n.customerPseudonym,
        n.devicePseudonym,
        d.distanceFromObject,
        p.timestamp as "timestamp",
        p.x,
        p.y,
        p.z,
        p.timestamp - n.clock_skew_ms as sensorReadingTime
    from phone_readings as p
    inner join device_readings as d on p.device = d.device and p.timestamp = d.instant
    inner join pseudonyms as n on d.device = n.device
)

select
    cast(p.customerPseudonym as varchar) as customerPseudonym,
    cast(p.devicePseudonym as varchar) as devicePseudonym,
    cast(p.sensorReadingTime as bigint) as sensorReadingTime,
    cast(p.distanceFromObject as bigint) as distanceFromObject,
    cast(p.timestamp as bigint) as "timestamp",
    cast(p.x as double) as x,
    cast(p.y as double) as y,
    cast(p.z as double) as z
from pairs as p
