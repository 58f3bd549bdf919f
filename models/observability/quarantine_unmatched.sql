{# Rows are searched only where silver counts some that it does not publish. #}
{% set incomplete = [] %}
{% for arrival in arrivals() %}
    {% do bronze_model(arrival['stream']) %}
    {% if execute and flags.WHICH in ('build', 'run') and run_query(arrival['lost']).rows[0][0] > 0 %}
        {% do incomplete.append(arrival) %}
    {% endif %}
{% endfor %}

with unmatched as (

    select
        cast(null as integer) as batch_id,
        cast(null as integer) as delivery,
        cast(null as varchar) as stream,
        cast(null as varchar) as source_file,
        cast(null as bigint) as source_line,
        cast(null as varchar) as reason,
        cast(null as varchar) as raw_text
    where false
    {%- for arrival in incomplete %}

    union all

    {{ unmatched_rows(arrival) }}
    {%- endfor %}

)

select
    batch_id,
    delivery,
    stream,
    source_file,
    source_line,
    reason,
    raw_text
from unmatched
