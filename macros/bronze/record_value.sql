{#
    A field of a record by its contract. `column` is the raw table's column, `field` what the source calls it where that
    differs, `pointer` a place inside it; `kind` is what a contract's type is called here (`ingestion.contracts.records`).
#}
{% macro record_value(column, kind, field=none, pointer=none) -%}
    {%- set text = stored_text(column, pointer) -%}
    {%- if kind == 'loaded:bigint' -%}
        case when regexp_full_match({{ text }}, '-?[0-9]{1,19}') then try_cast({{ text }} as bigint) end
    {%- elif kind == 'loaded:double' -%}
        case when regexp_full_match({{ text }}, '-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?') and isfinite(try_cast({{ text }} as double))
            then try_cast({{ text }} as double) end
    {%- elif kind == 'loaded:boolean' -%}
        {{ typed_value(text, 'word') }}
    {%- elif kind.split(':')[1] in ('date', 'timestamp', 'timestamptz') and kind.startswith('loaded:') -%}
        {#- By value: the engine takes a text apart that it made of a date itself, and compares dates. #}
        {%- set sql_type = kind.split(':')[1] -%}
        {%- set value = 'try_cast(' ~ text ~ ' as ' ~ sql_type ~ ')' -%}
        case when {{ value }} >= cast('{{ first_day_of_calendar(kind.split(":")[2] if kind.count(":") > 1 else "") }}' as {{ sql_type }})
            and {{ value }} < cast(date '{{ last_day_of_calendar() }}' + 1 as {{ sql_type }})
            {%- if sql_type == 'date' %} and {{ is_written_as(text, 'date') }}{% endif %} then {{ value }} end
    {%- elif kind.startswith('loaded:') -%}
        try_cast({{ text }} as {{ kind.split(':')[1] }})
    {%- else -%}
        {{ typed_value(delivered(column, field, pointer), kind) }}
    {%- endif -%}
{%- endmacro %}


{# What the raw table holds of a field, as a text. #}
{% macro stored_text(column, pointer=none) -%}
    {%- set quoted = '"' ~ column | replace('"', '""') ~ '"' -%}
    {%- if pointer is none -%}
        {#- A whole number is told by its digits, also where the connector says that it is any number. #}
        if(typeof({{ quoted }}) = 'DOUBLE', regexp_replace(cast({{ quoted }} as varchar), '[.]0$', ''), cast({{ quoted }} as varchar))
    {%- else -%}
        json_extract_string({{ quoted }}, ('{{ pointer | replace("'", "''") | replace("\0", "' || chr(0) || '") }}'))
    {%- endif -%}
{%- endmacro %}


{# What was delivered in a field, as a text, also where the column's type does not hold it. #}
{% macro delivered(column, field=none, pointer=none) -%}
    {%- if pointer is none -%}
        coalesce({{ original(column if field is none else field) }}, {{ stored_text(column) }})
    {%- else -%}
        {{ stored_text(column, pointer) }}
    {%- endif -%}
{%- endmacro %}


{# Condition: the field keeps its contract. #}
{% macro keeps_contract(column, kind, required=false, field=none, pointer=none) -%}
    {%- if kind == 'plain' -%}
        coalesce({{ delivered(column, field, pointer) }}, '') <> ''
    {%- elif required -%}
        (({{ record_value(column, kind, field, pointer) }}) is not null and {{ delivered(column, field, pointer) }} <> '')
    {%- else -%}
        (({{ record_value(column, kind, field, pointer) }}) is not null or {{ delivered(column, field, pointer) }} is null)
    {%- endif -%}
{%- endmacro %}
