-- keys_present: no trusted or curated row lacks a key.
-- A key is email and serialNumber, user and timestamp, sensorReadingTime and serialNumber: there, and not empty. What
-- device_owners says of its evidence is there too.
select 'customer_trusted' as table_name, 'email or serialNumber' as key
from customer_trusted as t
where coalesce(t.email, '') = '' or coalesce(t.serialNumber, '') = ''
union all
select 'customers_curated', 'email or serialNumber'
from customers_curated as t
where coalesce(t.email, '') = '' or coalesce(t.serialNumber, '') = ''
union all
select 'accelerometer_trusted', 'user or timestamp'
from accelerometer_trusted as t
where coalesce(t.user, '') = '' or t.timestamp is null
union all
select 'step_trainer_trusted', 'sensorReadingTime or serialNumber'
from step_trainer_trusted as t
where t.sensorReadingTime is null or coalesce(t.serialNumber, '') = ''
union all
select 'machine_learning_curated', 'sensorReadingTime, serialNumber, user or timestamp'
from machine_learning_curated as t
where
    t.sensorReadingTime is null
    or coalesce(t.serialNumber, '') = ''
    or coalesce(t.user, '') = ''
    or t.timestamp is null
union all
select 'device_owners', 'serialNumber, owner or what speaks for it'
from device_owners as t
where
    coalesce(t.serialNumber, '') = ''
    or coalesce(t.owner, '') = ''
    or t.readings is null
    or t.matched is null
    or t.runner_up_matched is null
    or t.confidence is null
    or t.clock_skew_ms is null
union all
select 'training_curated', 'customerPseudonym, devicePseudonym, sensorReadingTime or timestamp'
from training_curated as t
where
    coalesce(t.customerPseudonym, '') = ''
    or coalesce(t.devicePseudonym, '') = ''
    or t.sensorReadingTime is null
    or t.timestamp is null
