{#
    The delivered rows of a stream in the window that are not in its bronze table, each with its reason, where
    it stood and what it said.
#}
{% macro quarantined_rows(stream) %}
{%- set contract = brokerage_streams()[stream] -%}
{%- set table = contract.get('raw', stream) -%}
{%- set key = contract['key'] -%}
{%- set bronze = bronze_model(stream) -%}
    select
        refused.batch_id,
        refused.delivery,
        '{{ table }}' as stream,
        refused.source_file,
        refused.source_line,
        {%- if key %}
        case
            when refused.reason is not null then refused.reason
            when kept.batch_id is null then 'unexplained'
            when {% for name in contract['columns'] %}refused.{{ name }} is not distinct from kept.{{ name }}{{ ' and ' if not loop.last }}{% endfor %}
                then 'identical_repeat'
            else 'duplicate_key'
        end as reason,
        case
            when refused.reason is not null then refused.detail
            when kept.batch_id is not null
                then 'key {{ key | join(", ") }} stands in ' || kept.source_file || ', line ' || kept.source_line
        end as detail,
        {%- else %}
        coalesce(refused.reason, 'unexplained') as reason,
        refused.detail,
        {%- endif %}
        refused.raw_text
    from (
        select
            _batch as batch_id,
            _delivery as delivery,
            _file as source_file,
            _line as source_line,
            {%- for name, column in contract['columns'].items() %}
            {{ typed_value(place_of(name, column), column[0]) }} as {{ name }},
            {%- endfor %}
            {{ reason_of_row(stream, contract) }} as reason,
            {{ detail_of_row(contract) }} as detail,
            {{ text_of_row(stream, contract) }} as raw_text
        from {{ source('brokerage', table) }} as delivered
        where
            {{ is_in_force(table, contract.get('at_root')) }}
            {%- if contract.get('where') %}
            and {{ contract['where'] }}
            {%- endif %}
            {%- if bronze is not none %}
            and not exists (
                select 1
                from {{ bronze }} as typed
                where
                    typed.batch_id = delivered._batch
                    and typed.source_file = delivered._file
                    and typed.source_line = delivered._line
                    {%- if table.startswith('customer_mgmt') %}
                    and typed.action_number = delivered.action_number
                    {%- if 'account_number' in contract['columns'] %}
                    and typed.account_number = delivered.account_number
                    {%- endif %}
                    {%- endif %}
            )
            {%- endif %}
    ) as refused
    {%- if key %}
    left join {{ bronze }} as kept
        on
            {{ 'refused.batch_id = kept.batch_id and ' if contract['key_in'] == 'delivery' }}
            {%- for name in key %}
            refused.{{ name }} = kept.{{ name }}{{ ' and' if not loop.last }}
            {%- endfor %}
    {%- endif %}
{%- endmacro %}


{# The first breach of contract of a row, NULL when there is none. #}
{% macro reason_of_row(stream, contract) -%}
    case
        when _raw_text is not null then 'malformed_row'
        {%- if stream == 'finwire_unknown' %}
        else 'unknown_record_type'
        {%- endif %}
        {%- if contract.get('line') %}
        when length(line) not in ({{ contract['line'] | join(', ') }}) then 'malformed_row'
        {%- endif %}
        {%- for name, column in contract['columns'].items() %}
        {%- set expression = place_of(name, column) %}
        {%- if column[1] %}
        when {{ expression }} is null then 'missing_value'
        {%- endif %}
        {%- for kind in [column[0].partition('|')[0], column[0]] | unique %}
        when {{ expression }} is not null and ({{ typed_value(expression, kind) }}) is null then '{{ breach_of(kind) }}'
        {%- endfor %}
        {%- endfor %}
    end
{%- endmacro %}


{# Every column in breach, with what it held, or its beginning: the whole row stands in raw_text. #}
{% macro detail_of_row(contract) -%}
    {%- if not contract['columns'] -%}
    cast(null as varchar)
    {%- else -%}
    nullif(concat_ws(
        '; '
        {%- if contract.get('line') %},
        case
            when length(line) not in ({{ contract['line'] | join(', ') }})
                then 'the line has ' || length(line) || ' characters instead of {{ contract["line"] | join(" or ") }}'
        end
        {%- endif %}
        {%- for name, column in contract['columns'].items() %}
        {%- set expression = place_of(name, column) %},
        case
            {%- if column[1] %}
            when {{ expression }} is null and _raw_text is null then '{{ name }}: missing_value'
            {%- endif %}
            {%- for kind in [column[0].partition('|')[0], column[0]] | unique %}
            when {{ expression }} is not null and ({{ typed_value(expression, kind) }}) is null
                then '{{ name }}: {{ breach_of(kind) }} "' || left(cast({{ expression }} as varchar), 100) || '"'
            {%- endfor %}
        end
        {%- endfor %}
    ), '')
    {%- endif -%}
{%- endmacro %}


{# The row as it stood in its file; rows that came out of XML are given as JSON. #}
{% macro text_of_row(stream, contract) -%}
    {%- set names = contract['columns'].keys() | list -%}
    {%- if contract.get('raw') == 'finwire' -%}
    coalesce(_raw_text, line)
    {%- elif stream.startswith('customer_mgmt') -%}
    coalesce(_raw_text, cast(to_json(struct_pack({% for name in names %}{{ name }} := delivered.{{ name }}{{ ', ' if not loop.last }}{% endfor %})) as varchar))
    {%- else -%}
    {%- set comma = stream in ('hr', 'prospect', 'audit') -%}
    coalesce(
        _raw_text,
        {%- if 'cdc_flag' in names %}
        case when cdc_flag is not null or cdc_dsn is not null then coalesce(cdc_flag, '') || '|' || coalesce(cdc_dsn, '') || '|' else '' end ||
        {%- endif %}
        {%- for name in names if name not in ('cdc_flag', 'cdc_dsn') %}
        {% if comma -%}
        case when contains({{ name }}, '"') or contains({{ name }}, ',') then '"' || replace({{ name }}, '"', '""') || '"' else coalesce({{ name }}, '') end
        {%- else -%}
        coalesce({{ name }}, '')
        {%- endif %}{{ " || '" ~ (',' if comma else '|') ~ "' ||" if not loop.last }}
        {%- endfor %}
    )
    {%- endif -%}
{%- endmacro %}
