{{ config(materialized='view') }}

with trades as (

    select * from {{ ref('silver_trades') }}
    where is_published

),

trade_types as (

    select * from {{ ref('trade_type') }}

),

broker_versions as (

    select * from {{ ref('dim_broker') }}

),

-- A trade counts in the month that it was placed in and, once closed, in the month that it was closed in.
placed as (

    select
        sk_broker_id,
        cast(date_trunc('month', created_at) as date) as month_start_date,
        count(*) as trades_placed
    from trades
    group by all

),

closed as (

    select
        trades.sk_broker_id,
        cast(date_trunc('month', trades.closed_at) as date) as month_start_date,
        count(*) filter (where trades.status_type_id = 'CMPT') as trades_completed,
        count(*) filter (where trades.status_type_id = 'CNCL') as trades_canceled,
        count(*) filter (where trades.status_type_id = 'CMPT' and trade_types.tt_is_sell = 0) as buys_completed,
        count(*) filter (where trades.status_type_id = 'CMPT' and trade_types.tt_is_sell = 1) as sells_completed,
        sum(trades.quantity) filter (where trades.status_type_id = 'CMPT') as shares_traded,
        sum(trades.quantity * trades.trade_price) as traded_value,
        sum(trades.commission) as commission,
        sum(trades.fee) as fee,
        sum(trades.tax) as tax
    from trades
    inner join trade_types
        on trades.trade_type_id = trade_types.tt_id
    where trades.closed_at is not null
    group by all

),

months_of_versions as (

    select
        sk_broker_id,
        month_start_date,
        coalesce(placed.trades_placed, 0) as trades_placed,
        coalesce(closed.trades_completed, 0) as trades_completed,
        coalesce(closed.trades_canceled, 0) as trades_canceled,
        coalesce(closed.buys_completed, 0) as buys_completed,
        coalesce(closed.sells_completed, 0) as sells_completed,
        coalesce(closed.shares_traded, 0) as shares_traded,
        coalesce(closed.traded_value, 0) as traded_value,
        coalesce(closed.commission, 0) as commission,
        coalesce(closed.fee, 0) as fee,
        coalesce(closed.tax, 0) as tax
    from placed
    full join closed using (sk_broker_id, month_start_date)

),

months as (

    select
        broker_versions.broker_id,
        months_of_versions.month_start_date,
        sum(months_of_versions.trades_placed) as trades_placed,
        sum(months_of_versions.trades_completed) as trades_completed,
        sum(months_of_versions.trades_canceled) as trades_canceled,
        sum(months_of_versions.buys_completed) as buys_completed,
        sum(months_of_versions.sells_completed) as sells_completed,
        sum(months_of_versions.shares_traded) as shares_traded,
        sum(months_of_versions.traded_value) as traded_value,
        sum(months_of_versions.commission) as commission,
        sum(months_of_versions.fee) as fee,
        sum(months_of_versions.tax) as tax
    from months_of_versions
    inner join broker_versions
        on months_of_versions.sk_broker_id = broker_versions.sk_broker_id
    group by all

)

select
    months.broker_id,
    months.month_start_date,
    brokers.first_name as broker_first_name,
    brokers.last_name as broker_last_name,
    brokers.branch,
    brokers.office,
    cast(months.trades_placed as integer) as trades_placed,
    cast(months.trades_completed as integer) as trades_completed,
    cast(months.trades_canceled as integer) as trades_canceled,
    cast(months.buys_completed as integer) as buys_completed,
    cast(months.sells_completed as integer) as sells_completed,
    cast(months.shares_traded as bigint) as shares_traded,
    cast(months.traded_value as decimal(18, 2)) as traded_value_usd,
    cast(months.commission as decimal(18, 2)) as commission_usd,
    cast(months.fee as decimal(18, 2)) as fee_usd,
    cast(months.tax as decimal(18, 2)) as tax_usd,
    cast(
        round(100 * months.commission / nullif(months.traded_value, 0), 4) as decimal(12, 4)
    ) as commission_percent
from months
inner join broker_versions as brokers
    on months.broker_id = brokers.broker_id
where brokers.is_current
