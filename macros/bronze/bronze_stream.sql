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
with typed as (

    {{ typed_rows(stream) }}

)
{%- if key is none %}

select * exclude (is_valid) from typed where is_valid
{%- else %}
{%- set scope = [] if across else ['batch_id'] %},

valid as (

    select * exclude (is_valid) from typed where is_valid

),

-- Candidates by their text: cheap, and empty on sound data, so that the ranking below costs nothing.
repeated as (

    select {{ (scope + key) | join(', ') }}
    from valid
    group by all
    having count(*) > 1
    {%- if across and is_incremental() %}

    union

    select {{ key | join(', ') }}
    from {{ this }}
    where
        batch_id < {{ first_batch() }}
        and ({{ key | join(', ') }}) in (select {{ key | join(', ') }} from valid)
    {%- endif %}

),

candidates as (

    select valid.*, true as is_delivered
    from valid
    inner join repeated using ({{ (scope + key) | join(', ') }})
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

select valid.*
from valid
anti join repeated using ({{ (scope + key) | join(', ') }})

union all by name

select * exclude (is_delivered)
from first_delivered
where is_delivered
{%- endif %}
{% endmacro %}


{# Every delivered row of a stream in the window, typed, with `is_valid`: keeps the contract. #}
{% macro typed_rows(stream) %}
{%- set contract = brokerage_streams()[stream] -%}
{%- set delivered = source('brokerage', contract.get('raw', stream)) -%}
    select
        _batch as batch_id,
        _delivery as delivery,
        {%- for name, column in contract['columns'].items() %}
        {{ typed_value(column[2] if column | length > 2 else name, column[0]) }} as {{ name }},
        {%- endfor %}
        _file as source_file,
        _line as source_line,
        {{ row_is_valid(contract) }} as is_valid
    from {{ delivered }}
    where
        {{ is_in_force(contract.get('raw', stream), contract.get('at_root')) }}
        {%- if contract.get('where') %}
        and {{ contract['where'] }}
        {%- endif %}
{%- endmacro %}


{# Condition: the row is split, every text could be typed and nothing required is empty. #}
{% macro row_is_valid(contract) -%}
    {%- if not contract['columns'] -%}
    false
    {%- else -%}
    _raw_text is null
        {%- if contract.get('line') %}
        and length(line) in ({{ contract['line'] | join(', ') }})
        {%- endif %}
        {%- for name, column in contract['columns'].items() %}
        {%- set expression = column[2] if column | length > 2 else name %}
        {%- if column[1] %}
        and ({{ typed_value(expression, column[0]) }}) is not null
        {%- elif column[0] != 'plain' %}
        and ({{ expression }} is null or ({{ typed_value(expression, column[0]) }}) is not null)
        {%- endif %}
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}
