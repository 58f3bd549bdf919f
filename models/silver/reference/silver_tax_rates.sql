select
    tx_id,
    tx_name,
    tx_rate
from {{ ref('bronze_brokerage__tax_rate') }}
