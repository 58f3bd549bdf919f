{{ config(
    unique_key=['customer_id', 'account_id', 'flow_date'],
    meta={'release_key': ['customer_id', 'account_id', 'flow_date']}
) }}

{#
    A day of an account is counted anew when cash of it moved or a trade changed that closed on it. One that closes twice
    leaves the day of its former closing, and one that is published no more its last: the day stays, with what else is in it.
#}
with customers as (

    select
        sk_customer_id,
        customer_id
    from {{ ref('silver_customers') }}

),

balances as (

    select * from {{ ref('silver_cash_balances') }}

),

trade_types as (

    select * from {{ ref('silver_trade_types') }}

),

trades as (

    select
        trades.*,
        trade_types.tt_is_sell,
        trades.is_published and trades.status_type_id = 'CMPT' as is_settled
    from {{ ref('silver_trades') }} as trades
    inner join trade_types
        on trades.trade_type_id = trade_types.tt_id
    where trades.sk_account_id is not null and trades.sk_security_id is not null and trades.created_at is not null

),

events as (

    select
        sk_customer_id,
        account_id,
        balance_date as flow_date,
        batch_id,
        amount as cash_movement,
        0 as trades_completed,
        cast(0 as decimal(28, 2)) as bought,
        cast(0 as decimal(28, 2)) as sold,
        cast(0 as decimal(10, 2)) as commission,
        cast(0 as decimal(10, 2)) as fee,
        cast(0 as decimal(10, 2)) as tax
    from balances
    where is_published

    union all

    select
        sk_customer_id,
        account_id,
        cast(closed_at as date) as flow_date,
        batch_id,
        0,
        cast(is_settled as integer),
        case when is_settled and tt_is_sell = 0 then quantity * trade_price else 0 end,
        case when is_settled and tt_is_sell = 1 then quantity * trade_price else 0 end,
        case when is_settled then commission else 0 end,
        case when is_settled then fee else 0 end,
        case when is_settled then tax else 0 end
    from trades
    where
        completed_at is not null
        and {{ is_known_day('cast(closed_at as date)') }}

    union all

    select
        sk_customer_id,
        account_id,
        cast(first_closed_at as date) as flow_date,
        batch_id,
        0,
        0,
        0,
        0,
        0,
        0,
        0
    from trades
    where
        cast(first_closed_at as date) <> cast(closed_at as date)
        and {{ is_known_day('cast(first_closed_at as date)') }}

),

owned as (

    select
        customers.customer_id,
        events.*
    from events
    inner join customers
        on events.sk_customer_id = customers.sk_customer_id

),

flows as (

    select
        customer_id,
        account_id,
        flow_date,
        sum(cash_movement) as cash_movement,
        sum(trades_completed) as trades_completed,
        coalesce(sum(bought), 0) as bought,
        coalesce(sum(sold), 0) as sold,
        coalesce(sum(commission), 0) as commission,
        coalesce(sum(fee), 0) as fee,
        coalesce(sum(tax), 0) as tax,
        max(batch_id) as batch_id
    from owned
    where
        {{ is_touched(
            'customer_id, account_id, flow_date',
            {'owned': 'customer_id, account_id, flow_date'},
            'customer_id, account_id, flow_date'
        ) }}
    group by
        customer_id,
        account_id,
        flow_date

)

select
    customer_id,
    account_id,
    flow_date,
    cast(trades_completed as integer) as trades_completed,
    cast(cash_movement as decimal(18, 2)) as cash_movement_usd,
    cast(bought as decimal(18, 2)) as bought_usd,
    cast(sold as decimal(18, 2)) as sold_usd,
    cast(commission as decimal(18, 2)) as commission_usd,
    cast(fee as decimal(18, 2)) as fee_usd,
    cast(tax as decimal(18, 2)) as tax_usd,
    cast(cash_movement - (sold - bought - commission - fee - tax) as decimal(18, 2)) as net_new_money_usd,
    batch_id
from flows
