-- machine_learning_traceable: every machine_learning_curated row is a trusted device and a trusted phone reading.
-- And both are of the same instant. Readings are compared by a 64-bit hash, which is twice as fast as by their columns.
select
    'machine_learning_curated' as table_name,
    m.serialNumber as key
from (
    select
        c.serialNumber,
        c.sensorReadingTime,
        c.timestamp,
        hash(c.sensorReadingTime, c.serialNumber, c.distanceFromObject) as device_reading,
        hash(c.user, c.timestamp, c.x, c.y, c.z) as phone_reading
    from machine_learning_curated as c
) as m
where
    m.sensorReadingTime is distinct from m.timestamp
    or m.device_reading not in (
        select hash(t.sensorReadingTime, t.serialNumber, t.distanceFromObject)
        from step_trainer_trusted as t
    )
    or m.phone_reading not in (
        select hash(t.user, t.timestamp, t.x, t.y, t.z)
        from accelerometer_trusted as t
    )
