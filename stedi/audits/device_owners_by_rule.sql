-- device_owners_by_rule: a device has one owner, and what device_owners says of the evidence is enough by its rule.
-- The rule is written down in device_owners. The device landed, with at least the readings that it is said to have.
select
    'device_owners' as table_name,
    t.serialNumber as key
from device_owners as t
left join step_trainer_landing_by_device as l on t.serialNumber = l.serialNumber
where
    t.readings > coalesce(l.readings, 0)
    or t.matched not between 5 and t.readings
    or t.matched < 0.8 * t.readings
    or t.runner_up_matched < 0
    or t.matched - t.runner_up_matched < 0.2 * t.readings
    or t.confidence <> (t.matched - t.runner_up_matched) / t.readings
union all
select
    'device_owners',
    t.serialNumber
from device_owners as t
group by t.serialNumber
having count(*) > 1
