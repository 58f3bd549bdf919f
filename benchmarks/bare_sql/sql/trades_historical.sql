-- Batch 1: trades, holdings, cash balances and watches.

create temp table trade_time as
with states as (
    select th_t_id as trade_id, th_st_id as state, th_dts as entered_at
    from trade_history
)

select
    trade_id,
    max(entered_at) filter (where state = 'PNDG') as pending_at,
    max(entered_at) filter (where state = 'SBMT') as submitted_at,
    max(entered_at) filter (where state in ('CMPT', 'CNCL')) as closed_at
from states
group by trade_id;

-- The versions of the day of creation stay with a trade for life.
insert into gold.dim_trade
with trades as (
    select
        delivered.t_id as trade_id,
        if(delivered.t_tt_id in ('TMB', 'TMS'), history.submitted_at, history.pending_at)
            as created_at,
        history.closed_at,
        created_at::date as created_on,
        delivered.t_ca_id as account_id,
        delivered.*
    from trade as delivered
    left join trade_time as history on history.trade_id = delivered.t_id
)

select
    trades.trade_id, account.sk_broker_id,
    date_key(trades.created_at), time_key(trades.created_at),
    date_key(trades.closed_at), time_key(trades.closed_at),
    status_type.st_name, trade_type.tt_name, trades.t_is_cash,
    security.sk_security_id, security.sk_company_id, trades.t_qty,
    trades.t_bid_price, account.sk_customer_id, account.sk_account_id,
    trades.t_exec_name, trades.t_trade_price, trades.t_chrg,
    trades.t_comm, trades.t_tax, batch_id()
from trades
left join gold.status_type on status_type.st_id = trades.t_st_id
left join gold.trade_type on trade_type.tt_id = trades.t_tt_id
left join gold.dim_security as security
    on security.symbol = trades.t_s_symb
    and security.effective_date <= trades.created_on
    and trades.created_on < security.end_date
left join gold.dim_account as account
    on account.account_id = trades.account_id
    and account.effective_date <= trades.created_on
    and trades.created_on < account.end_date;

drop table trade_time;

-- The balance runs through an account's life, whatever its versions.
insert into gold.fact_cash_balances
with movements as (
    select
        ct_ca_id as account_id, ct_dts::date as day,
        sum(ct_amt)::decimal(15, 2) as amount
    from cash_transaction
    group by all
),

balances as (
    select
        account_id, day,
        sum(amount) over (partition by account_id order by day)::decimal(15, 2) as cash
    from movements
)

select
    account.sk_customer_id, account.sk_account_id, date_key(balances.day), balances.cash,
    batch_id()
from balances
left join gold.dim_account as account
    on account.account_id = balances.account_id
    and account.effective_date <= balances.day
    and balances.day < account.end_date;

-- A cancellation ends the watch that the same customer placed on the same symbol: the source
-- places a pair once at most.
insert into gold.fact_watches
with actions as (
    select
        w_c_id as customer_id, w_s_symb as symbol, w_action as action,
        w_dts::date as day
    from watch_history
),

watches as (
    select
        placed.customer_id, placed.symbol, placed.day as placed_on, removed.day as removed_on
    from actions as placed
    left join (select * from actions where action = 'CNCL') as removed
        on removed.customer_id = placed.customer_id and removed.symbol = placed.symbol
    where placed.action = 'ACTV'
)

select
    customer.sk_customer_id, security.sk_security_id, date_key(watches.placed_on),
    date_key(watches.removed_on), batch_id()
from watches
left join gold.dim_customer as customer
    on customer.customer_id = watches.customer_id
    and customer.effective_date <= watches.placed_on
    and watches.placed_on < customer.end_date
left join gold.dim_security as security
    on security.symbol = watches.symbol
    and security.effective_date <= watches.placed_on
    and watches.placed_on < security.end_date;
