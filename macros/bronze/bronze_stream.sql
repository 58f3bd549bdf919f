{#
    The typed rows of one stream: delivered rows of the batches in the window and of the delivery in force that
    keep the stream's contract (brokerage_streams), each key once.

    Of several rows with one key the first delivered one stays, over all batches where the contract says
    `key_in: all`. What is left out stands in `quarantine`, with its reason.
#}
{% macro bronze_stream(stream) %}
{%- set contract = brokerage_streams()[stream] -%}
{%- set key = contract['key'] -%}
{%- set across = contract.get('key_in') == 'all' -%}
with typed as materialized (

    {{ typed_rows(stream) }}

)
{%- if key is none %}

select * exclude (is_valid) from typed where is_valid
{%- else %}
{%- set scope = [] if across else ['batch_id'] %},

-- Cheap, and empty on sound data, so that the ranking below costs nothing. Valid rows are counted and not filtered,
-- because a filter here would have the engine type every text twice, for the condition and for the row.
repeated as (

    select {{ (scope + key) | join(', ') }}
    from typed
    group by all
    having count(*) filter (where is_valid) > 1
    {%- if across and is_incremental() %}

    union

    select {{ key | join(', ') }}
    from {{ this }}
    where
        batch_id < {{ first_batch() }}
        and ({{ key | join(', ') }}) in (select {{ key | join(', ') }} from typed where is_valid)
    {%- endif %}

),

candidates as (

    select
        typed.* exclude (is_valid),
        true as is_delivered
    from typed
    inner join repeated using ({{ (scope + key) | join(', ') }})
    where typed.is_valid
    {%- if across and is_incremental() %}

    union all by name

    select kept.*, false as is_delivered
    from {{ this }} as kept
    inner join repeated using ({{ key | join(', ') }})
    where kept.batch_id < {{ first_batch() }}
    {%- endif %}

),

first_delivered as (

    select *
    from candidates
    qualify row_number() over (
        partition by {{ (scope + key) | join(', ') }} order by batch_id, source_file, source_line
    ) = 1

)

select typed.* exclude (is_valid)
from typed
anti join repeated using ({{ (scope + key) | join(', ') }})
where typed.is_valid

union all by name

select * exclude (is_delivered)
from first_delivered
where is_delivered
{%- endif %}
{% endmacro %}


{#
    Every delivered row of a stream in the window, typed, with `is_valid`: keeps the contract. In three steps, so that
    every field is cut out of its line once and every text typed once.
#}
{% macro typed_rows(stream) %}
{%- set contract = brokerage_streams()[stream] -%}
{%- set delivered = source('brokerage', contract.get('raw', stream)) %}
    select
        batch_id,
        delivery,
        {%- for name in contract['columns'] %}
        {{ name }},
        {%- endfor %}
        source_file,
        source_line,
        {{ row_is_valid(contract) | indent(8) }} as is_valid
    from (
        select
            _batch as batch_id,
            _delivery as delivery,
            {%- for name, column in contract['columns'].items() %}
            {{ typed_value(name ~ '_text', column[0]) }} as {{ name }},
            {{ name }}_text,
            {%- endfor %}
            _file as source_file,
            _line as source_line,
            _is_split
        from (
            select
                _batch,
                _delivery,
                {%- for name, column in contract['columns'].items() %}
                {{ column[2] if column | length > 2 else name }} as {{ name }}_text,
                {%- endfor %}
                _file,
                _line,
                _raw_text is null
                {%- if contract.get('line') %} and length(line) in ({{ contract['line'] | join(', ') }}){% endif %} as _is_split
            from {{ delivered }}
            where
                {{ is_in_force(contract.get('raw', stream), contract.get('at_root')) }}
                {%- if contract.get('where') %}
                and {{ contract['where'] }}
                {%- endif %}
        ) as fields
    ) as typed_fields
{%- endmacro %}


{# Condition: the row is split, every text could be typed and nothing required is empty. #}
{% macro row_is_valid(contract) -%}
    {%- if not contract['columns'] -%}
    false
    {%- else -%}
    _is_split
        {%- for name, column in contract['columns'].items() %}
        {%- if column[1] %}
        and {{ name }} is not null
        {%- elif column[0] != 'plain' %}
        and ({{ name }} is not null or {{ name }}_text is null)
        {%- endif %}
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}
