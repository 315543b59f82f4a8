-- ledger: of every feed the good rows that landed, those kept in trusted, and those dropped and why.
select
    'customer' as feed,
    (select count(*) from customer_landing) as good,
    (select count(*) from customer_trusted) as kept,
    (
        select count(*)
        from customer_landing as c
        where
            coalesce(c.shareWithResearchAsOfDate, 0) <= 0
            or c.email not in (select k.email from consenting_customers as k)
    ) as dropped,
    'without research consent' as why
union all
select
    'accelerometer',
    (select coalesce(sum(l.readings), 0)::bigint from accelerometer_landing_by_user as l),
    (select count(*) from accelerometer_trusted),
    (
        select coalesce(sum(l.readings), 0)::bigint
        from accelerometer_landing_by_user as l
        where l.user not in (select c.email from customer_trusted as c)
    ),
    'of customers without research consent'
union all
select
    'step_trainer',
    (select coalesce(sum(l.readings), 0)::bigint from step_trainer_landing_by_device as l),
    (select count(*) from step_trainer_trusted),
    (
        select coalesce(sum(l.readings), 0)::bigint
        from step_trainer_landing_by_device as l
        where l.serialNumber not in (select c.serialNumber from customers_curated as c)
    ),
    'of devices without a curated customer'
