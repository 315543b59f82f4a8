-- nothing_multiplied: the rows of each trusted table are a sub-bag of what landed.
-- Readings are kept or dropped by whole user and device, so their rows must even be all that landed of those; customer
-- records are compared one by one.
with landed as (
    select
        hash(c) as record,
        count(*) as times
    from customer_landing as c
    group by record
),

trusted as (
    select
        hash(c) as record,
        count(*) as times,
        min(c.email) as email
    from customer_trusted as c
    group by record
),

curated as (
    select
        hash(c) as record,
        count(*) as times,
        min(c.email) as email
    from customers_curated as c
    group by record
)

select 'customer_trusted' as table_name, t.email as key
from trusted as t
left join landed as l on t.record = l.record
where t.times > coalesce(l.times, 0)
union all
select 'customers_curated', c.email
from curated as c
left join trusted as t on c.record = t.record
where c.times > coalesce(t.times, 0)
union all
select 'accelerometer_trusted', t.user
from (
    select
        a.user as "user",
        count(*) as readings,
        sum(hash(a.timestamp, a.x, a.y, a.z)) as digest
    from accelerometer_trusted as a
    group by a.user
) as t
anti join accelerometer_landing_by_user as l using ("user", readings, digest)
union all
select 'step_trainer_trusted', t.serialNumber
from (
    select
        s.serialNumber,
        count(*) as readings,
        sum(hash(s.sensorReadingTime, s.distanceFromObject)) as digest
    from step_trainer_trusted as s
    group by s.serialNumber
) as t
anti join step_trainer_landing_by_device as l using (serialNumber, readings, digest)
