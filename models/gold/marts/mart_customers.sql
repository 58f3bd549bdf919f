{{ config(materialized='table') }}

{# Accounts count for the customer who owns them now; positions, cash and trades belong to accounts. #}
with customers as (

    select * from {{ ref('dim_customer') }}

),

last_days as (

    select *
    from {{ ref('silver_history_days') }}
    where is_last_day

),

known_tiers as (

    select tier from {{ ref('customer_tiers') }}

),

first_versions as (

    select
        customer_id,
        min(effective_date) as customer_since
    from customers
    group by customer_id

),

accounts as (

    select
        accounts.account_id,
        owners.customer_id,
        accounts.sk_broker_id,
        accounts.status
    from {{ ref('dim_account') }} as accounts
    inner join customers as owners
        on accounts.sk_customer_id = owners.sk_customer_id
    where accounts.is_current

),

-- Of several accounts an open one goes before, and then the one with the lowest number.
main_brokers as (

    select
        accounts.customer_id,
        brokers.broker_id,
        brokers.first_name,
        brokers.last_name,
        brokers.branch
    from accounts
    inner join {{ ref('dim_broker') }} as brokers
        on accounts.sk_broker_id = brokers.sk_broker_id
    qualify row_number() over (
        partition by accounts.customer_id order by accounts.status, accounts.account_id
    ) = 1

),

positions as (

    select
        account_id,
        symbol,
        quantity as shares
    from {{ ref('mart_position_periods') }}
    where valid_to = {{ end_of_time() }} and quantity <> 0

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
        trades.account_id,
        count(*) as trades_placed,
        count(*) filter (where trades.status_type_id = 'CMPT') as trades_completed,
        count(*) filter (where trades.closed_at is null) as trades_open,
        count(*) filter (where trades.created_at >= last_days.as_of_date + 1 - interval 1 year) as trades_past_year,
        sum(trades.commission) as commission,
        sum(trades.commission) filter (
            where trades.closed_at >= last_days.as_of_date + 1 - interval 1 year
        ) as commission_past_year,
        max(cast(trades.created_at as date)) as last_trade_date
    from {{ ref('silver_trades') }} as trades
    cross join last_days
    where trades.is_published
    group by trades.account_id

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
        sum(account_trades.trades_past_year) as trades_past_year,
        sum(account_trades.commission) as commission,
        sum(account_trades.commission_past_year) as commission_past_year,
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
    customers.country,
    first_versions.customer_since,
    main_brokers.broker_id,
    main_brokers.first_name as broker_first_name,
    main_brokers.last_name as broker_last_name,
    main_brokers.branch,
    customers.agency_id is not null as is_prospect,
    customers.agency_id,
    customers.marketing_nameplate,
    cast(coalesce(customer_accounts.accounts, 0) as integer) as accounts,
    cast(coalesce(customer_accounts.accounts_active, 0) as integer) as accounts_active,
    cast(coalesce(customer_accounts.positions_held, 0) as integer) as positions_held,
    cast(coalesce(customer_accounts.positions_without_price, 0) as integer) as positions_without_price,
    cast(coalesce(customer_accounts.trades_placed, 0) as integer) as trades_placed,
    cast(coalesce(customer_accounts.trades_completed, 0) as integer) as trades_completed,
    cast(coalesce(customer_accounts.trades_open, 0) as integer) as trades_open,
    cast(coalesce(customer_accounts.trades_past_year, 0) as integer) as trades_past_year,
    cast(coalesce(customer_watches.watches_open, 0) as integer) as watches_open,
    cast(known_tiers.tier is null as integer)
    + cast(
        customers.dob < last_days.as_of_date - interval 100 year or customers.dob > last_days.as_of_date as integer
    ) as alerts,
    cast(coalesce(customer_accounts.holdings_value, 0) as decimal(18, 2)) as holdings_value_usd,
    cast(coalesce(customer_accounts.cash, 0) as decimal(18, 2)) as cash_usd,
    cast(
        coalesce(customer_accounts.holdings_value, 0) + coalesce(customer_accounts.cash, 0) as decimal(18, 2)
    ) as worth_usd,
    last_days.reporting_currency,
    cast(
        (coalesce(customer_accounts.holdings_value, 0) + coalesce(customer_accounts.cash, 0)) * last_days.reporting_rate
        as decimal(38, 2)
    ) as worth_reported,
    cast(coalesce(customer_accounts.commission, 0) as decimal(18, 2)) as commission_paid_usd,
    cast(coalesce(customer_accounts.commission_past_year, 0) as decimal(18, 2)) as commission_past_year_usd,
    customer_accounts.oldest_price_date,
    customer_accounts.last_movement_date,
    customer_accounts.last_trade_date
from customers
cross join last_days
inner join first_versions
    on customers.customer_id = first_versions.customer_id
left join main_brokers
    on customers.customer_id = main_brokers.customer_id
left join known_tiers
    on customers.tier = known_tiers.tier
left join customer_accounts
    on customers.customer_id = customer_accounts.customer_id
left join customer_watches
    on customers.customer_id = customer_watches.customer_id
where customers.is_current
