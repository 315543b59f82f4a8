-- pseudonyms: customers and devices are 64 hex digits in training_curated, and not a hash without a key.
-- Inputs: training_curated, customer_landing, step_trainer_landing.
with pseudonyms as (
    select t.customerPseudonym as pseudonym
    from training_curated as t
    union all
    select t.devicePseudonym
    from training_curated as t
),

plain as (
    select sha256(c.email) as pseudonym
    from customer_landing as c
    union all
    select sha256(lower(c.email))
    from customer_landing as c
    union all
    select sha256(d.serialNumber)
    from (select distinct s.serialNumber from step_trainer_landing as s) as d
)

select
    'training_curated' as table_name,
    'with something else than a pseudonym' as what,
    p.pseudonym as key
from pseudonyms as p
where not coalesce(regexp_full_match(p.pseudonym, '[0-9a-f]{64}'), false)
union all
select
    'training_curated',
    'with a hash that anybody can compute for a pseudonym',
    p.pseudonym
from pseudonyms as p
inner join plain as s on p.pseudonym = s.pseudonym
