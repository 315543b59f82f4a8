-- device_owners: whose device it is, found by the instants it shares with phones of consenting customers.
-- Inputs: step_trainer_landing, accelerometer_trusted, run_parameters.
-- Bag: one row a device that can be attributed; nothing stands here of the others. Near ties are found too, and then
-- left out by `stays`, so that a build can count them.
--
-- The customers' serial numbers are not looked at: the fulfilment site gave the same 30 of them to millions of
-- customers. What a device and its owner's phone have in common is when they recorded. So a phone has a vote for each
-- instant of a device at which it recorded too, and is the owner's with
--   - at least 5 instants in common,
--   - at least 4 of 5 of the device's instants: a device of somebody who did not consent matches nobody well,
--   - a lead over the next phone of at least 1 of 5 of them: a near tie stays unattributed,
--   - at most 1 of 10 less than another device of the same phone: of two people who always train together, one of whom
--     consented, the other's device is behind the consenting one's own.
-- An instant with more than 20 phones or more than 20 devices says little about any of them. It is left out on both
-- sides, and that bounds the votes at 20 an instant of a device. docs/privacy.md has the measurements behind this.
--
-- In between devices and phones are numbers of 32 bits: texts would take twice the memory, and are what spills first.
--
-- With clock_skew_ms above 0 a phone's clock may be that much ahead of the device's or behind it, always by the same.
-- Votes are then counted by phone and difference. First all devices are judged as above at the difference that most
-- votes are for, if it is none or that of 10 devices. A device that is still nobody's is judged by the best difference
-- of each phone, and only given a phone that no device has, if besides no other device matches that phone within 1 of
-- 5: with differences to choose from, devices that record at a steady pace match many phones. Instants meet by windows
-- of clock_skew_ms + 1, each device's with the neighbouring windows too; without skew a window is one instant, and has
-- no neighbours.
with devices as (
    select
        s.serialNumber,
        cast(row_number() over (order by s.serialNumber asc) as int) as device
    from step_trainer_landing as s
    group by s.serialNumber
),

phones as (
    select
        a.user as owner,
        cast(row_number() over (order by a.user asc) as int) as phone
    from accelerometer_trusted as a
    group by a.user
),

device_instants as (
    select distinct
        n.device,
        s.sensorReadingTime as instant
    from step_trainer_landing as s
    inner join devices as n on s.serialNumber = n.serialNumber
),

phone_instants as (
    select distinct
        n.phone,
        a.timestamp as instant
    from accelerometer_trusted as a
    inner join phones as n on a.user = n.owner
),

crowded as (
    select d.instant
    from device_instants as d
    group by d.instant
    having count(*) > 20
    union
    select p.instant
    from phone_instants as p
    group by p.instant
    having count(*) > 20
),

shifts as (
    select
        n.shift,
        r.clock_skew_ms
    from (values (0), (-1), (1)) as n (shift)
    cross join run_parameters as r
    where n.shift = 0 or r.clock_skew_ms > 0
),

device_windows as (
    select
        d.device,
        d.instant,
        d.instant // (h.clock_skew_ms + 1) + h.shift as place
    from device_instants as d
    cross join shifts as h
    anti join crowded as c on d.instant = c.instant
),

phone_windows as (
    select
        p.phone,
        p.instant,
        r.clock_skew_ms,
        p.instant // (r.clock_skew_ms + 1) as place
    from phone_instants as p
    cross join run_parameters as r
    anti join crowded as c on p.instant = c.instant
),

votes as (
    select
        d.device,
        p.phone,
        p.instant - d.instant as difference,
        count(*) as matched
    from device_windows as d
    inner join phone_windows as p on d.place = p.place
    where abs(p.instant - d.instant) <= p.clock_skew_ms
    group by d.device, p.phone, p.instant - d.instant
),

readings as (
    select
        d.device,
        count(*) as readings
    from device_instants as d
    anti join crowded as c on d.instant = c.instant
    where
        d.device in (
            select v.device
            from votes as v
            where v.matched >= 5
        )
    group by d.device
),

