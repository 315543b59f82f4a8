-- training: the training rows of a pseudonym are readings of one customer who agrees, from the consent on.
-- Inputs: training_curated, device_owners, consents, step_trainer_landing, accelerometer_landing. Whose a row is, is
-- found from what it measures: the phone's reading landed under an email, and the device's is of a device of the same
-- customer's, apart by the clock difference of device_owners. The key of the pseudonyms is not needed. A phone reading
-- that more than 100 people have says nothing about whose a pseudonym is; of the others the three likeliest are tried,
-- and whoever is as likely: phones that lie still measure the same.
with training as (
    select
        t.customerPseudonym as customer,
        t.devicePseudonym as device,
        t.timestamp as instant,
        t.timestamp - t.sensorReadingTime as difference,
        hash(t.timestamp, t.x, t.y, t.z) as phone_reading,
        hash(t.sensorReadingTime, t.distanceFromObject) as device_reading
    from training_curated as t
),

phones as (
    select distinct
        a.user as owner,
        hash(a.timestamp, a.x, a.y, a.z) as phone_reading
    from accelerometer_landing as a
    where hash(a.timestamp, a.x, a.y, a.z) in (select t.phone_reading from training as t)
),

devices as (
    select distinct
        o.owner,
        o.clock_skew_ms as difference,
        hash(s.sensorReadingTime, s.distanceFromObject) as device_reading
    from step_trainer_landing as s
    inner join device_owners as o on s.serialNumber = o.serialNumber
),

shared as (
    select p.phone_reading
    from phones as p
    group by p.phone_reading
    having count(*) > 100
),

likely as (
    select
        t.customer,
        t.device,
        p.owner,
        rank() over (partition by t.customer, t.device order by count(*) desc) as place
    from training as t
    inner join phones as p on t.phone_reading = p.phone_reading
    anti join shared as s on t.phone_reading = s.phone_reading
    group by t.customer, t.device, p.owner
),

explained as (
    select
        t.customer,
        t.device,
        p.owner,
        count(*) as readings,
        count(*) filter (where d.owner is not null and t.instant >= k.since) as good,
        count(*) filter (where t.instant < k.since) as early,
        count(*) filter (where k.email is null) as unwilling
    from training as t
    inner join likely as n on t.customer = n.customer and t.device = n.device
    inner join phones as p on n.owner = p.owner and t.phone_reading = p.phone_reading
    left join devices as d
        on p.owner = d.owner and t.difference = d.difference and t.device_reading = d.device_reading
    left join consents as k on p.owner = k.email
    where n.place <= 3
    group by t.customer, t.device, p.owner
),

best as (
    select
        e.customer,
        e.device,
        e.readings,
        e.good,
        e.early,
        e.unwilling,
        row_number() over (
            partition by e.customer, e.device order by e.good desc, e.readings desc, e.unwilling asc, e.owner asc
        ) as place
    from explained as e
),

rows_of as (
    select
        t.customer,
        t.device,
        count(*) as readings
    from training as t
    group by t.customer, t.device
),

held as (
    select
        r.customer,
        r.readings,
        coalesce(b.readings, 0) as landed,
        coalesce(b.good, 0) as good,
        coalesce(b.early, 0) as early,
        coalesce(b.unwilling, 0) as unwilling
    from rows_of as r
    left join best as b
        on
            r.customer is not distinct from b.customer
            and r.device is not distinct from b.device
            and b.place = 1
)

select
    'training_curated' as table_name,
    'of a customer without consent' as what,
    h.customer as key,
    h.unwilling as number
from held as h
where h.unwilling > 0
union all
select
    'training_curated',
    'from before the consent',
    h.customer,
    h.early
from held as h
where h.early > 0
union all
select
    'training_curated',
    'that are no readings of the customer of their pseudonym',
    h.customer,
    h.readings - h.landed
from held as h
where h.landed < h.readings
union all
select
    'training_curated',
    'of a device that is not its customer''s',
    h.customer,
    h.readings - h.good
from held as h
where h.good < h.readings and h.landed = h.readings and h.early = 0 and h.unwilling = 0
