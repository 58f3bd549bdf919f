{{ config(materialized='view') }}

select
    dataset as data_set,
    batchid as batch_id,
    date,
    attribute,
    value,
    dvalue as d_value
from {{ ref('bronze_brokerage__audit') }}
