{{ config(materialized='view') }}

select
    as_of_date,
    month_start_date,
    is_last_day,
    is_month_end,
    reporting_currency,
    reporting_rate,
    rate_date
from {{ ref('silver_history_days') }}
