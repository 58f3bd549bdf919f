{#
    Versions of a company or a security follow one another without gap or overlap and the last one is open; a version of
    a security lies inside the version of the company that it names. A returned row is a version that breaks this; a
    daily run reads the companies and securities that its batches touched.
#}
{% set from_batch = test_from_batch() %}

with companies as (

    select * from {{ ref('dim_company') }}

),

securities as (

    select * from {{ ref('dim_security') }}

),

versions as (

    select
        'company ' || company_id as versioned,
        effective_date,
        end_date,
        batch_id
    from companies

    union all

    select
        'security ' || symbol as versioned,
        effective_date,
        end_date,
        batch_id
    from securities

),

successions as (

    select
        *,
        lead(effective_date, 1, {{ end_of_time() }}) over (
            partition by versioned order by effective_date
        ) as next_date
    from versions
    {%- if from_batch %}
    where versioned in (select versioned from versions where batch_id >= {{ from_batch }})
    {%- endif %}

)

select
    versioned,
    effective_date,
    end_date,
    'does not end where the next version starts' as broken_rule
from successions
where end_date <> next_date

union all

select
    'security ' || securities.symbol as versioned,
    securities.effective_date,
    securities.end_date,
    'is not inside the version of its company' as broken_rule
from securities
left join companies
    on securities.sk_company_id = companies.sk_company_id
where
    securities.batch_id >= {{ from_batch }}
    and (
        companies.sk_company_id is null
        or securities.effective_date < companies.effective_date
        or securities.end_date > companies.end_date
    )
