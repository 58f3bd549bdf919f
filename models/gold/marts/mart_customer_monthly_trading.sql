{{ config(
    unique_key=['customer_id', 'month_start_date'], meta={'release_key': ['customer_id', 'month_start_date']}
) }}

{#
    A month of a customer is counted anew when one of its trades changed. A trade counts at the rate of the day on which it
    was completed, in the currency of the country in which the customer lived when it was placed. As long as the bank
    has no rate of that currency at all, the customer counts in US dollars.
#}
with rates as (

    select * from {{ ref('silver_exchange_rates') }}

),

currencies as (

    select *
    from {{ ref('country_currencies') }}
    where currency in (select currency from rates)

),

customers as (

    select
        versions.sk_customer_id,
        versions.customer_id,
        coalesce(currencies.currency, 'USD') as currency
    from {{ ref('dim_customer') }} as versions
    left join currencies
        on versions.country = currencies.country

),

trades as (

    select
        trades.*,
        customers.customer_id,
        customers.currency
    from {{ ref('silver_trades') }} as trades
    inner join customers
        on trades.sk_customer_id = customers.sk_customer_id

),

events as (

    select
        customer_id,
        cast(date_trunc('month', closed_at) as date) as month_start_date,
        currency,
        batch_id,
        cast(closed_at as date) as completed_on,
        -- As wide as its product with a rate can be.
        cast(quantity * trade_price as decimal(28, 2)) as traded_value,
        commission
    from trades
    where is_published and status_type_id = 'CMPT'

    union all

    -- A trade that closes twice leaves the month of its former closing: that stays, with what else is in it or nothing.
    select
        customer_id,
        cast(date_trunc('month', first_closed_at) as date),
        currency,
        batch_id,
        null,
        null,
        null
    from trades
    where
        date_trunc('month', first_closed_at) <> date_trunc('month', closed_at)
        and {{ is_known_day('cast(first_closed_at as date)') }}

),

valued as (

    select
        events.*,
        events.traded_value * rates.rate as customer_value,
        events.traded_value * reporting_rates.rate as reporting_value,
        events.currency <> 'USD' and rates.effective_date < events.completed_on
        or {{ reporting_currency() }} <> 'USD' and reporting_rates.effective_date < events.completed_on
            as is_at_earlier_rate
    from events
    {{ join_version('rates', 'rates', 'events.currency = rates.currency', 'events.completed_on', 'left') }}
    {{ join_version(
        'rates', 'reporting_rates', 'reporting_rates.currency = ' ~ reporting_currency(), 'events.completed_on', 'left'
    ) }}
    where
        {{ is_touched(
            'events.customer_id, events.month_start_date',
            {'events': 'customer_id, month_start_date'},
            'customer_id, month_start_date'
        ) }}

)

select
    customer_id,
    month_start_date,
    currency,
    {{ reporting_currency() }} as reporting_currency,
    cast(count(traded_value) as integer) as trades_completed,
    cast(count(customer_value + reporting_value) filter (where is_at_earlier_rate) as integer) as trades_at_earlier_rate,
    cast(count(traded_value) - count(customer_value + reporting_value) as integer) as trades_without_rate,
    cast(coalesce(sum(traded_value), 0) as decimal(18, 2)) as traded_value_usd,
    case
        when count(customer_value) = count(traded_value)
            then cast(coalesce(sum(customer_value), 0) as decimal(38, 2))
    end as traded_value,
    case
        when count(reporting_value) = count(traded_value)
            then cast(coalesce(sum(reporting_value), 0) as decimal(38, 2))
    end as traded_value_reported,
    cast(coalesce(sum(commission), 0) as decimal(18, 2)) as commission_usd,
    max(batch_id) as batch_id
from valued
group by
    customer_id,
    month_start_date,
    currency
