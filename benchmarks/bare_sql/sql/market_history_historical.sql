-- Batch 1: two years of daily prices with their 52-week extremes and trailing earnings.

-- A price and its day in one whole number: the extreme of a window brings its earliest day along.
insert into gold.fact_market_history
with prices as (
    select
        dm_s_symb as symbol, dm_date::date as day,
        (day - date '1900-01-01')::integer as day_number,
        (day - (day - interval 1 year)::date)::integer - 1 as days_before,
        dm_close::decimal(8, 2) as close_price, dm_high::decimal(8, 2) as day_high,
        dm_low::decimal(8, 2) as day_low, dm_vol::bigint as volume
    from daily_market
),

extremes as (
    select
        *,
        max(cents(day_high) * 100000000 + (99999999 - date_key(day))) over past_year as high,
        min(cents(day_low) * 100000000 + date_key(day)) over past_year as low
    from prices
    window past_year as (
        partition by symbol order by day_number
        range between days_before preceding and current row
    )
)

select
    security.sk_security_id, security.sk_company_id, date_key(extremes.day),
    from_cents(divide_half_up(cents(close_price) * 100, nullif(earnings_cents, 0))),
    from_cents(divide_half_up(cents(security.dividend) * 10000, cents(close_price))),
    from_cents(high // 100000000), 99999999 - high % 100000000,
    from_cents(low // 100000000), low % 100000000,
    close_price, day_high, day_low, volume, batch_id()
from extremes
left join gold.dim_security as security
    on security.symbol = extremes.symbol
    and security.effective_date <= extremes.day
    and extremes.day < security.end_date
left join gold.dim_company as company on company.sk_company_id = security.sk_company_id
left join trailing_earnings
    on trailing_earnings.company_id = company.company_id
    and trailing_earnings.quarter_start = date_trunc('quarter', extremes.day)::date;
