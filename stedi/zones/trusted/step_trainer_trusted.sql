-- step_trainer_trusted: device readings whose serial number a curated customer has.
-- Inputs: step_trainer_landing, customers_curated.
-- Bag: one row a landing reading, whatever the customers' serial numbers repeat: the fulfilment site gave the same
-- 30 serial numbers to millions of customers, and a join would multiply each reading by all of them.
select
    cast(s.sensorReadingTime as bigint) as sensorReadingTime,
    cast(s.serialNumber as varchar) as serialNumber,
    cast(s.distanceFromObject as bigint) as distanceFromObject
from step_trainer_landing as s
where s.serialNumber in (select c.serialNumber from customers_curated as c)
