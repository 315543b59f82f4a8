-- owners: no device that has an owner matches the phone of somebody who did not agree as well as its owner's, and that
-- of its owner as well as the row says, which is enough.
-- Inputs: device_owners, step_trainer_landing, accelerometer_landing, consents. The stage sees consenting customers'
-- phones only; here everybody's vote, of whose clock it is only known that it may be as the owner's is, or right. An
-- instant with more than 20 phones or devices says little, and is left out, as by the stage. The stage's bounds hold
-- against these phones too: as well is within 1 of 5 of the device's readings, since a phone may have lost some, unless
-- a device that is nobody's matches that phone better by more than 1 of 10, and so is theirs. What a row says of its
-- owner is held against the instants that many phones have, too: of these the stage sees those only of who agrees.
with owned_readings as (
    select distinct
        o.serialNumber,
        o.clock_skew_ms,
        s.sensorReadingTime as reading
    from device_owners as o
    inner join step_trainer_landing as s on o.serialNumber = s.serialNumber
),

crowded_readings as (
    select s.reading
    from (
        select distinct
            t.serialNumber,
            t.sensorReadingTime as reading
        from step_trainer_landing as t
        where t.sensorReadingTime in (select r.reading from owned_readings as r)
    ) as s
    group by s.reading
    having count(*) > 20
),

device_instants as (
    select distinct
        r.serialNumber,
        r.reading,
        r.reading + n.shift * r.clock_skew_ms as instant
    from owned_readings as r
    anti join crowded_readings as c on r.reading = c.reading
    cross join (values (0), (1)) as n (shift)
),

phone_instants as (
    select distinct
        a.user as owner,
        a.timestamp as instant
    from accelerometer_landing as a
    where a.timestamp in (select d.instant from device_instants as d)
),

crowded as (
    select p.instant
    from phone_instants as p
    group by p.instant
    having count(*) > 20
),

votes as (
    select
        d.serialNumber,
        p.owner,
        count(*) as matched
    from device_instants as d
    inner join phone_instants as p on d.instant = p.instant
    anti join crowded as c on d.instant = c.instant
    group by d.serialNumber, p.owner
),

readings as (
    select
        d.serialNumber,
        count(distinct d.reading) as readings
    from device_instants as d
    anti join crowded as c on d.instant = c.instant
    group by d.serialNumber
),

rivals as (
    select
        o.serialNumber,
        o.owner,
        o.clock_skew_ms,
        r.owner as rival,
        r.matched as rival_matched,
        coalesce(v.matched, 0) as matched,
        coalesce(n.readings, 0) as readings
    from device_owners as o
    inner join votes as r on o.serialNumber = r.serialNumber
    anti join consents as k on r.owner = k.email
    left join votes as v on o.serialNumber = v.serialNumber and o.owner = v.owner
    left join readings as n on o.serialNumber = n.serialNumber
    where r.matched >= coalesce(v.matched, 0) or (v.matched - r.matched) * 5 < n.readings
),

unowned as (
    select
        p.owner,
        p.clock_skew_ms,
        s.serialNumber,
        count(*) as matched
    from (
        select distinct
            v.rival as owner,
            v.clock_skew_ms,
            v.clock_skew_ms * n.shift as difference
        from rivals as v
        cross join (values (0), (1)) as n (shift)
    ) as p
    inner join (
        select distinct
            a.user as owner,
            a.timestamp as instant
        from accelerometer_landing as a
        where a.user in (select v.rival from rivals as v)
    ) as i on p.owner = i.owner
    inner join (
        select distinct
            t.serialNumber,
            t.sensorReadingTime as reading
        from step_trainer_landing as t
        where t.serialNumber not in (select o.serialNumber from device_owners as o)
    ) as s on i.instant - p.difference = s.reading
    group by p.owner, p.clock_skew_ms, p.difference, s.serialNumber
),

own as (
    select
        u.owner,
        u.clock_skew_ms,
        max(u.matched * 1000 // t.readings) as share
    from unowned as u
    inner join (
        select
            s.serialNumber,
            count(distinct s.sensorReadingTime) as readings
        from step_trainer_landing as s
        where s.serialNumber in (select w.serialNumber from unowned as w)
        group by s.serialNumber
    ) as t on u.serialNumber = t.serialNumber
    where u.matched >= 5
    group by u.owner, u.clock_skew_ms
),

evidence as (
    select
        r.serialNumber,
        p.owner,
        count(*) as matched
    from owned_readings as r
    inner join phone_instants as p on r.reading + r.clock_skew_ms = p.instant
    inner join device_owners as o on r.serialNumber = o.serialNumber and p.owner = o.owner
    group by r.serialNumber, p.owner
)

select
    'device_owners' as table_name,
    'of a device that matches the phone of somebody without consent as well' as what,
    r.owner as key
from rivals as r
left join own as w on r.rival = w.owner and r.clock_skew_ms = w.clock_skew_ms
where r.rival_matched >= r.matched or r.rival_matched * 1000 // r.readings + 100 >= coalesce(w.share, 0)
group by r.serialNumber, r.owner
union all
select
    'device_owners',
    'of a device that matches the phone of its owner less than the row says, or not well enough',
    o.owner
from device_owners as o
left join evidence as e on o.serialNumber = e.serialNumber and o.owner = e.owner
left join votes as v on o.serialNumber = v.serialNumber and o.owner = v.owner
where
    v.matched is null
    or coalesce(o.matched < 5, true)
    or coalesce(o.matched * 5 < o.readings * 4, true)
    or coalesce(e.matched, 0) < o.matched
