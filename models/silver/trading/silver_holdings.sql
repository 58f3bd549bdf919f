{{ config(unique_key=['trade_id', 'current_trade_id']) }}

{#
    A holding takes everything from the completion of its current trade. It counts from the batch that knows
    both: rows whose trade is completed later are taken up then.
#}
with delivered as (

    select * from {{ ref('bronze_brokerage__holding_history') }}

),

all_trades as (

    select * from {{ ref('silver_trades') }}

),

holding_rows as (

    select *
    from delivered
    where
        batch_id <= {{ last_batch() }}
        and {{ is_touched('hh_t_id', {'delivered': 'hh_t_id', 'all_trades': 'trade_id'}, 'current_trade_id') }}

),

completed_trades as (

    select *
    from all_trades
    where
        completed_batch_id is not null
        and trade_id in (select hh_t_id from holding_rows)

)

select
    holding_rows.hh_h_t_id as trade_id,
    holding_rows.hh_t_id as current_trade_id,
    trades.account_id,
    trades.symbol,
    trades.sk_account_id,
    trades.sk_customer_id,
    trades.sk_security_id,
    trades.sk_company_id,
    holding_rows.hh_before_qty as quantity_before,
    holding_rows.hh_after_qty as quantity_after,
    trades.trade_price,
    trades.completed_at,
    holding_rows.batch_id as delivered_batch_id,
    coalesce(trades.is_published and trades.trade_price is not null, false) as is_published,
    greatest(holding_rows.batch_id, trades.created_batch_id, trades.completed_batch_id) as batch_id
from holding_rows
left join completed_trades as trades
    on holding_rows.hh_t_id = trades.trade_id
