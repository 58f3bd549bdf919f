-- A daily batch: state changes of trades, cash movements and watches of one day.

create or replace temp table trade_change as
select
    t_id as trade_id,
    bool_or(cdc_flag = 'I') as is_new,
    max(t_dts) filter (where cdc_flag = 'I') as created_at,
    max(t_dts) filter (where t_st_id in ('CMPT', 'CNCL')) as closed_at,
    arg_max(t_st_id, cdc_dsn) as state,
    arg_max(t_tt_id, cdc_dsn) as type_code,
    arg_max(t_is_cash, cdc_dsn) as cash_flag,
    arg_max(t_s_symb, cdc_dsn) as symbol,
    arg_max(t_qty, cdc_dsn) as quantity,
    arg_max(t_bid_price, cdc_dsn) as bid_price,
    arg_max(t_ca_id, cdc_dsn) as account_id,
    arg_max(t_exec_name, cdc_dsn) as executed_by,
    arg_max(t_trade_price, cdc_dsn) as trade_price,
    arg_max(t_chrg, cdc_dsn) as fee,
    arg_max(t_comm, cdc_dsn) as commission,
    arg_max(t_tax, cdc_dsn) as tax
from trade
group by trade_id;

-- Changed trades move to the end of the table; what their creation fixed goes with them.
create or replace temp table trade_row as
select
    change.trade_id,
    if(is_new, account.sk_broker_id, known.sk_broker_id) as sk_broker_id,
    if(is_new, date_key(created_at), known.sk_create_date_id) as sk_create_date_id,
    if(is_new, time_key(created_at), known.sk_create_time_id) as sk_create_time_id,
    coalesce(date_key(closed_at), known.sk_close_date_id) as sk_close_date_id,
    coalesce(time_key(closed_at), known.sk_close_time_id) as sk_close_time_id,
    status_type.st_name as status, trade_type.tt_name as type, change.cash_flag,
    if(is_new, security.sk_security_id, known.sk_security_id) as sk_security_id,
    if(is_new, security.sk_company_id, known.sk_company_id) as sk_company_id,
    change.quantity, change.bid_price,
    if(is_new, account.sk_customer_id, known.sk_customer_id) as sk_customer_id,
    if(is_new, account.sk_account_id, known.sk_account_id) as sk_account_id,
    change.executed_by,
    coalesce(change.trade_price, known.trade_price) as trade_price,
    coalesce(change.fee, known.fee) as fee,
    coalesce(change.commission, known.commission) as commission,
    coalesce(change.tax, known.tax) as tax,
    batch_id() as batch_id
from trade_change as change
left join gold.status_type on status_type.st_id = change.state
left join gold.trade_type on trade_type.tt_id = change.type_code
left join gold.dim_trade as known on known.trade_id = change.trade_id
left join gold.dim_security as security
    on security.symbol = change.symbol
    and security.effective_date <= change.created_at::date
    and change.created_at::date < security.end_date
left join gold.dim_account as account
    on account.account_id = change.account_id
    and account.effective_date <= change.created_at::date
    and change.created_at::date < account.end_date;

delete from gold.dim_trade
where trade_id in (select trade_id from trade_change where not is_new);

insert into gold.dim_trade select * from trade_row;

insert into gold.fact_cash_balances
with movements as (
    select ct_ca_id as account_id, sum(ct_amt) as amount
    from cash_transaction
    group by account_id
),

previous_balances as (
    select
        account.account_id,
        arg_max(balance.cash, balance.sk_date_id) as cash
    from gold.fact_cash_balances as balance
    inner join gold.dim_account as account on account.sk_account_id = balance.sk_account_id
    where account.account_id in (select account_id from movements)
    group by account.account_id
)

select
    account.sk_customer_id, account.sk_account_id, date_key(batch_date()),
    coalesce(previous_balances.cash, 0) + movements.amount, batch_id()
from movements
left join previous_balances on previous_balances.account_id = movements.account_id
left join gold.dim_account as account
    on account.account_id = movements.account_id and account.is_current;

create or replace temp table watch_action as
select
    w_c_id as customer_id, w_s_symb as symbol, w_action as action,
    w_dts::date as day
from watch_history;

insert into gold.fact_watches
select
    customer.sk_customer_id, security.sk_security_id, date_key(watch_action.day), null, batch_id()
from watch_action
left join gold.dim_customer as customer
    on customer.customer_id = watch_action.customer_id
    and customer.effective_date <= watch_action.day
    and watch_action.day < customer.end_date
left join gold.dim_security as security
    on security.symbol = watch_action.symbol
    and security.effective_date <= watch_action.day
    and watch_action.day < security.end_date
where watch_action.action = 'ACTV';

-- The stored keys may be those of an earlier version: natural keys decide.
update gold.fact_watches as watch
set sk_date_id_date_removed = removed.date_key, batch_id = batch_id()
from (
    select
        customer.sk_customer_id, security.sk_security_id,
        date_key(watch_action.day) as date_key
    from watch_action
    inner join gold.dim_customer as customer
        on customer.customer_id = watch_action.customer_id
    inner join gold.dim_security as security on security.symbol = watch_action.symbol
    where watch_action.action = 'CNCL'
) as removed
where
    watch.sk_customer_id = removed.sk_customer_id
    and watch.sk_security_id = removed.sk_security_id
    and watch.sk_date_id_date_removed is null;
