{{ config(materialized='view') }}

with trading as (

    select
        branch,
        month_start_date,
        count(*) filter (where trades_completed > 0) as brokers,
        sum(trades_completed) as trades_completed,
        sum(traded_value_usd) as traded_value_usd,
        sum(commission_usd) as commission_usd
    from {{ ref('mart_broker_monthly_trading') }}
    group by
        branch,
        month_start_date

),

targets as (

    select * from {{ ref('silver_branch_targets') }}

)

select
    coalesce(trading.branch, targets.branch) as branch,
    coalesce(trading.month_start_date, targets.month_start_date) as month_start_date,
    cast(coalesce(trading.brokers, 0) as integer) as brokers,
    cast(coalesce(trading.trades_completed, 0) as integer) as trades_completed,
    cast(coalesce(trading.traded_value_usd, 0) as decimal(18, 2)) as traded_value_usd,
    cast(coalesce(trading.commission_usd, 0) as decimal(18, 2)) as commission_usd,
    targets.target_usd,
    cast(coalesce(trading.commission_usd, 0) - targets.target_usd as decimal(18, 2)) as commission_above_target_usd,
    cast(
        round(100 * coalesce(trading.commission_usd, 0) / nullif(targets.target_usd, 0), 2) as decimal(24, 2)
    ) as commission_percent_of_target
from trading
full outer join targets
    on trading.branch = targets.branch and trading.month_start_date = targets.month_start_date
