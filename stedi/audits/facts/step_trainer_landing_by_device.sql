-- step_trainer_landing_by_device: how many readings of each device landed, and what they add up to.
-- Counted once for all audits, see accelerometer_landing_by_user.
select
    s.serialNumber,
    count(*) as readings,
    sum(hash(s.sensorReadingTime, s.distanceFromObject)) as digest
from step_trainer_landing as s
group by s.serialNumber
