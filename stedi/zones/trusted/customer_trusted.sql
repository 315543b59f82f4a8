-- customer_trusted: customers who agreed to share with research.
-- Inputs: customer_landing.
-- Bag: one row a customer record; a record that landed twice stands here twice.
--
-- A record agrees when it carries a research date above 0. A customer may have several records (one email):
-- the one updated last decides, and a tie or an unknown date decides against. So a record without the date
-- that lands later is a withdrawal, and it takes the customer's older records out too.
with decisions as (
    select
        c.email,
        max(case when c.shareWithResearchAsOfDate > 0 then coalesce(c.lastUpdateDate, -999999999999999999) end)
            as agreed_at,
        max(case when c.shareWithResearchAsOfDate > 0 then null else coalesce(c.lastUpdateDate, 999999999999999999) end)
            as refused_at
    from customer_landing as c
    group by c.email
),

consenting as (
    select d.email
    from decisions as d
    where d.agreed_at is not null and (d.refused_at is null or d.agreed_at > d.refused_at)
)

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
from customer_landing as c
where
    c.shareWithResearchAsOfDate > 0
    and c.email in (select k.email from consenting as k)
