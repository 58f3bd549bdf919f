-- Batch 1: two years of daily prices with their 52-week extremes and trailing earnings.

-- Whole numbers in place of texts keep the rows narrow that the window has to sort.
create temp table traded_symbol as
select symbol, row_number() over (order by symbol)::integer as symbol_number
from gold.dim_security
group by symbol;

create temp table market_day as
select
    date_value,
    sk_date_id::integer as sk_date_id,
    (date_value - date '1900-01-01')::integer as day_number,
    -- The year ends with the day itself and begins after the same day of the year before.
    (date_value - (date_value - interval 1 year)::date)::integer - 1 as days_before,
    date_trunc('quarter', date_value)::date as quarter_start
from gold.dim_date;

create temp table valued_security as
select
    traded_symbol.symbol_number, security.sk_security_id, security.sk_company_id,
    company.company_id, cents(security.dividend) as dividend_cents,
    date_key(security.effective_date) as first_date_id, date_key(security.end_date) as end_date_id
from gold.dim_security as security
inner join traded_symbol on traded_symbol.symbol = security.symbol
left join gold.dim_company as company on company.sk_company_id = security.sk_company_id;

-- A price and its day in one whole number: the extreme of a window brings its earliest day along.
insert into gold.fact_market_history
with prices as (
    select
        traded_symbol.symbol_number, market_day.sk_date_id, market_day.day_number,
        market_day.days_before, market_day.quarter_start,
        dm_close as close_price, dm_high as day_high,
        dm_low as day_low, dm_vol as volume
    from daily_market
    left join traded_symbol on traded_symbol.symbol = daily_market.dm_s_symb
    left join market_day on market_day.date_value = daily_market.dm_date
),

extremes as (
    select
        *,
        max(cents(day_high) * 100000000 + (99999999 - sk_date_id)) over past_year as high,
        min(cents(day_low) * 100000000 + sk_date_id) over past_year as low
    from prices
    window past_year as (
        partition by symbol_number order by day_number
        range between days_before preceding and current row
    )
)

select
    security.sk_security_id, security.sk_company_id, extremes.sk_date_id,
    from_cents(divide_half_up(cents(close_price) * 100, nullif(earnings_cents, 0))),
    from_cents(divide_half_up(dividend_cents * 10000, cents(close_price))),
    from_cents(high // 100000000), 99999999 - high % 100000000,
    from_cents(low // 100000000), low % 100000000,
    close_price, day_high, day_low, volume, batch_id()
from extremes
left join valued_security as security
    on security.symbol_number = extremes.symbol_number
    and security.first_date_id <= extremes.sk_date_id
    and extremes.sk_date_id < security.end_date_id
left join trailing_earnings
    on trailing_earnings.company_id = security.company_id
    and trailing_earnings.quarter_start = extremes.quarter_start;
