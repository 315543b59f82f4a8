-- left_out_of_training_curated: readings of consenting customers that nobody may train on, and why.
-- Those of a phone that are older than the consent, and those of a device that is nobody's.
select
    'phone readings older than the consent' as why,
    (
        select count(*)
        from accelerometer_trusted as a
        inner join (
            select distinct
                c.email,
                c.since
            from consenting_customers as c
        ) as k on a.user = k.email
        where a.timestamp < k.since
    ) as number
union all
select
    'device readings of devices that are nobody''s',
    (
        select coalesce(sum(l.readings), 0)::bigint
        from step_trainer_landing_by_device as l
        anti join device_owners as o on l.serialNumber = o.serialNumber
    )
