-- machine_learning_curated: each trusted device reading with the phone readings of the same instant.
-- Inputs: step_trainer_trusted, accelerometer_trusted.
-- Bag: one row a pair of readings. The join is on the instant alone, as published: where two customers recorded at the
-- same millisecond, each one's device is paired with both phones.
select
    cast(s.sensorReadingTime as bigint) as sensorReadingTime,
    cast(s.serialNumber as varchar) as serialNumber,
    cast(s.distanceFromObject as bigint) as distanceFromObject,
    cast(a.user as varchar) as "user",
    cast(a.timestamp as bigint) as "timestamp",
    cast(a.x as double) as x,
    cast(a.y as double) as y,
    cast(a.z as double) as z
from step_trainer_trusted as s
inner join accelerometer_trusted as a on s.sensorReadingTime = a.timestamp
