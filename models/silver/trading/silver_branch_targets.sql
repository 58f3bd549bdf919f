{{ config(materialized='table') }}

with targets as (

    select
        branch,
        month,
        -- Of a key that the list has twice, of which a test of bronze warns.
        max_by(target_usd, row(extracted_at, target_usd)) as target_usd
    from {{ ref('bronze_branch_targets__targets') }}
    group by
        branch,
        month

)

select
    branch,
    cast(date_trunc('month', month) as date) as month_start_date,
    cast(sum(target_usd) as decimal(18, 2)) as target_usd
from targets
group by
    branch,
    date_trunc('month', month)
