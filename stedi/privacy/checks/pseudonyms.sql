-- pseudonyms: customers and devices are 64 hex digits in training_curated, and nothing that anybody can compute.
-- Inputs: training_curated, customer_landing, step_trainer_landing. So no hash without a key or with an empty one, and
-- no text of which each letter is written as two digits.
with pseudonyms as (
    select t.customerPseudonym as pseudonym
    from training_curated as t
    union all
    select t.devicePseudonym
    from training_curated as t
),

emails as (
    select distinct c.email
    from customer_landing as c
),

personal as (
    select e.email as text
    from emails as e
    union
    select lower(trim(e.email))
    from emails as e
    union
    select upper(trim(e.email))
    from emails as e
    union
    select s.serialNumber
    from step_trainer_landing as s
),

plain as (
    select sha256(p.text) as pseudonym
    from personal as p
    union all
    select sha256(sha256('customer ' || p.text))
    from personal as p
    union all
    select sha256(sha256('device ' || p.text))
    from personal as p
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
