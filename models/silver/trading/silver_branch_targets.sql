{{ config(materialized='table') }}

with targets as (

    select * from {{ ref('bronze_branch_targets__targets') }}

)

select
    branch,
    cast(date_trunc('month', month) as date) as month_start_date,
    cast(sum(target_usd) as decimal(15, 2)) as target_usd
from targets
group by
    branch,
    date_trunc('month', month)
