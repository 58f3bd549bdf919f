{{ config(meta={'release_key': ['batch_id']}) }}
{#
    What the transformations have to say, batch by batch. Every figure is that of its batch, also when several
    batches are built at once: validation counts are what a reader would have counted after that batch.
#}
{% set first = first_batch() %}

with batches as (

    select batch_id
    from {{ ref('bronze_batches') }}
    where {{ in_batch_window() }}
    {%- if first == 0 %}

    union all

    -- Phase 0: the warehouse before its first batch.
    select 0
    {%- endif %}

),

new_counts as (

    select batch_id, message_source, message_text, sum(row_count) as row_count
    from {{ ref('validation_counts') }}
    where {{ in_batch_window() }}
    group by batch_id, message_source, message_text

),

earlier_counts as (

    {%- if first > 0 %}
    select message_source, message_text, cast(message_data as bigint) as row_count
    from {{ this }}
    where
        message_type = 'Validation'
        and batch_id = (select max(batch_id) from {{ this }} where batch_id < {{ first }})
    {%- else %}
    select message_source, message_text, 0 as row_count
    from {{ ref('validation_figures') }}
    {%- endif %}

),

validation_messages as (

    select
        batches.batch_id,
        figures.message_source,
        figures.message_text,
        'Validation' as message_type,
        cast(cast(
            coalesce(earlier_counts.row_count, 0) + coalesce(sum(new_counts.row_count) over (
                partition by figures.message_source, figures.message_text order by batches.batch_id
            ), 0)
            as bigint
        ) as varchar) as message_data
    from batches
    cross join {{ ref('validation_figures') }} as figures
    left join earlier_counts using (message_source, message_text)
    left join new_counts
        on
            batches.batch_id = new_counts.batch_id
            and figures.message_source = new_counts.message_source
            and figures.message_text = new_counts.message_text

),

all_messages as (

    select batch_id, message_source, message_text, message_type, message_data
    from {{ ref('messages') }}
    where {{ in_batch_window() }}

    union all

    select batch_id, message_source, message_text, message_type, message_data
    from validation_messages

    union all

    select batch_id, 'Phase Complete Record', 'Batch Complete', 'PCR', null
    from batches

)

select
    cast(current_timestamp at time zone 'UTC' as timestamp) as message_date_and_time,
    cast(batch_id as integer) as batch_id,
    message_source,
    message_text,
    message_type,
    message_data
from all_messages
