-- landed: every trusted and curated reading landed under the name it has: nobody's reading stands under another's.
-- Inputs: the tables but device_owners and training_curated, and the landing feeds. Rows are compared by a 64-bit
-- hash of their columns. DuckDB takes texts eight bytes at a time, and of two that differ in one bit at the end of two
-- such pieces it may make one hash, so each text is hashed once more, moved by a letter.
with landed_customers as (
    select distinct
        hash(
            c, ' ' || c.customerName, ' ' || c.email, ' ' || c.phone, ' ' || c.birthDay, ' ' || c.serialNumber
        ) as record
    from customer_landing as c
),

customers as (
    select
        'customer_trusted' as table_name,
        t.email as key,
        hash(
            t, ' ' || t.customerName, ' ' || t.email, ' ' || t.phone, ' ' || t.birthDay, ' ' || t.serialNumber
        ) as record
    from customer_trusted as t
    union all
    select
        'customers_curated',
        t.email,
        hash(
            t, ' ' || t.customerName, ' ' || t.email, ' ' || t.phone, ' ' || t.birthDay, ' ' || t.serialNumber
        )
    from customers_curated as t
),

phone_readings as (
    select
        'accelerometer_trusted' as table_name,
        'that did not land so' as what,
        t.user as key,
        hash(t.user, ' ' || t.user, t.timestamp, t.x, t.y, t.z) as reading
    from accelerometer_trusted as t
    union all
    select
        'machine_learning_curated',
        'of a phone reading that did not land so',
        t.user,
        hash(t.user, ' ' || t.user, t.timestamp, t.x, t.y, t.z)
    from machine_learning_curated as t
),

device_readings as (
    select
        'step_trainer_trusted' as table_name,
        'that did not land so' as what,
        t.serialNumber as key,
        hash(t.sensorReadingTime, t.serialNumber, ' ' || t.serialNumber, t.distanceFromObject) as reading
    from step_trainer_trusted as t
    union all
    select
        'machine_learning_curated',
        'of a device reading that did not land so',
        t.serialNumber,
        hash(t.sensorReadingTime, t.serialNumber, ' ' || t.serialNumber, t.distanceFromObject)
    from machine_learning_curated as t
)

select
    c.table_name,
    'that did not land so' as what,
    c.key
from customers as c
anti join landed_customers as l on c.record = l.record
union all
select
    p.table_name,
    p.what,
    p.key
from phone_readings as p
where
    p.reading not in (
        select hash(a.user, ' ' || a.user, a.timestamp, a.x, a.y, a.z)
        from accelerometer_landing as a
    )
union all
select
    d.table_name,
    d.what,
    d.key
from device_readings as d
where
    d.reading not in (
        select hash(s.sensorReadingTime, s.serialNumber, ' ' || s.serialNumber, s.distanceFromObject)
        from step_trainer_landing as s
    )
