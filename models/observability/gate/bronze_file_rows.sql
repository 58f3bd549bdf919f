{{ config(meta={'always_rebuilt': 'batch_id = 0'}) }}

{# Delivered rows are counted in raw, typed rows in bronze: two independent counts. #}
with delivered as (

    {%- for table in raw_tables() %}
    select
        _batch as batch_id,
        _delivery as delivery,
        '{{ table }}' as stream,
        _file as source_file,
        count(*) as rows_delivered
    from {{ source('brokerage', table) }}
    where {{ is_in_force(table, table == 'audit') }}
    group by all
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

typed as (

    {%- for table, streams in raw_tables().items() %}
    {%- set last_table = loop.last %}
    {%- for stream in streams if bronze_model(stream) is not none %}
    select
        batch_id,
        '{{ table }}' as stream,
        source_file,
        count(*) as rows_typed
    from {{ bronze_model(stream) }}
    where batch_id >= {{ first_batch() }}{{ ' or batch_id = 0' if table == 'audit' }}
    group by all
    {{ 'union all' if not (last_table and loop.last) }}
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
