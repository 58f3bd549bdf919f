{{ config(
    meta={
        'release_key': ['trade_id'],
        'release_touched': 'silver_trades'
    }
) }}

{# Trades whose creation, account, security or codes are unknown stay in silver. #}
select
    trade_id,
    sk_broker_id,
    cast({{ date_key('created_at') }} as bigint) as sk_create_date_id,
    cast({{ time_key('created_at') }} as bigint) as sk_create_time_id,
    cast({{ date_key('closed_at') }} as bigint) as sk_close_date_id,
    cast({{ time_key('closed_at') }} as bigint) as sk_close_time_id,
    status,
    trade_type as type,
    is_cash as cash_flag,
    sk_security_id,
    sk_company_id,
    quantity,
    bid_price,
    sk_customer_id,
    sk_account_id,
    executed_by,
    trade_price,
    fee,
    commission,
    tax,
    batch_id
from {{ ref('silver_trades') }}
where is_published
