{#
    Every price of an accepted batch is in silver once, as it was delivered; every result is, or another one of the same
    company, quarter and batch. A returned row is a batch whose counts or sums differ.
#}
{% set from_batch = test_from_batch() %}

with delivered_prices as (

    select
        batch_id,
        count(*) as row_count,
        sum(dm_close + dm_high + dm_low) as price_sum,
        sum(dm_vol) as volume_sum
    from {{ ref('bronze_brokerage__daily_market') }}
    where batch_id between {{ from_batch }} and {{ last_batch() }}
    group by batch_id

),

kept_prices as (

    select
        batch_id,
        count(*) as row_count,
        sum(close_price + day_high + day_low) as price_sum,
        sum(volume) as volume_sum
    from {{ ref('silver_prices') }}
    where batch_id >= {{ from_batch }}
    group by batch_id

),

delivered_results as (

    select
        batch_id,
        count(distinct (year, quarter)) as quarter_count,
        count(*) as row_count
    from {{ ref('bronze_brokerage__finwire_fin') }}
    where batch_id between {{ from_batch }} and {{ last_batch() }}
    group by batch_id

),

kept_results as (

    select
        batch_id,
        count(distinct (year, cast(quarter as varchar))) as quarter_count,
        count(*) as row_count
    from {{ ref('silver_financials') }}
    where batch_id >= {{ from_batch }}
    group by batch_id

)

select
    'prices' as counted,
    batch_id,
    delivered_prices.row_count as delivered_rows,
    kept_prices.row_count as kept_rows
from delivered_prices
full join kept_prices using (batch_id)
where
    delivered_prices.row_count is distinct from kept_prices.row_count
    or delivered_prices.price_sum is distinct from kept_prices.price_sum
    or delivered_prices.volume_sum is distinct from kept_prices.volume_sum

union all

select
    'results' as counted,
    batch_id,
    delivered_results.row_count as delivered_rows,
    kept_results.row_count as kept_rows
from delivered_results
full join kept_results using (batch_id)
where
    delivered_results.quarter_count is distinct from kept_results.quarter_count
    or kept_results.row_count is null
    or delivered_results.row_count < kept_results.row_count
