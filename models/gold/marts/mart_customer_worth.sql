{{ config(materialized='table') }}

{# Accounts count for the customer who owns them now; lots, cash and trades belong to accounts. #}
with customers as (

    select * from {{ ref('dim_customer') }}

),

accounts as (

    select
        accounts.account_id,
        owners.customer_id,
        accounts.status
    from {{ ref('dim_account') }} as accounts
    inner join customers as owners
        on accounts.sk_customer_id = owners.sk_customer_id
    where accounts.is_current

),

positions as (

    select
        account_id,
        symbol,
        sum(quantity_after - quantity_before) as shares
    from {{ ref('silver_holdings') }}
    where is_published
    group by
        account_id,
        symbol
    having sum(quantity_after - quantity_before) <> 0

),

last_prices as (

    select
        symbol,
        max_by(close_price, price_date) as close_price,
        max(price_date) as price_date
    from {{ ref('silver_prices') }}
    where
        sk_company_id is not null
        and symbol in (select symbol from positions)
    group by symbol

),

account_holdings as (

    select
        positions.account_id,
        count(*) as positions_held,
        count(*) filter (where last_prices.symbol is null) as positions_without_price,
        sum(positions.shares * last_prices.close_price) as holdings_value,
        min(last_prices.price_date) as oldest_price_date
    from positions
    left join last_prices
        on positions.symbol = last_prices.symbol
    group by positions.account_id

),

account_cash as (

    select
        account_id,
        max_by(cash, balance_date) as cash,
        max(balance_date) as last_movement_date
    from {{ ref('silver_cash_balances') }}
    where is_published and account_id in (select account_id from accounts)
    group by account_id

),

account_trades as (

    select
        account_id,
        count(*) as trades_placed,
        count(*) filter (where status_type_id = 'CMPT') as trades_completed,
        count(*) filter (where closed_at is null) as trades_open,
        sum(commission) as commission,
        max(cast(created_at as date)) as last_trade_date
    from {{ ref('silver_trades') }}
    where is_published
    group by account_id

),

customer_accounts as (

    select
        accounts.customer_id,
        count(*) as accounts,
        count(*) filter (where accounts.status = 'Active') as accounts_active,
        sum(account_holdings.positions_held) as positions_held,
        sum(account_holdings.positions_without_price) as positions_without_price,
        sum(account_holdings.holdings_value) as holdings_value,
        min(account_holdings.oldest_price_date) as oldest_price_date,
        sum(account_cash.cash) as cash,
        max(account_cash.last_movement_date) as last_movement_date,
        sum(account_trades.trades_placed) as trades_placed,
        sum(account_trades.trades_completed) as trades_completed,
        sum(account_trades.trades_open) as trades_open,
        sum(account_trades.commission) as commission,
        max(account_trades.last_trade_date) as last_trade_date
    from accounts
    left join account_holdings using (account_id)
    left join account_cash using (account_id)
    left join account_trades using (account_id)
    group by accounts.customer_id

),

customer_watches as (

    select
        customer_id,
        count(*) as watches_open
    from {{ ref('silver_watches') }}
    where is_published and removed_at is null
    group by customer_id

)

select
    customers.customer_id,
    customers.last_name,
    customers.first_name,
    customers.status,
    customers.tier,
    cast(coalesce(customer_accounts.accounts, 0) as integer) as accounts,
    cast(coalesce(customer_accounts.accounts_active, 0) as integer) as accounts_active,
    cast(coalesce(customer_accounts.positions_held, 0) as integer) as positions_held,
    cast(coalesce(customer_accounts.positions_without_price, 0) as integer) as positions_without_price,
    cast(coalesce(customer_accounts.trades_placed, 0) as integer) as trades_placed,
    cast(coalesce(customer_accounts.trades_completed, 0) as integer) as trades_completed,
    cast(coalesce(customer_accounts.trades_open, 0) as integer) as trades_open,
    cast(coalesce(customer_watches.watches_open, 0) as integer) as watches_open,
    cast(coalesce(customer_accounts.holdings_value, 0) as decimal(18, 2)) as holdings_value_usd,
    cast(coalesce(customer_accounts.cash, 0) as decimal(18, 2)) as cash_usd,
    cast(
        coalesce(customer_accounts.holdings_value, 0) + coalesce(customer_accounts.cash, 0) as decimal(18, 2)
    ) as worth_usd,
    cast(coalesce(customer_accounts.commission, 0) as decimal(18, 2)) as commission_paid_usd,
    customer_accounts.oldest_price_date,
    customer_accounts.last_movement_date,
    customer_accounts.last_trade_date
from customers
left join customer_accounts
    on customers.customer_id = customer_accounts.customer_id
left join customer_watches
    on customers.customer_id = customer_watches.customer_id
where customers.is_current
