{{ config(materialized='view') }}

with batches as (

    select * from {{ ref('bronze_batches') }}
    where is_accepted

),

delivered as (

    select
        batch_id,
        stream,
        sum(rows_delivered) as rows_delivered
    from {{ ref('bronze_file_rows') }}
    group by
        batch_id,
        stream

),

refused as (

    select
        batch_id,
        stream,
        count(*) as rows_quarantined
    from {{ ref('quarantine') }}
    where disposition = 'quarantined'
    group by
        batch_id,
        stream

),

alerts as (

    select
        batch_id,
        message_text,
        count(*) as alerts
    from {{ ref('di_messages') }}
    where message_type = 'Alert'
    group by
        batch_id,
        message_text

),

counts as (

    select
        delivered.batch_id,
        delivered.stream,
        cast(null as varchar) as alert,
        delivered.rows_delivered,
        coalesce(refused.rows_quarantined, 0) as rows_quarantined,
        0 as alerts
    from delivered
    left join refused
        on delivered.batch_id = refused.batch_id and delivered.stream = refused.stream

    union all

    select
        batch_id,
        null as stream,
        message_text as alert,
        0 as rows_delivered,
        0 as rows_quarantined,
        alerts
    from alerts

)

select
    batches.batch_id,
    batches.batch_date,
    counts.stream,
    counts.alert,
    cast(counts.rows_delivered as bigint) as rows_delivered,
    cast(counts.rows_quarantined as bigint) as rows_quarantined,
    cast(counts.alerts as bigint) as alerts
from batches
inner join counts
    on batches.batch_id = counts.batch_id
