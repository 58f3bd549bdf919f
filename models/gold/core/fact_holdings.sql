{{ config(
    meta={
        'release_key': ['trade_id', 'current_trade_id'],
        'release_touched': 'silver_holdings'
    }
) }}

{# Holdings whose current trade is not completed, or is unknown to dim_trade, stay in silver. #}
select
    trade_id,
    current_trade_id,
    sk_customer_id,
    sk_account_id,
    sk_security_id,
    sk_company_id,
    cast({{ date_key('completed_at') }} as bigint) as sk_date_id,
    cast({{ time_key('completed_at') }} as bigint) as sk_time_id,
    trade_price as current_price,
    quantity_after as current_holding,
    batch_id
from {{ ref('silver_holdings') }}
where is_published
