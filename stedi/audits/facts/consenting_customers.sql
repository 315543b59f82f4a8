-- consenting_customers: emails and serial numbers of customers who agreed to research, by another road than the stages.
-- From the raw text of the landed lines, with the deciding record found by sorting instead of by maxima; `since` is the
-- date of that record, from which on the customer agrees.
with texts as (
    select
        json_extract_string(
            l.line, ['$.email', '$.serialNumber', '$.shareWithResearchAsOfDate', '$.lastUpdateDate']
        ) as found
    from customer_landing_lines as l
),

records as (
    select
        t.found[1] as email,
        t.found[2] as serialNumber,
        try_cast(t.found[3] as bigint) as shared,
        coalesce(try_cast(t.found[3] as bigint) > 0, false) as agrees,
        try_cast(t.found[4] as bigint) as updated
    from texts as t
),

ranked as (
    select
        r.email,
        r.agrees,
        r.shared,
        row_number() over (
            partition by r.email
            order by
                coalesce(r.updated, if(r.agrees, -1000000000000000000, 1000000000000000000)) desc,
                r.agrees asc,
                r.shared desc
        ) as place
    from records as r
)

select distinct
    r.email,
    r.serialNumber,
    k.shared as since
from records as r
inner join ranked as k on r.email = k.email
where r.agrees and k.place = 1 and k.agrees
