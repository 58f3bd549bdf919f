{{ config(materialized='view') }}

with status_types as (

    select * from {{ ref('bronze_brokerage__status_type') }}

)

select
    st_id,
    st_name
from status_types
