{{ config(materialized='table') }}

with targets as (

    select * from {{ ref('bronze_branch_targets__targets') }}

)

select
    branch,
    month as month_start_date,
    target_usd
from targets
