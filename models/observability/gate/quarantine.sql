{{ config(meta={'always_rebuilt': 'batch_id = 0'}) }}

{#
    A stream is searched only where fewer rows were typed than delivered, so that a sound delivery costs a
    comparison of counts and nothing else.
#}
{% set file_rows = ref('bronze_file_rows') %}
{# Which streams are searched is known at run time only; dbt is told of all of them. #}
{% do first_batch() %}
{% for table, streams in raw_tables().items() %}
    {% do source('brokerage', table) %}
    {% for stream in streams %}{% do bronze_model(stream) %}{% endfor %}
{% endfor %}
{% set incomplete = [] %}
{% if execute and flags.WHICH in ('build', 'run') %}
    {% call statement('incomplete', fetch_result=true) %}
        select distinct stream
        from {{ file_rows }}
        where rows_delivered <> rows_typed and (batch_id = 0 or batch_id >= {{ first_batch() }})
    {% endcall %}
    {% set incomplete = load_result('incomplete')['table'].columns[0].values() | list %}
{% endif %}

with refused as (

    select
        cast(null as integer) as batch_id,
        cast(null as integer) as delivery,
        cast(null as varchar) as stream,
        cast(null as varchar) as source_file,
        cast(null as bigint) as source_line,
        cast(null as varchar) as reason,
        cast(null as varchar) as detail,
        cast(null as varchar) as raw_text
    where false
    {%- for table, streams in raw_tables().items() if table in incomplete %}
    {%- for stream in streams %}

    union all by name

    {{ quarantined_rows(stream) }}
    {%- endfor %}
    {%- endfor %}

)

select
    batch_id,
    delivery,
    stream,
    source_file,
    source_line,
    reason,
    detail,
    raw_text,
    case when reason = 'identical_repeat' then 'dropped_duplicate' else 'quarantined' end as disposition
from refused
