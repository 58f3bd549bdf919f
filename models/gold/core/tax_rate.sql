select
    tx_id, tx_name, tx_rate
from {{ ref('silver_tax_rates') }}
