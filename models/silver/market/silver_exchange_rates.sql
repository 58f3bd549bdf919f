{{ config(materialized='table') }}

{# A day without a rate takes the last one before it, so a rate is valid until the next one. #}
with rates as (

    select
        currency,
        day,
        -- Of a key that the list has twice, of which a test of bronze warns.
        max_by(rate, row(extracted_at, rate)) as rate
    from {{ ref('bronze_exchange_rates__rates') }}
    where currency <> 'USD'
    group by
        currency,
        day

)

select
    'USD' as currency,
    cast(1 as decimal(18, 8)) as rate,
    date '0001-01-01' as effective_date,
    {{ end_of_time() }} as end_date

union all

select
    currency,
    rate,
    day as effective_date,
    lead(day, 1, {{ end_of_time() }}) over (partition by currency order by day) as end_date
from rates
