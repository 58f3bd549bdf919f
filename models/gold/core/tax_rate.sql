{{ config(materialized='view') }}

with tax_rates as (

    select * from {{ ref('bronze_brokerage__tax_rate') }}

)

select
    tx_id,
    tx_name,
    tx_rate
from tax_rates
