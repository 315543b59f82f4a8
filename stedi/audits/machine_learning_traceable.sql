-- machine_learning_traceable: every machine_learning_curated row is a trusted device reading and a trusted phone reading.
-- And of the same instant, and no pair is missing or stands twice.
select 'machine_learning_curated' as table_name, m.serialNumber as key
from machine_learning_curated as m
where m.sensorReadingTime is distinct from m.timestamp
union all
select 'machine_learning_curated', m.serialNumber
from machine_learning_curated as m
anti join step_trainer_trusted as s
    on m.serialNumber = s.serialNumber
    and m.sensorReadingTime = s.sensorReadingTime
    and m.distanceFromObject is not distinct from s.distanceFromObject
union all
select 'machine_learning_curated', m.user
from machine_learning_curated as m
anti join accelerometer_trusted as a
    on m.timestamp = a.timestamp
    and m.user = a.user
    and m.x is not distinct from a.x
    and m.y is not distinct from a.y
    and m.z is not distinct from a.z
