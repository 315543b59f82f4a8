-- machine_learning_traceable: every machine_learning_curated row is a trusted device and a trusted phone reading.
-- And both are of the same instant. Readings are compared by a 64-bit hash, which is twice as fast as by their columns.
select 'machine_learning_curated' as table_name, m.serialNumber as key
from machine_learning_curated as m
where m.sensorReadingTime is distinct from m.timestamp
union all
select 'machine_learning_curated', m.serialNumber
from (
    select
        c.serialNumber,
        hash(c.sensorReadingTime, c.serialNumber, c.distanceFromObject) as reading
    from machine_learning_curated as c
) as m
anti join (
    select hash(t.sensorReadingTime, t.serialNumber, t.distanceFromObject) as reading
    from step_trainer_trusted as t
) as s on m.reading = s.reading
union all
select 'machine_learning_curated', m.user
from (
    select
        c.user,
        hash(c.user, c.timestamp, c.x, c.y, c.z) as reading
    from machine_learning_curated as c
) as m
anti join (
    select hash(t.user, t.timestamp, t.x, t.y, t.z) as reading
    from accelerometer_trusted as t
) as a on m.reading = a.reading
