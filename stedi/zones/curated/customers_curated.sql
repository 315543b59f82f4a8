-- customers_curated: trusted customers who have accelerometer readings.
-- Inputs: customer_trusted, accelerometer_trusted.
-- Bag: one row a trusted customer record, however many readings the customer has.
select
    cast(c.customerName as varchar) as customerName,
    cast(c.email as varchar) as email,
    cast(c.phone as varchar) as phone,
    cast(c.birthDay as varchar) as birthDay,
    cast(c.serialNumber as varchar) as serialNumber,
    cast(c.registrationDate as bigint) as registrationDate,
    cast(c.lastUpdateDate as bigint) as lastUpdateDate,
    cast(c.shareWithResearchAsOfDate as bigint) as shareWithResearchAsOfDate,
    cast(c.shareWithPublicAsOfDate as bigint) as shareWithPublicAsOfDate,
    cast(c.shareWithFriendsAsOfDate as bigint) as shareWithFriendsAsOfDate
from customer_trusted as c
where c.email in (select a.user from accelerometer_trusted as a)
