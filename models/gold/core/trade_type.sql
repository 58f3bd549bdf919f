select
    tt_id, tt_name, tt_is_sell, tt_is_mrkt
from {{ ref('silver_trade_types') }}
