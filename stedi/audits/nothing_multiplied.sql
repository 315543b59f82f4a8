-- nothing_multiplied: the rows of each trusted table are a sub-bag of what landed.
-- Readings are kept or dropped by whole user and device, so their rows must even be all that landed of those; customer
-- records are compared one by one.
(
    select 'customer_trusted' as table_name, t.email as key
    from (select * from customer_trusted except all select * from customer_landing) as t
)
union all
(
    select 'customers_curated', t.email
    from (select * from customers_curated except all select * from customer_trusted) as t
)
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
