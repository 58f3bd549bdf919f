-- A daily batch: one day's prices; the window of a year reads the stored history.
-- They are the prices of the day before, so the version of that day counts.

insert into gold.fact_market_history
with prices as (
    select
        dm_s_symb as symbol, dm_date as day,
        dm_close as close_price, dm_high as day_high,
        dm_low as day_low, dm_vol as volume
    from daily_market
),

history as (
    select security.symbol, price.sk_date_id, price.day_high, price.day_low
    from gold.fact_market_history as price
    inner join gold.dim_security as security
        on security.sk_security_id = price.sk_security_id
    where price.sk_date_id > (select date_key(min(day) - interval 1 year) from prices)
    union all
    select symbol, date_key(day), day_high, day_low
    from prices
),

extremes as (
    select
        prices.symbol, prices.day,
        max(cents(history.day_high) * 100000000 + (99999999 - history.sk_date_id)) as high,
        min(cents(history.day_low) * 100000000 + history.sk_date_id) as low
    from prices
    inner join history
        on history.symbol = prices.symbol
        and history.sk_date_id > date_key(prices.day - interval 1 year)
        and history.sk_date_id <= date_key(prices.day)
    group by prices.symbol, prices.day
)

select
    security.sk_security_id, security.sk_company_id, date_key(prices.day),
    from_cents(divide_half_up(cents(close_price) * 100, nullif(earnings_cents, 0))),
    from_cents(divide_half_up(cents(security.dividend) * 10000, cents(close_price))),
    from_cents(high // 100000000), 99999999 - high % 100000000,
    from_cents(low // 100000000), low % 100000000,
    close_price, day_high, day_low, volume, batch_id()
from prices
left join extremes on extremes.symbol = prices.symbol and extremes.day = prices.day
left join gold.dim_security as security
    on security.symbol = prices.symbol
    and security.effective_date <= prices.day
    and prices.day < security.end_date
left join gold.dim_company as company on company.sk_company_id = security.sk_company_id
left join trailing_earnings
    on trailing_earnings.company_id = company.company_id
    and trailing_earnings.quarter_start = date_trunc('quarter', prices.day)::date;
