{{ config(materialized='view') }}

with industries as (

    select * from {{ ref('bronze_brokerage__industry') }}

)

select
    in_id,
    in_name,
    in_sc_id
from industries
