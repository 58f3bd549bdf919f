{{ config(materialized='view', meta={'release_as': 'view'}) }}

{#
    A release has this as a view, so it reads gold alone. Everything that a customer has on a day is put under one another
    and added up once, so that a condition on `as_of_date` or `is_last_day` reaches each part.
#}
with days as (

    select
        *,
        {{ date_key('as_of_date') }} as sk_date_id
    from {{ ref('mart_days') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

accounts as (

    select
        accounts.*,
        owners.customer_id
    from {{ ref('dim_account') }} as accounts
    inner join customers as owners
        on accounts.sk_customer_id = owners.sk_customer_id

),

balances as (

    select
        accounts.account_id,
        balances.sk_date_id,
        balances.cash
    from {{ ref('fact_cash_balances') }} as balances
    inner join accounts
        on balances.sk_account_id = accounts.sk_account_id

),

owned as (

    select
        days.as_of_date,
        days.is_last_day,
        days.is_month_end,
        days.sk_date_id,
        accounts.customer_id,
        accounts.account_id,
        accounts.status
    from days
    inner join accounts
        on days.as_of_date >= accounts.effective_date and days.as_of_date < accounts.end_date

),

account_cash as (

    select
        owned.*,
        max_by(balances.cash, balances.sk_date_id) as cash
    from owned
    left join balances
        on owned.account_id = balances.account_id and owned.sk_date_id >= balances.sk_date_id
    group by all

),

parts as (

    select
        as_of_date,
        is_last_day,
        is_month_end,
        customer_id,
        1 as accounts,
        cast(status = 'Active' as integer) as accounts_active,
        0 as positions_held,
        0 as positions_without_price,
        cast(0 as decimal(18, 2)) as holdings_value,
        coalesce(cash, 0) as cash,
        cast(0 as decimal(18, 2)) as net_new_money
    from account_cash

    union all

    select
        as_of_date,
        is_last_day,
        is_month_end,
        customer_id,
        0,
        0,
        1,
        cast(close_price_usd is null as integer),
        coalesce(value_usd, 0),
        0,
        0
    from {{ ref('mart_positions') }}

    union all

    select
        days.as_of_date,
        days.is_last_day,
        days.is_month_end,
        flows.customer_id,
        0,
        0,
        0,
        0,
        0,
        0,
        flows.net_new_money_usd
    from days
    inner join {{ ref('mart_money_flows') }} as flows
        on days.as_of_date = flows.flow_date

    union all

    select
        days.as_of_date,
        days.is_last_day,
        days.is_month_end,
        customers.customer_id,
        0,
        0,
        0,
        0,
        0,
        0,
        0
    from days
    inner join customers
        on days.as_of_date >= customers.effective_date and days.as_of_date < customers.end_date

),

totals as (

    select
        as_of_date,
        is_last_day,
        is_month_end,
        customer_id,
        sum(accounts) as accounts,
        sum(accounts_active) as accounts_active,
        sum(positions_held) as positions_held,
        sum(positions_without_price) as positions_without_price,
        sum(holdings_value) as holdings_value,
        sum(cash) as cash,
        sum(net_new_money) as net_new_money
    from parts
    group by
        as_of_date,
        is_last_day,
        is_month_end,
        customer_id

)

select
    totals.as_of_date,
    totals.is_last_day,
    totals.is_month_end,
    totals.customer_id,
    customers.first_name,
    customers.last_name,
    customers.status,
    customers.tier,
    customers.country,
    cast(totals.accounts as integer) as accounts,
    cast(totals.accounts_active as integer) as accounts_active,
    cast(totals.positions_held as integer) as positions_held,
    cast(totals.positions_without_price as integer) as positions_without_price,
    cast(totals.holdings_value as decimal(18, 2)) as holdings_value_usd,
    cast(totals.cash as decimal(18, 2)) as cash_usd,
    cast(totals.holdings_value + totals.cash as decimal(18, 2)) as worth_usd,
    cast(totals.net_new_money as decimal(18, 2)) as net_new_money_usd,
    days.reporting_currency,
    days.reporting_rate,
    cast(totals.holdings_value * days.reporting_rate as decimal(38, 2)) as holdings_value_reported,
    cast(totals.cash * days.reporting_rate as decimal(38, 2)) as cash_reported,
    cast((totals.holdings_value + totals.cash) * days.reporting_rate as decimal(38, 2)) as worth_reported,
    cast(totals.net_new_money * days.reporting_rate as decimal(38, 2)) as net_new_money_reported
from totals
inner join days
    on totals.as_of_date = days.as_of_date
{{ join_version('customers', 'customers', 'totals.customer_id = customers.customer_id', 'totals.as_of_date') }}
