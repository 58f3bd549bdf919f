{#
    A row of the market history refers to the version of its security that was valid on its day, to the company of that
    version, and to a day of the calendar; a result refers to a version of a company. A price of a day after its batch is
    held against the day of the batch, because later versions were not known then. A returned row has a key that breaks this.
#}
{% set from_batch = test_from_batch() %}

select
    'fact_market_history' as published,
    history.sk_security_id,
    history.sk_company_id,
    history.sk_date_id
from {{ ref('fact_market_history') }} as history
left join {{ ref('dim_security') }} as securities
    on history.sk_security_id = securities.sk_security_id
left join {{ ref('dim_date') }} as days
    on history.sk_date_id = days.sk_date_id
left join {{ ref('bronze_batches') }} as batches
    on history.batch_id = batches.batch_id
where
    history.batch_id >= {{ from_batch }}
    and not coalesce(
        history.sk_company_id = securities.sk_company_id
        and least(days.date_value, batches.batch_date) >= securities.effective_date
        and least(days.date_value, batches.batch_date) < securities.end_date,
        false
    )

union all

select
    'financial',
    null,
    financials.sk_company_id,
    null
from {{ ref('financial') }} as financials
left join {{ ref('dim_company') }} as companies
    on financials.sk_company_id = companies.sk_company_id
where companies.sk_company_id is null
