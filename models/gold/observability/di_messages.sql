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

prospect_changes as (

    select
        batch_id,
        count(*) filter (where is_first_version) as inserted_rows,
        count(*) filter (where not is_first_version) as updated_rows
    from {{ ref('silver_prospects') }}
    where {{ in_batch_window() }}
    group by batch_id

),

prospect_lists as (

    select
        batch_id,
        count(*) as source_rows
    from {{ ref('bronze_brokerage__prospect') }}
    where {{ in_batch_window() }}
    group by batch_id

),

prospect_figures as (

    select
        batches.batch_id,
        coalesce(prospect_changes.inserted_rows, 0) as inserted_rows,
        coalesce(prospect_lists.source_rows, 0) as source_rows,
        coalesce(prospect_changes.updated_rows, 0) as updated_rows
    from batches
    left join prospect_changes
        on batches.batch_id = prospect_changes.batch_id
    left join prospect_lists
        on batches.batch_id = prospect_lists.batch_id

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
    from prospect_figures
    {%- if column != 'inserted_rows' %}
    where batch_id > (select min(batch_id) from {{ ref('bronze_batches') }})
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

-- The historical load looks at new customers only, a daily batch at the last row of every customer it brings.
checked_customers as (

    select
        batch_id,
        c_id,
        coalesce(c_tier, '') as tier,
        try_cast(nullif(c_dob, '') as date) as dob
    from {{ ref('bronze_brokerage__customer_mgmt_action') }}
    where {{ in_batch_window() }} and actiontype = 'NEW'

    union all

    select
        batch_id,
        c_id,
        coalesce(cast(c_tier as varchar), '') as tier,
        c_dob as dob
    from (
        select
            *,
            row_number() over (
                partition by batch_id, c_id order by cdc_dsn desc, source_line desc
            ) as position_from_last
        from {{ ref('bronze_brokerage__customer') }}
        where {{ in_batch_window() }}
    ) as customer_rows
    where position_from_last = 1

),

customer_alerts as (

    select
        batch_id,
        'DimCustomer' as message_source,
        'Invalid customer tier' as message_text,
        'Alert' as message_type,
        'C_ID = ' || c_id || ', C_TIER = ' || tier as message_data
    from checked_customers
    where tier not in ('1', '2', '3')

    union all

    select
        checked_customers.batch_id,
        'DimCustomer' as message_source,
        'DOB out of range' as message_text,
        'Alert' as message_type,
        'C_ID = ' || checked_customers.c_id || ', C_DOB = ' || checked_customers.dob as message_data
    from checked_customers
    inner join batches
        on checked_customers.batch_id = batches.batch_id
    where
        checked_customers.dob < batches.batch_date - interval 100 year
        or checked_customers.dob > batches.batch_date

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
        prices.batch_id,
        'FactMarketHistory' as message_source,
        'No earnings for company' as message_text,
        'Alert' as message_type,
        'DM_S_SYMB = ' || securities.symbol as message_data
    from {{ ref('fact_market_history') }} as prices
    inner join {{ ref('dim_security') }} as securities
        on prices.sk_security_id = securities.sk_security_id
    where {{ in_batch_window('prices.batch_id') }} and prices.pe_ratio is null

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
