{{ config(materialized='table') }}

with securities as (

    select * from {{ ref('dim_security') }}
    where is_current

),

companies as (

    select * from {{ ref('dim_company') }}

),

-- A year of prices, and the week before it for the last close on or before the day a year ago.
prices as (

    select * from {{ ref('silver_prices') }}
    where
        sk_company_id is not null
        and price_date >= (
            select cast(max(price_date) - interval 1 year as date) - 7 from {{ ref('silver_prices') }}
        )

),

last_days as (

    select
        symbol,
        max(price_date) as last_trading_date
    from prices
    group by symbol

),

dated_prices as (

    select
        prices.*,
        last_days.last_trading_date
    from prices
    inner join last_days
        on prices.symbol = last_days.symbol

),

closes as (

    select
        symbol,
        last_trading_date,
        max_by(close_price, price_date) as close_price,
        max_by(close_price, price_date) filter (
            where price_date < last_trading_date
        ) as close_day_before,
        max_by(close_price, price_date) filter (
            where price_date <= last_trading_date - interval 1 month
        ) as close_month_before,
        max_by(close_price, price_date) filter (
            where price_date <= last_trading_date - interval 3 months
        ) as close_quarter_before,
        max_by(close_price, price_date) filter (
            where price_date <= last_trading_date - interval 1 year
        ) as close_year_before,
        max(fifty_two_week_high) filter (where price_date = last_trading_date) as fifty_two_week_high,
        max(fifty_two_week_low) filter (where price_date = last_trading_date) as fifty_two_week_low,
        max(pe_ratio) filter (where price_date = last_trading_date) as pe_ratio,
        max(yield) filter (where price_date = last_trading_date) as yield,
        avg(volume) filter (
            where price_date > last_trading_date - 30
        ) as average_volume
    from dated_prices
    group by
        symbol,
        last_trading_date

),

completed_trades as (

    select
        symbol,
        count(*) as trades_completed,
        sum(quantity) as shares_traded
    from {{ ref('silver_trades') }}
    where is_published and status_type_id = 'CMPT'
    group by symbol

),

holdings as (

    select
        symbol,
        sum(quantity_after - quantity_before) as shares_held
    from {{ ref('silver_holdings') }}
    where is_published
    group by symbol

),

watches as (

    select
        symbol,
        count(*) as watches_open
    from {{ ref('silver_watches') }}
    where is_published and removed_at is null
    group by symbol

)

select
    securities.symbol,
    securities.name,
    securities.issue,
    securities.status,
    securities.exchange_id,
    companies.company_id,
    companies.name as company_name,
    companies.industry,
    closes.last_trading_date,
    closes.close_price as close_price_usd,
    {%- for span in ['day', 'month', 'quarter', 'year'] %}
    cast(
        round(
            100 * (closes.close_price - closes.close_{{ span }}_before) / nullif(closes.close_{{ span }}_before, 0), 2
        )
        as decimal(12, 2)
    ) as return_{{ span }}_percent,
    {%- endfor %}
    closes.fifty_two_week_high as fifty_two_week_high_usd,
    closes.fifty_two_week_low as fifty_two_week_low_usd,
    cast(
        round(
            100 * (closes.close_price - closes.fifty_two_week_low)
            / nullif(closes.fifty_two_week_high - closes.fifty_two_week_low, 0),
            2
        ) as decimal(5, 2)
    ) as range_position_percent,
    closes.pe_ratio,
    closes.yield as yield_percent,
    cast(round(closes.average_volume) as bigint) as average_volume,
    cast(coalesce(completed_trades.trades_completed, 0) as integer) as trades_completed,
    cast(coalesce(completed_trades.shares_traded, 0) as bigint) as shares_traded,
    cast(coalesce(holdings.shares_held, 0) as bigint) as shares_held,
    cast(coalesce(holdings.shares_held, 0) * closes.close_price as decimal(18, 2)) as held_value_usd,
    cast(coalesce(watches.watches_open, 0) as integer) as watches_open
from securities
inner join companies
    on securities.sk_company_id = companies.sk_company_id
left join closes
    on securities.symbol = closes.symbol
left join completed_trades
    on securities.symbol = completed_trades.symbol
left join holdings
    on securities.symbol = holdings.symbol
left join watches
    on securities.symbol = watches.symbol
