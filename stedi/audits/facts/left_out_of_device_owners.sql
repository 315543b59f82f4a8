-- left_out_of_device_owners: of the devices that landed, those that are nobody's, and why.
-- A near tie was found by the stage, which left it out. A device with fewer than 5 readings cannot have 5 instants in
-- common with anybody. All others match no phone of a consenting customer well enough.
with nobodys as (
    select
        l.serialNumber,
        l.readings
    from step_trainer_landing_by_device as l
    anti join device_owners as o on l.serialNumber = o.serialNumber
),

ties as (
    select n.serialNumber
    from nobodys as n
    where n.serialNumber in (select t.serialNumber from device_owners_left as t)
)

select
    'devices near a tie' as why,
    (select count(*) from ties) as number
union all
select
    'devices with fewer than 5 readings',
    (
        select count(*)
        from nobodys as n
        where n.readings < 5
    )
union all
select
    'devices that match nobody',
    (
        select count(*)
        from nobodys as n
        anti join ties as t on n.serialNumber = t.serialNumber
        where n.readings >= 5
    )
