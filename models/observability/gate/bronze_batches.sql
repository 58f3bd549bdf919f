{#
    The gate. A batch is held, with all later ones, when a file has more than its allowed share of quarantined
    rows or when a stream brings nothing although it brought rows in every earlier batch.
#}
with delivered_batches as (

    select
        batch_id,
        delivery,
        batch_date
    from {{ ref('bronze_brokerage__batch_date') }}
    where batch_id >= {{ first_batch() }}

),

stream_expectations as (

    select * from {{ ref('stream_expectations') }}

),

file_rows as (

    select * from {{ ref('bronze_file_rows') }}

),

quarantined as (

    select
        batch_id,
        stream,
        source_file,
        count(*) filter (where disposition = 'quarantined') as rows_quarantined,
        count(*) filter (where disposition = 'dropped_duplicate') as rows_dropped,
        min(source_line) filter (where disposition = 'quarantined') as first_line,
        min_by(reason, source_line) filter (where disposition = 'quarantined') as first_reason
    from {{ ref('quarantine') }}
    where batch_id >= {{ first_batch() }}
    group by all

),

file_faults as (

    select
        file_rows.batch_id,
        file_rows.stream,
        file_rows.source_file,
        quarantined.first_line as source_line,
        quarantined.rows_quarantined || ' of ' || file_rows.rows_delivered || ' rows are bound for quarantine, '
        || 'more than ' || cast(stream_expectations.maximum_quarantined_share * 100 as decimal(5, 1))
        || ' %; the first is line ' || quarantined.first_line || ' (' || quarantined.first_reason || ')' as reason
    from file_rows
    inner join quarantined using (batch_id, stream, source_file)
    inner join stream_expectations using (stream)
    where quarantined.rows_quarantined > file_rows.rows_delivered * stream_expectations.maximum_quarantined_share

),

rows_of_stream as (

    select
        batch_id,
        stream,
        sum(rows_delivered) as rows_delivered
    from file_rows
    group by all

),

stream_rows as (

    select
        batches.batch_id,
        stream_expectations.stream,
        coalesce(rows_of_stream.rows_delivered, 0) as rows_delivered,
        min(coalesce(rows_of_stream.rows_delivered, 0)) over (
            partition by stream_expectations.stream
            order by batches.batch_id
            rows between unbounded preceding and 1 preceding
        ) as fewest_rows_before
    from {{ ref('bronze_brokerage__batch_date') }} as batches
    inner join stream_expectations
        on batches.batch_id >= stream_expectations.expected_from_batch
    left join rows_of_stream
        on
            batches.batch_id = rows_of_stream.batch_id
            and stream_expectations.stream = rows_of_stream.stream

),

empty_streams as (

    select
        batch_id,
        stream,
        cast(null as varchar) as source_file,
        cast(null as bigint) as source_line,
        'the stream has no rows although every earlier batch had some' as reason
    from stream_rows
    where rows_delivered = 0 and fewest_rows_before > 0

),

faults as (

    select * from file_faults
    union all
    select * from empty_streams

),

first_fault as (

    select *
    from faults
    qualify row_number() over (partition by batch_id order by stream, source_file, source_line) = 1

),

rows_of_batch as (

    select
        file_rows.batch_id,
        sum(file_rows.rows_delivered) as rows_delivered,
        sum(file_rows.rows_typed) as rows_typed,
        coalesce(sum(quarantined.rows_quarantined), 0) as rows_quarantined,
        coalesce(sum(quarantined.rows_dropped), 0) as rows_dropped
    from file_rows
    left join quarantined using (batch_id, stream, source_file)
    group by all

)

select
    delivered_batches.batch_id,
    delivered_batches.delivery,
    delivered_batches.batch_date,
    cast(coalesce(rows_of_batch.rows_delivered, 0) as bigint) as rows_delivered,
    cast(coalesce(rows_of_batch.rows_typed, 0) as bigint) as rows_typed,
    cast(coalesce(rows_of_batch.rows_quarantined, 0) as bigint) as rows_quarantined,
    cast(coalesce(rows_of_batch.rows_dropped, 0) as bigint) as rows_dropped,
    count(first_fault.batch_id) over (order by delivered_batches.batch_id) = 0 as is_accepted,
    first_fault.stream as held_stream,
    first_fault.source_file as held_file,
    first_fault.source_line as held_line,
    case
        when first_fault.batch_id is not null then first_fault.reason
        when count(first_fault.batch_id) over (order by delivered_batches.batch_id) > 0 then 'an earlier batch is held'
    end as held_reason
from delivered_batches
left join rows_of_batch
    on delivered_batches.batch_id = rows_of_batch.batch_id
left join first_fault
    on delivered_batches.batch_id = first_fault.batch_id
