{#
    Daily prices with what the warehouse knows of their security on that day. A row works with what its own batch
    and earlier ones delivered, never with what came later, so that no batch changes a row of an earlier one.
#}
{% set first_batch = first_batch() %}
{% set from_nothing = first_batch <= 1 %}
{# Searching a year for every row beats the window over everything only while batches are few. #}
{% set by_search = not from_nothing and last_batch() - first_batch < 20 %}

with delivered as (

    select
        dm_s_symb as symbol,
        dm_date as price_date,
        dm_close as close_price,
        dm_high as day_high,
        dm_low as day_low,
        dm_vol as volume,
        batch_id
    from {{ ref('bronze_brokerage__daily_market') }}
    where {{ in_batch_window() }}

),

-- Symbols as small numbers: everything below groups and joins by them.
symbols as (

    select
        symbol,
        cast(row_number() over () as integer) as symbol_number
    from (select distinct symbol from delivered) as delivered_symbols

),

days as (

    select
        delivered_days.price_date,
        delivered_days.batch_id,
        {{ past_year_columns('delivered_days.price_date') }},
        cast(date_trunc('quarter', delivered_days.price_date) as date) as quarter_start_date,
        -- Later batches start versions after the day of this one; a day that the calendar does not have finds none.
        case
            when {{ is_known_day('delivered_days.price_date') }}
                then least(delivered_days.price_date, batches.batch_date)
        end as known_day
    from (select distinct price_date, batch_id from delivered) as delivered_days
    inner join {{ looked_up('bronze_batches') }} as batches
        on delivered_days.batch_id = batches.batch_id

),

new_prices as (

    select
        symbols.symbol_number,
        days.day_number,
        days.days_before,
        {{ packed_high('delivered.day_high', 'days.sk_date_id') }} as high,
        {{ packed_low('delivered.day_low', 'days.sk_date_id') }} as low,
        delivered.close_price,
        delivered.day_high,
        delivered.day_low,
        delivered.volume,
        delivered.batch_id
    from delivered
    inner join symbols using (symbol)
    inner join days using (price_date, batch_id)

),

{%- if not from_nothing %}

kept_prices as (

    select
        symbols.symbol_number,
        kept.price_date,
        {{ past_year_columns('kept.price_date') }},
        kept.day_high,
        kept.day_low,
        kept.batch_id
    from {{ this }} as kept
    inner join symbols using (symbol)
    where
        kept.batch_id < {{ first_batch }}
        and kept.price_date > (select min(price_date) - interval 1 year from delivered)

),
{%- endif %}

prices as (

    select * from new_prices
    {%- if not from_nothing %}

    union all by name

    select
        symbol_number,
        day_number,
        days_before,
        {{ packed_high('day_high', 'sk_date_id') }} as high,
        {{ packed_low('day_low', 'sk_date_id') }} as low,
        batch_id
    from kept_prices
    {%- endif %}

),
{%- if by_search %}

found as (

    {{ extremes_by_search('new_prices', 'prices') }}

),

extremes as (

    select
        new_prices.*,
        found.year_high,
        found.year_low
    from new_prices
    inner join found using (symbol_number, day_number)

),
{%- else %}

days_of_batches as (

    select
        symbol_number,
        batch_id,
        min(day_number) as first_day,
        max(max(day_number)) over (
            partition by symbol_number order by batch_id
            rows between unbounded preceding and 1 preceding
        ) as last_day_before
    from prices
    group by symbol_number, batch_id

),

-- Prices that came after those of later days: the window would show them to rows of earlier batches.
late_prices as (

    select
        prices.symbol_number,
        prices.day_number,
        prices.batch_id
    from prices
    inner join days_of_batches
        on
            prices.symbol_number = days_of_batches.symbol_number
            and prices.batch_id = days_of_batches.batch_id
            and prices.day_number < days_of_batches.last_day_before
    where days_of_batches.first_day < days_of_batches.last_day_before

),

misled_prices as (

    select distinct
        new_prices.symbol_number,
        new_prices.day_number,
        new_prices.days_before,
        new_prices.batch_id
    from new_prices
    inner join late_prices
        on
            new_prices.symbol_number = late_prices.symbol_number
            and new_prices.batch_id < late_prices.batch_id
            and new_prices.day_number > late_prices.day_number
            and new_prices.day_number - new_prices.days_before <= late_prices.day_number

),

corrections as (

    {{ extremes_by_search('misled_prices', 'prices') }}

),

windowed as (

    {{ extremes_by_window('prices') }}

),

extremes as (

    select
        windowed.* replace (
            coalesce(corrections.year_high, windowed.year_high) as year_high,
            coalesce(corrections.year_low, windowed.year_low) as year_low
        )
    from windowed
    left join corrections using (symbol_number, day_number)
    where windowed.batch_id >= {{ first_batch }}

),
{%- endif %}

securities as (

    select
        symbols.symbol_number,
        securities.sk_security_id,
        securities.sk_company_id,
        securities.company_id,
        securities.dividend,
        securities.effective_date,
        securities.end_date
    from {{ ref('silver_securities') }} as securities
    inner join symbols using (symbol)

),

trailing_earnings as (

    {{ trailing_earnings('(select min(price_date) from delivered)', '(select max(price_date) from delivered)') }}

),

valued as (

    select
        symbols.symbol,
        days.price_date,
        days.sk_date_id,
        extremes.*,
        securities.sk_security_id,
        securities.sk_company_id,
        securities.dividend,
        trailing_earnings.earnings_cents
    from extremes
    inner join symbols using (symbol_number)
    inner join days using (day_number, batch_id)
    {{ join_version(
        'securities', 'securities', 'extremes.symbol_number = securities.symbol_number', 'days.known_day', 'left'
    ) }}
    left join trailing_earnings
        on
            securities.company_id = trailing_earnings.company_id
            and days.quarter_start_date = trailing_earnings.quarter_start_date
            and extremes.batch_id >= trailing_earnings.known_from_batch
            and extremes.batch_id < trailing_earnings.known_before_batch

)

select
    symbol,
    price_date,
    sk_security_id,
    sk_company_id,
    cast(sk_date_id as bigint) as sk_date_id,
    {{ from_cents(divide_half_up(cents('close_price') ~ ' * 100', 'earnings_cents'), 'decimal(10, 2)') }} as pe_ratio,
    {{ from_cents(divide_half_up(cents('dividend') ~ ' * 10000', cents('close_price')), 'decimal(5, 2)') }} as yield,
    {{ packed_price('year_high') }} as fifty_two_week_high,
    {{ packed_high_day('year_high') }} as sk_fifty_two_week_high_date,
    {{ packed_price('year_low') }} as fifty_two_week_low,
    {{ packed_low_day('year_low') }} as sk_fifty_two_week_low_date,
    close_price,
    day_high,
    day_low,
    volume,
    earnings_cents is not null as has_earnings,
    batch_id
from valued
