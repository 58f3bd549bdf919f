-- Every batch, after the trades: holdings take everything from the trade that changed them.

insert into gold.fact_holdings
select
    holding.hh_h_t_id, trade.trade_id, trade.sk_customer_id, trade.sk_account_id,
    trade.sk_security_id, trade.sk_company_id, trade.sk_close_date_id, trade.sk_close_time_id,
    trade.trade_price, holding.hh_after_qty, batch_id()
from holding_history as holding
left join gold.dim_trade as trade on trade.trade_id = holding.hh_t_id;

insert into gold.di_messages
with closings as (
    select
        trade_id, commission, fee, trade_price * quantity as trade_value
    from gold.dim_trade
    where batch_id = batch_id() and trade_price is not null
)

select
    utc_now(), batch_id(), 'DimTrade', 'Invalid trade commission', 'Alert',
    'T_ID = ' || trade_id || ', T_COMM = ' || commission
from closings
where commission > trade_value
union all
select
    utc_now(), batch_id(), 'DimTrade', 'Invalid trade fee', 'Alert',
    'T_ID = ' || trade_id || ', T_CHRG = ' || fee
from closings
where fee > trade_value;
