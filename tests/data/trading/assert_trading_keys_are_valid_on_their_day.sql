{#
    Keys of published trades, holdings, balances and watches are those of versions that were valid on the row's own
    day and belong to the row's own account, customer and security; its days are in the calendar. A returned row
    has a key that breaks this.
#}
{% set from_batch = test_from_batch() %}

with calendar as (

    select
        min(date_value) as first_day,
        max(date_value) as last_day
    from {{ ref('dim_date') }}

),

accounts as (

    select
        accounts.*,
        customers.customer_id
    from {{ ref('dim_account') }} as accounts
    inner join {{ ref('dim_customer') }} as customers
        on accounts.sk_customer_id = customers.sk_customer_id

),

trades as (

    select * from {{ ref('silver_trades') }}
    where batch_id >= {{ from_batch }} and is_published

),

holdings as (

    select
        holdings.*,
        trades.sk_account_id as trade_sk_account_id,
        trades.sk_security_id as trade_sk_security_id,
        trades.closed_at as trade_closed_at
    from {{ ref('silver_holdings') }} as holdings
    left join {{ ref('silver_trades') }} as trades
        on holdings.current_trade_id = trades.trade_id
    where holdings.batch_id >= {{ from_batch }} and holdings.is_published

),

balances as (

    select * from {{ ref('silver_cash_balances') }}
    where batch_id >= {{ from_batch }} and is_published

),

watches as (

    select * from {{ ref('silver_watches') }}
    where batch_id >= {{ from_batch }} and is_published

)

select
    'dim_trade' as table_name,
    cast(trades.trade_id as varchar) as row_key
from trades
cross join calendar
left join accounts
    on trades.sk_account_id = accounts.sk_account_id
left join {{ ref('dim_security') }} as securities
    on trades.sk_security_id = securities.sk_security_id
where
    accounts.account_id is distinct from trades.account_id
    or accounts.sk_customer_id is distinct from trades.sk_customer_id
    or accounts.sk_broker_id is distinct from trades.sk_broker_id
    or securities.symbol is distinct from trades.symbol
    or securities.sk_company_id is distinct from trades.sk_company_id
    or trades.lookup_date < accounts.effective_date
    or trades.lookup_date >= accounts.end_date
    or trades.lookup_date < securities.effective_date
    or trades.lookup_date >= securities.end_date
    or trades.created_at < calendar.first_day
    or cast(coalesce(trades.closed_at, trades.created_at) as date) > calendar.last_day

union all

select
    'fact_holdings',
    holdings.trade_id || ', ' || holdings.current_trade_id
from holdings
where
    holdings.sk_account_id is distinct from holdings.trade_sk_account_id
    or holdings.sk_security_id is distinct from holdings.trade_sk_security_id
    or holdings.trade_closed_at is null

union all

select
    'fact_cash_balances',
    balances.account_id || ', ' || balances.balance_date
from balances
cross join calendar
left join accounts
    on balances.sk_account_id = accounts.sk_account_id
where
    accounts.account_id is distinct from balances.account_id
    or accounts.sk_customer_id is distinct from balances.sk_customer_id
    or balances.balance_date < accounts.effective_date
    or balances.balance_date >= accounts.end_date
    or balances.balance_date not between calendar.first_day and calendar.last_day

union all

select
    'fact_watches',
    watches.customer_id || ', ' || watches.symbol || ', ' || watches.watch_number
from watches
cross join calendar
left join {{ ref('dim_customer') }} as customers
    on watches.sk_customer_id = customers.sk_customer_id
left join {{ ref('dim_security') }} as securities
    on watches.sk_security_id = securities.sk_security_id
where
    customers.customer_id is distinct from watches.customer_id
    or securities.symbol is distinct from watches.symbol
    or watches.lookup_date < customers.effective_date
    or watches.lookup_date >= customers.end_date
    or watches.lookup_date < securities.effective_date
    or watches.lookup_date >= securities.end_date
    or watches.placed_at < calendar.first_day
    or cast(coalesce(watches.removed_at, watches.placed_at) as date) > calendar.last_day
