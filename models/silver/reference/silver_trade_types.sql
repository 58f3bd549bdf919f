select
    tt_id,
    tt_name,
    cast(tt_is_sell as tinyint) as tt_is_sell,
    cast(tt_is_mrkt as tinyint) as tt_is_mrkt
from {{ ref('bronze_brokerage__trade_type') }}
