-- landed: every trusted and curated reading landed under the name it has: nobody's reading stands under another's.
-- Inputs: the tables but device_owners and training_curated, and the landing feeds. Readings are compared by a 64-bit
-- hash of their columns.
with landed_customers as (
    select distinct hash(c) as record
    from customer_landing as c
)

select
    'customer_trusted' as table_name,
    'that did not land so' as what,
    t.email as key
from (
    select
        u.email,
        hash(u) as record
    from customer_trusted as u
) as t
anti join landed_customers as c on t.record = c.record
union all
select
    'customers_curated',
    'that did not land so',
    t.email
from (
    select
        u.email,
        hash(u) as record
    from customers_curated as u
) as t
anti join landed_customers as c on t.record = c.record
union all
select
    'accelerometer_trusted',
    'that did not land so',
    t.user
from accelerometer_trusted as t
where
    hash(t.user, t.timestamp, t.x, t.y, t.z) not in (
        select hash(a.user, a.timestamp, a.x, a.y, a.z)
        from accelerometer_landing as a
    )
union all
select
    'step_trainer_trusted',
    'that did not land so',
    t.serialNumber
from step_trainer_trusted as t
where
    hash(t.sensorReadingTime, t.serialNumber, t.distanceFromObject) not in (
        select hash(s.sensorReadingTime, s.serialNumber, s.distanceFromObject)
        from step_trainer_landing as s
    )
union all
select
    'machine_learning_curated',
    'of a phone reading that did not land so',
    t.user
from machine_learning_curated as t
where
    hash(t.user, t.timestamp, t.x, t.y, t.z) not in (
        select hash(a.user, a.timestamp, a.x, a.y, a.z)
        from accelerometer_landing as a
    )
union all
select
    'machine_learning_curated',
    'of a device reading that did not land so',
    t.serialNumber
from machine_learning_curated as t
where
    hash(t.sensorReadingTime, t.serialNumber, t.distanceFromObject) not in (
        select hash(s.sensorReadingTime, s.serialNumber, s.distanceFromObject)
        from step_trainer_landing as s
    )
