{{ config(materialized='view', meta={'release_as': 'view'}) }}

{# A release has this as a view, so it reads gold alone. #}
with trades as (

    select
        *,
        make_timestamp(
            sk_create_date_id // 10000,
            sk_create_date_id // 100 % 100,
            sk_create_date_id % 100,
            sk_create_time_id // 10000,
            sk_create_time_id // 100 % 100,
            cast(sk_create_time_id % 100 as double)
        ) as placed_at,
        make_timestamp(
            sk_close_date_id // 10000,
            sk_close_date_id // 100 % 100,
            sk_close_date_id % 100,
            sk_close_time_id // 10000,
            sk_close_time_id // 100 % 100,
            cast(sk_close_time_id % 100 as double)
        ) as closed_at
    from {{ ref('dim_trade') }}

),

accounts as (

    select * from {{ ref('dim_account') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

brokers as (

    select * from {{ ref('dim_broker') }}

),

securities as (

    select * from {{ ref('dim_security') }}

),

companies as (

    select * from {{ ref('dim_company') }}

),

trade_types as (

    select * from {{ ref('trade_type') }}

)

select
    trades.trade_id,
    trades.placed_at,
    cast(trades.placed_at as date) as placed_date,
    trades.closed_at,
    cast(trades.closed_at as date) as closed_date,
    trades.status,
    trades.type,
    trade_types.tt_is_sell = 1 as is_sale,
    trades.cash_flag as is_cash,
    trades.quantity,
    trades.bid_price as bid_price_usd,
    trades.trade_price as trade_price_usd,
    cast(trades.quantity * trades.trade_price as decimal(18, 2)) as traded_value_usd,
    trades.commission as commission_usd,
    trades.fee as fee_usd,
    trades.tax as tax_usd,
    accounts.account_id,
    accounts.account_desc as account_name,
    customers.customer_id,
    customers.first_name as customer_first_name,
    customers.last_name as customer_last_name,
    customers.tier as customer_tier,
    customers.country as customer_country,
    brokers.broker_id,
    brokers.first_name as broker_first_name,
    brokers.last_name as broker_last_name,
    brokers.branch,
    securities.symbol,
    securities.name as security_name,
    securities.exchange_id,
    companies.company_id,
    companies.name as company_name,
    companies.industry,
    trades.batch_id
from trades
inner join accounts
    on trades.sk_account_id = accounts.sk_account_id
inner join customers
    on trades.sk_customer_id = customers.sk_customer_id
inner join brokers
    on trades.sk_broker_id = brokers.sk_broker_id
inner join securities
    on trades.sk_security_id = securities.sk_security_id
inner join companies
    on trades.sk_company_id = companies.sk_company_id
inner join trade_types
    on trades.type = trade_types.tt_name
