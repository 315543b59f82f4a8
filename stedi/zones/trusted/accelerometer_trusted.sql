-- accelerometer_trusted: phone readings of customers who agreed to research.
-- Inputs: accelerometer_landing, customer_trusted.
-- Bag: one row a landing reading; a reading is never multiplied by its customer's records.
--
-- `user` is the email the phone app was logged in with; accelerometer columns only, so no customer data rides along.
select
    cast(a.user as varchar) as "user",
    cast(a.timestamp as bigint) as "timestamp",
    cast(a.x as double) as x,
    cast(a.y as double) as y,
    cast(a.z as double) as z
from accelerometer_landing as a
where a.user in (select c.email from customer_trusted as c)
