-- A returned row is a batch without its 24 validation figures or its one phase record, or one whose joined
-- row counts differ from its plain ones.
with messages as (

    select * from {{ ref('di_messages') }}
    where batch_id >= {{ test_from_batch() }}

),

figures as (

    select
        batch_id,
        count(*) filter (where message_type = 'Validation') as validations,
        count(*) filter (where message_type = 'PCR') as phase_records
    from messages
    group by batch_id

),

joined_counts as (

    select
        plain.batch_id,
        plain.message_source,
        plain.message_data as row_count,
        joined.message_data as joined_row_count
    from messages as plain
    inner join messages as joined
        on
            plain.batch_id = joined.batch_id
            and plain.message_source = joined.message_source
    where plain.message_text = 'Row count' and joined.message_text = 'Row count joined'

)

select
    batch_id,
    'validations: ' || validations || ', phase records: ' || phase_records as found
from figures
where validations <> 24 or phase_records <> 1

union all

select
    batch_id,
    message_source || ': ' || row_count || ' rows, ' || joined_row_count || ' joined' as found
from joined_counts
where row_count <> joined_row_count
