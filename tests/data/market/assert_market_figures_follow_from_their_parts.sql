{#
    Extremes, price-earnings ratio and yield of the market history, worked out once more in another way on the last
    trading day of every batch: by searching the prices of the year, and from what gold publishes. A returned row is a
    price whose figure is another one. Results that were replaced are left out of the ratios: gold has the last ones only.
#}
{% set from_batch = test_from_batch() %}

with history as (

    select
        *,
        price_date - interval 1 year as year_before,
        date_trunc('quarter', price_date) as quarter_start_date
    from {{ ref('silver_prices') }}
    where batch_id >= {{ from_batch }}
    qualify price_date = max(price_date) over (partition by batch_id)

),

prices as (

    select
        symbol,
        price_date,
        sk_date_id,
        day_high,
        day_low,
        batch_id
    from {{ ref('silver_prices') }}
    where price_date > (select min(year_before) from history)

),

extremes as (

    select
        history.symbol,
        history.price_date,
        max(prices.day_high) as year_high,
        min(prices.day_low) as year_low,
        min(prices.sk_date_id) filter (where prices.day_high = history.fifty_two_week_high) as high_date_id,
        min(prices.sk_date_id) filter (where prices.day_low = history.fifty_two_week_low) as low_date_id
    from history
    inner join prices
        on
            history.symbol = prices.symbol
            and history.price_date >= prices.price_date
            and history.year_before < prices.price_date
            and history.batch_id >= prices.batch_id
    group by
        history.symbol,
        history.price_date

),

results as (

    select
        companies.company_id,
        financials.fi_qtr_start_date,
        financials.fi_basic_eps
    from {{ ref('financial') }} as financials
    inner join {{ ref('dim_company') }} as companies
        on financials.sk_company_id = companies.sk_company_id

),

earnings as (

    select
        history.symbol,
        history.price_date,
        sum(results.fi_basic_eps) as basic_eps
    from history
    inner join {{ ref('dim_company') }} as companies
        on history.sk_company_id = companies.sk_company_id
    inner join results
        on
            companies.company_id = results.company_id
            and history.quarter_start_date > results.fi_qtr_start_date
            and history.quarter_start_date <= results.fi_qtr_start_date + interval 1 year
    group by
        history.symbol,
        history.price_date

),

-- Companies with a result that came after the batch of the price, or instead of one that it knew.
later_results as (

    select
        company_id,
        max(batch_id) as last_batch_id
    from {{ ref('silver_financials') }}
    where company_id is not null
    group by company_id

)

select
    history.symbol,
    history.price_date,
    history.fifty_two_week_high,
    extremes.year_high,
    history.fifty_two_week_low,
    extremes.year_low,
    history.pe_ratio,
    earnings.basic_eps,
    history.yield,
    securities.dividend
from history
inner join extremes using (symbol, price_date)
left join earnings using (symbol, price_date)
left join {{ ref('dim_security') }} as securities
    on history.sk_security_id = securities.sk_security_id
left join {{ ref('dim_company') }} as companies
    on history.sk_company_id = companies.sk_company_id
left join later_results
    on companies.company_id = later_results.company_id
where
    history.fifty_two_week_high <> extremes.year_high
    or history.fifty_two_week_low <> extremes.year_low
    or history.sk_fifty_two_week_high_date <> extremes.high_date_id
    or history.sk_fifty_two_week_low_date <> extremes.low_date_id
    -- The quotient lies within half a cent of the rounded one.
    or abs(history.yield * history.close_price - securities.dividend * 100) > history.close_price * 0.005
    or (
        coalesce(later_results.last_batch_id <= history.batch_id, true)
        and (
            history.has_earnings <> (earnings.basic_eps is not null)
            or abs(history.pe_ratio * earnings.basic_eps - history.close_price) > abs(earnings.basic_eps) * 0.005
        )
    )