differences as (
    select
        v.difference,
        row_number() over (order by sum(v.matched) desc, abs(v.difference) asc, v.difference asc) as place
    from votes as v
    where v.matched >= 5
    group by v.difference
    having v.difference = 0 or count(*) >= 10
),

candidates as (
    select
        v.device,
        v.phone,
        v.difference,
        v.matched,
        row_number() over (partition by v.device order by v.matched desc, v.phone asc) as place,
        coalesce(
            lead(v.matched) over (partition by v.device order by v.matched desc, v.phone asc), 0
        ) as runner_up
    from votes as v
    inner join differences as f on v.difference = f.difference
    where f.place = 1
),

winners as (
    select
        c.device,
        c.phone,
        c.difference,
        r.readings,
        c.matched,
        c.runner_up,
        c.matched * 1000 // r.readings as share,
        (c.matched - c.runner_up) * 5 >= r.readings as is_clear,
        max(case when (c.matched - c.runner_up) * 5 >= r.readings then c.matched * 1000 // r.readings end)
            over (partition by c.phone)
            as best_share
    from candidates as c
    inner join readings as r on c.device = r.device
    where
        c.place = 1
        and c.matched >= 5
        and c.matched * 5 >= r.readings * 4
),

judged as (
    select
        w.device,
        w.phone,
        w.difference,
        w.readings,
        w.matched,
        w.runner_up,
        w.is_clear and w.share + 100 >= w.best_share as stays
    from winners as w
),

owned as (
    select
        j.device,
        j.phone
    from judged as j
    where j.stays
),

searched as (
    select
        v.device,
        v.phone,
        v.difference,
        r.readings,
        v.matched,
        row_number() over (
            partition by v.device, v.phone
            order by v.matched desc, abs(v.difference) asc, v.difference asc
        ) as place
    from votes as v
    inner join readings as r on v.device = r.device
    cross join run_parameters as p
    where p.clock_skew_ms > 0 and v.device not in (select o.device from owned as o)
),

rivals as (
    select
        s.device,
        s.phone,
        s.difference,
        s.readings,
        s.matched,
        row_number() over (partition by s.device order by s.matched desc, s.phone asc) as place,
        coalesce(
            lead(s.matched) over (partition by s.device order by s.matched desc, s.phone asc), 0
        ) as runner_up,
        s.matched * 1000 // s.readings as share,
        row_number() over (
            partition by s.phone order by s.matched * 1000 // s.readings desc, s.device asc
        ) as phone_place,
        coalesce(
            lead(s.matched * 1000 // s.readings) over (
                partition by s.phone order by s.matched * 1000 // s.readings desc, s.device asc
            ),
            0
        ) as phone_runner_up
    from searched as s
    where s.place = 1
),

claims as (
    select
        t.device,
        t.phone,
        t.difference,
        t.readings,
        t.matched,
        t.runner_up,
        t.stays
    from judged as t
    union all
    select
        s.device,
        s.phone,
        s.difference,
        s.readings,
        s.matched,
        s.runner_up,
        true as stays
    from rivals as s
    where
        s.place = 1
        and s.phone_place = 1
        and s.matched >= 5
        and s.matched * 5 >= s.readings * 4
        and (s.matched - s.runner_up) * 5 >= s.readings
        and s.share >= s.phone_runner_up + 200
        and s.phone not in (select o.phone from owned as o)
),

found as (
    select
        n.serialNumber,
        p.owner,
        c.readings,
        c.matched,
        c.runner_up as runner_up_matched,
        c.difference as clock_skew_ms,
        c.stays,
        cast(c.matched - c.runner_up as double) / nullif(c.readings, 0) as confidence
    from claims as c
    inner join devices as n on c.device = n.device
    inner join phones as p on c.phone = p.phone
)

select
    cast(f.serialNumber as varchar) as serialNumber,
    cast(f.owner as varchar) as owner,
    cast(f.readings as bigint) as readings,
    cast(f.matched as bigint) as matched,
    cast(f.runner_up_matched as bigint) as runner_up_matched,
    cast(f.confidence as double) as confidence,
    cast(f.clock_skew_ms as bigint) as clock_skew_ms
from found as f
where f.stays
