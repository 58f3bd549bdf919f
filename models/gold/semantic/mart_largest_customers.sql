{{ config(materialized='view', meta={'release_as': 'view'}) }}

select
    as_of_date,
    is_last_day,
    customer_id,
    worth_usd,
    -- A filter on the last day, too, is applied before the places are counted.
    row_number() over (partition by as_of_date, is_last_day order by worth_usd desc, customer_id asc) as place
from {{ ref('mart_customer_days') }}
