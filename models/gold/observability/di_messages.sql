{{ config(meta={'release_key': ['batch_id']}) }}
{#
    What the transformations have to say, batch by batch. Every figure is that of its batch, also when several
    batches are built at once: validation counts are what a reader would have counted after that batch.
#}
{% set first = first_batch() %}

with batches as (

    select
        batch_id,
        batch_date
    from {{ ref('bronze_batches') }}
    where {{ in_batch_window() }}

),

prospect_counts as (

    select * from {{ ref('silver_prospect_counts') }}
    where {{ in_batch_window() }}

),

-- The historical load reports inserted rows only.
prospect_messages as (

    {%- for text, column in [
        ('Inserted rows', 'inserted_rows'), ('Source rows', 'source_rows'), ('Updated rows', 'updated_rows')
    ] %}
    select
        batch_id,
        'Prospect' as message_source,
        '{{ text }}' as message_text,
        'Status' as message_type,
        cast({{ column }} as varchar) as message_data
    from prospect_counts
    {%- if column != 'inserted_rows' %}
    where batch_id > (select min(batch_id) from {{ ref('bronze_batches') }})
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

customer_alerts as (

    select
        batch_id,
        'DimCustomer' as message_source,
        message_text,
        'Alert' as message_type,
        message_data
    from {{ ref('silver_customer_alerts') }}
    where {{ in_batch_window() }}

),

company_alerts as (

    select
        batch_id,
        'DimCompany' as message_source,
        'Invalid SPRating' as message_text,
        'Alert' as message_type,
        'CO_ID = ' || company_id || ', CO_SP_RATE = ' || announced_rating as message_data
    from {{ ref('silver_companies') }}
    where {{ in_batch_window() }} and sp_rating is null and announced_rating is not null

),

completed_trades as (

    select
        batch_id,
        t_id,
        t_comm,
        t_chrg,
        t_trade_price * t_qty as trade_value
    from {{ ref('bronze_brokerage__trade') }}
    where {{ in_batch_window() }} and t_st_id = 'CMPT'

),

trade_alerts as (

    select
        batch_id,
        'DimTrade' as message_source,
        'Invalid trade commission' as message_text,
        'Alert' as message_type,
        'T_ID = ' || t_id || ', T_COMM = ' || t_comm as message_data
    from completed_trades
    where t_comm > trade_value

    union all

    select
        batch_id,
        'DimTrade' as message_source,
        'Invalid trade fee' as message_text,
        'Alert' as message_type,
        'T_ID = ' || t_id || ', T_CHRG = ' || t_chrg as message_data
    from completed_trades
    where t_chrg > trade_value

),

earnings_alerts as (

    select
        batch_id,
        'FactMarketHistory' as message_source,
        'No earnings for company' as message_text,
        'Alert' as message_type,
        'DM_S_SYMB = ' || symbol as message_data
    from {{ ref('silver_prices') }}
    where {{ in_batch_window() }} and not has_earnings and sk_security_id is not null

),

new_counts as (

    {{ validation_counts() }}

),

counts_by_batch as (

    select
        batch_id,
        message_source,
        message_text,
        sum(row_count) as row_count
    from new_counts
    group by
        batch_id,
        message_source,
        message_text

),

earlier_counts as (

    {%- if first > 0 %}
    select
        message_source,
        message_text,
        cast(message_data as bigint) as row_count
    from {{ this }}
    where
        message_type = 'Validation'
        and batch_id = (select max(batch_id) from {{ this }} where batch_id < {{ first }})
    {%- else %}
    select
        cast(null as varchar) as message_source,
        cast(null as varchar) as message_text,
        cast(null as bigint) as row_count
    where false
    {%- endif %}

),

validation_kinds as (

    {%- for source, text in validation_kinds() %}
    select
        '{{ source }}' as message_source,
        '{{ text }}' as message_text
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

validation_counts as (

    select
        batches.batch_id,
        validation_kinds.message_source,
        validation_kinds.message_text,
        coalesce(earlier_counts.row_count, 0) + coalesce(
            sum(counts_by_batch.row_count) over (
                partition by validation_kinds.message_source, validation_kinds.message_text
                order by batches.batch_id
            ),
            0
        ) as row_count
    from batches
    cross join validation_kinds
    left join earlier_counts
        on
            validation_kinds.message_source = earlier_counts.message_source
            and validation_kinds.message_text = earlier_counts.message_text
    left join counts_by_batch
        on
            batches.batch_id = counts_by_batch.batch_id
            and validation_kinds.message_source = counts_by_batch.message_source
            and validation_kinds.message_text = counts_by_batch.message_text

),

validation_messages as (

    select
        batch_id,
        message_source,
        message_text,
        'Validation' as message_type,
        cast(cast(row_count as bigint) as varchar) as message_data
    from validation_counts
    {%- if first == 0 %}

    union all

    -- Phase 0: the warehouse before its first batch.
    select
        0 as batch_id,
        message_source,
        message_text,
        'Validation' as message_type,
        '0' as message_data
    from validation_kinds
    {%- endif %}

),

phase_records as (

    select
        batch_id,
        'Phase Complete Record' as message_source,
        'Batch Complete' as message_text,
        'PCR' as message_type,
        cast(null as varchar) as message_data
    from batches
    {%- if first == 0 %}

    union all

    select
        0 as batch_id,
        'Phase Complete Record' as message_source,
        'Batch Complete' as message_text,
        'PCR' as message_type,
        cast(null as varchar) as message_data
    {%- endif %}

),

messages as (

    select * from prospect_messages
    union all
    select * from customer_alerts
    union all
    select * from company_alerts
    union all
    select * from trade_alerts
    union all
    select * from earnings_alerts
    union all
    select * from validation_messages
    union all
    select * from phase_records

)

select
    cast(current_timestamp at time zone 'UTC' as timestamp) as message_date_and_time,
    cast(batch_id as integer) as batch_id,
    message_source,
    message_text,
    message_type,
    message_data
from messages
