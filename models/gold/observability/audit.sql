{{ config(materialized='view') }}

with control_figures as (

    select * from {{ ref('bronze_brokerage__audit') }}

)

select
    dataset as data_set,
    batchid as batch_id,
    date,
    attribute,
    value,
    dvalue as d_value
from control_figures
