{# Delivered rows are counted in raw, typed rows in bronze: two independent counts. #}
with delivered as (

    {%- for table, streams in raw_tables().items() %}
    {%- if table != 'audit' %}
    select
        _batch as batch_id,
        _delivery as delivery,
        '{{ table }}' as stream,
        _file as source_file,
        count(*) as rows_delivered
    from {{ source('brokerage', table) }}
    where
        _batch >= {{ first_batch() }}
        and (_batch, _delivery) in (select batch_id, delivery from {{ ref('bronze_brokerage__batch_date') }})
    group by all
    {{ 'union all' if not loop.last }}
    {%- endif %}
    {%- endfor %}
    select
        _batch as batch_id,
        _delivery as delivery,
        'audit' as stream,
        _file as source_file,
        count(*) as rows_delivered
    from {{ source('brokerage', 'audit') }}
    where
        _batch >= {{ first_batch() }}
        and (_batch, _delivery) in (select batch_id, delivery from {{ ref('bronze_brokerage__batch_date') }})
    group by all

),

typed as (

    {%- for table, streams in raw_tables().items() %}
    {%- for stream in streams if bronze_model(stream) is not none %}
    select
        batch_id,
        '{{ table }}' as stream,
        source_file,
        count(*) as rows_typed
    from {{ bronze_model(stream) }}
    where batch_id >= {{ first_batch() }}
    group by all
    {{ 'union all' if not (loop.last and table == 'audit') }}
    {%- endfor %}
    {%- endfor %}

),

typed_by_file as (

    select
        batch_id,
        stream,
        source_file,
        sum(rows_typed) as rows_typed
    from typed
    group by all

)

select
    delivered.batch_id,
    delivered.delivery,
    delivered.stream,
    delivered.source_file,
    delivered.rows_delivered,
    cast(coalesce(typed_by_file.rows_typed, 0) as bigint) as rows_typed
from delivered
left join typed_by_file using (batch_id, stream, source_file)
