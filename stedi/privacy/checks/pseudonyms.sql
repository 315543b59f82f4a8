-- pseudonyms: customers and devices are 64 hex digits in training_curated, and nothing that anybody can compute.
-- Inputs: training_curated, customer_landing, step_trainer_landing. So no hash without a key
-- of anything that landed of a customer, once or twice over, and no text of which each letter is written as two digits.
with pseudonyms as (
    select t.customerPseudonym as pseudonym
    from training_curated as t
    union all
    select t.devicePseudonym
    from training_curated as t
),

personal as (
    select unnest([c.email, c.customerName, c.phone, c.birthDay, c.serialNumber]) as text
    from customer_landing as c
    union
    select s.serialNumber
    from step_trainer_landing as s
),

spelled as (
    select distinct unnest([p.text, trim(p.text), lower(trim(p.text)), upper(trim(p.text))]) as text
    from personal as p
),

hashed as (
    select sha256(k.kind || s.text) as pseudonym
    from spelled as s
    cross join (values (''), ('customer '), ('device ')) as k (kind)
),

plain as (
    select h.pseudonym
    from hashed as h
    union all
    select sha256(h.pseudonym)
    from hashed as h
)

select
    'training_curated' as table_name,
    'with something else than a pseudonym' as what,
    p.pseudonym as key
from pseudonyms as p
where
    not coalesce(regexp_full_match(p.pseudonym, '[0-9a-f]{64}'), false)
    or regexp_full_match(p.pseudonym, '([2-7][0-9a-f])*(00)*')
union all
select
    'training_curated',
    'with a hash that anybody can compute for a pseudonym',
    p.pseudonym
from pseudonyms as p
inner join plain as s on p.pseudonym = s.pseudonym
