{{ config(
    unique_key=['broker_id', 'month_start_date'], meta={'release_key': ['broker_id', 'month_start_date']}
) }}

{#
    A month of a broker is counted anew when one of its trades changed or the broker did. A trade belongs to the
    month that it was placed in and, once closed, to the month that it was closed in. One that was open and closes on a day
    that the calendar does not have is not published any more: its month stays, with what else is in it or nothing.
#}

with broker_versions as (

    select * from {{ ref('dim_broker') }}

),

trade_types as (

    select * from {{ ref('trade_type') }}

),

trades as (

    select
        trades.*,
        broker_versions.broker_id,
        cast(date_trunc('month', trades.created_at) as date) as placed_month,
        cast(date_trunc('month', trades.closed_at) as date) as closed_month
    from {{ ref('silver_trades') }} as trades
    inner join broker_versions
        on trades.sk_broker_id = broker_versions.sk_broker_id
    where
        trades.is_published
        or trades.created_at is not null
        and {{ is_known_day('cast(trades.created_at as date)') }}
        and not {{ is_known_day('cast(trades.closed_at as date)') }}

),


events as (

    select
        broker_id,
        placed_month as month_start_date,
        batch_id,
        cast(is_published as integer) as placed,
        cast(null as varchar) as closed_as,
        cast(null as varchar) as trade_type_id,
        null as quantity,
        null as traded_value,
        null as commission,
        null as fee,
        null as tax
    from trades

    union all

    select
        broker_id,
        closed_month,
        batch_id,
        0,
        status_type_id,
        trade_type_id,
        quantity,
        quantity * trade_price,
        commission,
        fee,
        tax
    from trades
    where is_published and closed_month is not null

    union all

    -- A trade that closes twice leaves the month of its former closing.
    select
        broker_id,
        cast(date_trunc('month', first_closed_at) as date),
        batch_id,
        0,
        null,
        null,
        null,
        null,
        null,
        null,
        null
    from trades
    where
        date_trunc('month', first_closed_at) <> date_trunc('month', closed_at)
        and {{ is_known_day('cast(first_closed_at as date)') }}

),

months as (

    select
        events.broker_id,
        events.month_start_date,
        sum(events.placed) as trades_placed,
        count(*) filter (where events.closed_as = 'CMPT') as trades_completed,
        count(*) filter (where events.closed_as = 'CNCL') as trades_canceled,
        count(*) filter (where events.closed_as = 'CMPT' and trade_types.tt_is_sell = 0) as buys_completed,
        count(*) filter (where events.closed_as = 'CMPT' and trade_types.tt_is_sell = 1) as sells_completed,
        coalesce(sum(events.quantity) filter (where events.closed_as = 'CMPT'), 0) as shares_traded,
        coalesce(sum(events.traded_value) filter (where events.closed_as = 'CMPT'), 0) as traded_value,
        coalesce(sum(events.commission) filter (where events.closed_as = 'CMPT'), 0) as commission,
        coalesce(sum(events.fee) filter (where events.closed_as = 'CMPT'), 0) as fee,
        coalesce(sum(events.tax) filter (where events.closed_as = 'CMPT'), 0) as tax,
        max(events.batch_id) as batch_id
    from events
    left join trade_types
        on events.trade_type_id = trade_types.tt_id
    where
        {% call is_touched(
            'events.broker_id, events.month_start_date',
            {'events': 'broker_id, month_start_date'},
            'broker_id, month_start_date'
        ) %}
            select
                broker_id,
                month_start_date
            from {{ this }}
            where broker_id in (select broker_id from broker_versions where batch_id >= {{ first_batch() }})
        {% endcall %}
    group by
        events.broker_id,
        events.month_start_date

)

select
    months.broker_id,
    months.month_start_date,
    brokers.first_name as broker_first_name,
    brokers.last_name as broker_last_name,
    employed.branch,
    employed.office,
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
        round(100 * months.commission / nullif(months.traded_value, 0), 4) as decimal(24, 4)
    ) as commission_percent,
    greatest(months.batch_id, brokers.batch_id) as batch_id
from months
inner join broker_versions as brokers
    on months.broker_id = brokers.broker_id
{{ join_version(
    'broker_versions', 'employed', 'months.broker_id = employed.broker_id', 'last_day(months.month_start_date)', 'left'
) }}
where brokers.is_current
