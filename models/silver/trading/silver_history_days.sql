{{ config(materialized='table') }}

{# The days that gold can be asked about: from the first one on which cash or shares moved to that of the last batch. #}
with batches as (

    select * from {{ ref('bronze_batches') }}

),

rates as (

    select *
    from {{ ref('silver_exchange_rates') }}
    where currency = {{ reporting_currency() }}

),

ends as (

    select
        least(
            (select min(balance_date) from {{ ref('silver_cash_balances') }} where is_published),
            (select min(cast(completed_at as date)) from {{ ref('silver_holdings') }} where is_published),
            max(batch_date)
        ) as first_day,
        max(batch_date) as last_day
    from batches
    where is_accepted

),

days as (

    select
        last_day,
        first_day + cast(unnest(range(0, last_day - first_day + 1)) as integer) as as_of_date
    from ends

)

select
    days.as_of_date,
    cast(date_trunc('month', days.as_of_date) as date) as month_start_date,
    days.as_of_date = days.last_day as is_last_day,
    days.as_of_date in (days.last_day, last_day(days.as_of_date)) as is_month_end,
    {{ reporting_currency() }} as reporting_currency,
    rates.rate as reporting_rate,
    case when rates.currency <> 'USD' then rates.effective_date end as rate_date
from days
{{ join_version('rates', 'rates', 'true', 'days.as_of_date', 'left') }}
