-- owners: no device that has an owner matches the phone of somebody who did not agree as well as its owner's.
-- Inputs: device_owners, step_trainer_landing, accelerometer_landing, consents. The stage sees consenting customers'
-- phones only; here everybody's vote, of whose clock it is only known that it may be as the owner's is, or right. An
-- instant with more than 20 phones or devices says little, and is left out, as by the stage.
with device_instants as (
    select distinct
        o.serialNumber,
        s.sensorReadingTime + n.shift * o.clock_skew_ms as instant
    from device_owners as o
    inner join step_trainer_landing as s on o.serialNumber = s.serialNumber
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

others as (
    select
        v.serialNumber,
        max(v.matched) as matched
    from votes as v
    anti join consents as k on v.owner = k.email
    group by v.serialNumber
)

select
    'device_owners' as table_name,
    'of a device that matches the phone of somebody without consent as well' as what,
    o.owner as key
from device_owners as o
left join votes as v on o.serialNumber = v.serialNumber and o.owner = v.owner
inner join others as r on o.serialNumber = r.serialNumber
where r.matched >= coalesce(v.matched, 0)
union all
select
    'device_owners',
    'of a device that has no instant in common with the phone of its owner',
    o.owner
from device_owners as o
anti join votes as v on o.serialNumber = v.serialNumber and o.owner = v.owner
