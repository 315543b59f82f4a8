-- consenting_customers: emails and serial numbers of customers who agreed to research, by another road than the stages.
-- From the raw text of the landed lines, with the deciding record found by sorting instead of by maxima.
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
        coalesce(try_cast(t.found[3] as bigint) > 0, false) as agrees,
        try_cast(t.found[4] as bigint) as updated
    from texts as t
),

ranked as (
    select
        r.email,
        r.agrees,
        row_number() over (
            partition by r.email
            order by
                coalesce(r.updated, if(r.agrees, -999999999999999999, 999999999999999999)) desc,
                r.agrees asc
        ) as place
    from records as r
)

select distinct
    r.email,
    r.serialNumber
from records as r
where
    r.agrees
    and r.email in (
        select k.email
        from ranked as k
        where k.place = 1 and k.agrees
    )
