{#
    Expression that types a delivered text exactly, or is NULL where it cannot: no rounding, no exponent, no
    dropped digits. `kind` is what a contract's type is called here (`ingestion.contracts.bronze`); the xml_ kinds of numbers and dates check
    the text and leave it text, because an empty one ('' in XML) says something else than an absent one (NULL).
    The casts alone would be too kind: 1.5 becomes the integer 2, 1.239 the decimal 1.24, 0x1F the integer 31.
    What is typed is finite and within the calendar (first_day_of_calendar). Behind | stand the smallest and the largest
    number that it may be, such as integer:6|1..
#}
{% macro typed_value(expression, kind) %}
    {%- set name = kind.split(':')[0] -%}
    {%- set size = kind.split(':')[1] if ':' in kind else '' -%}
    {%- if '|' in kind -%}
        {{ within_bounds(typed_value(expression, kind.partition('|')[0]), kind.partition('|')[2]) }}
    {%- elif name == 'plain' -%}
        {{ expression }}
    {%- elif name == 'text' -%}
        case when length({{ expression }}) <= {{ size }} then {{ expression }} end
    {%- elif name == 'xml_integer' -%}
        case when {{ expression }} = '' or ({{ typed_value(expression, 'integer:' ~ size) }}) is not null
            then {{ expression }} end
    {%- elif name == 'xml_date' -%}
        case when {{ expression }} = '' or ({{ typed_value(expression, kind[4:]) }}) is not null then {{ expression }} end
    {%- elif name == 'integer' -%}
        {%- set sql_type = 'integer' if size | int <= 9 else 'bigint' if size | int <= 18 else 'hugeint' -%}
        case when regexp_full_match({{ expression }}, '-?[0-9]{1,{{ size }}}')
            then try_cast({{ expression }} as {{ sql_type }}) end
    {%- elif name == 'decimal' -%}
        {%- set scale = size.split(',')[1] -%}
        case when regexp_full_match({{ expression }}, '-?([0-9]+[.]?[0-9]{0,{{ scale }}}{{ "|[.][0-9]{1," ~ scale ~ "}" if scale | int }})')
            then try_cast({{ expression }} as decimal({{ size }})) end
    {%- elif name == 'date' -%}
        case when {{ is_in_calendar(expression, size) }} and {{ is_written_as(expression, 'date') }}
            then try_cast({{ expression }} as date) end
    {%- elif name == 'compact_date' -%}
        {%- set dashed = "substr(" ~ expression ~ ", 1, 4) || '-' || substr(" ~ expression ~ ", 5, 2) || '-' || substr(" ~ expression ~ ", 7)" -%}
        case when length({{ expression }}) = 8 and {{ is_in_calendar(dashed, size) }} and {{ is_written_as(dashed, 'date') }}
            then try_cast({{ dashed }} as date) end
    {%- elif name == 'timestamp' -%}
        case when {{ is_in_calendar(expression) }} and {{ is_written_as(expression, 'timestamp') }}
            then try_cast({{ expression }} as timestamp) end
    {%- elif name == 'xml_timestamp' -%}
        case when substr({{ expression }}, 11, 1) = 'T' and {{ is_in_calendar("replace(" ~ expression ~ ", 'T', ' ')") }}
            and {{ is_written_as("replace(" ~ expression ~ ", 'T', ' ')", 'timestamp') }}
            then try_cast({{ expression }} as timestamp) end
    {%- elif name == 'compact_timestamp' -%}
        case when {{ expression }} between '{{ first_day_of_calendar() | replace("-", "") }}' and '{{ last_day_of_calendar() | replace("-", "") }}-9'
            and strftime(try_strptime({{ expression }}, '%Y%m%d-%H%M%S'), '%Y%m%d-%H%M%S') = {{ expression }}
            then try_strptime({{ expression }}, '%Y%m%d-%H%M%S') end
    {%- elif name == 'time' -%}
        case when {{ expression }} < '24' and {{ is_written_as(expression, 'time') }} then try_cast({{ expression }} as time) end
    {%- elif name == 'word' -%}
        case {{ expression }} when 'true' then true when 'false' then false end
    {%- elif name == 'bit' -%}
        case {{ expression }} when '1' then true when '0' then false end
    {%- elif name == 'code' -%}
        case when {{ expression }} in (
            {%- for code in size.split('/') %}'{{ code | replace("'", "''") | replace('%2F', '/') | replace('%3A', ':') | replace('%25', '%') }}'{{ ', ' if not loop.last }}{% endfor -%}
        ) then {{ expression }} end
    {%- else -%}
        {{ exceptions.raise_compiler_error('Unknown kind of column: ' ~ kind) }}
    {%- endif -%}
{% endmacro %}


{# A number that lies within bounds such as 0..100, 1.. or ..5, else NULL. #}
{% macro within_bounds(value, bounds) -%}
    {%- set least, most = bounds.split('..') -%}
    list_transform(
        [{{ value }}],
        lambda _b_: case when {{ '_b_ >= ' ~ least if least else 'true' }} and {{ '_b_ <= ' ~ most if most else 'true' }} then _b_ end
    )[1]
{%- endmacro %}


{#
    First day that a date may be, where its column in the contract names no other one (`earliest`: birth, founding, first
    trade). Every date of a contract lies between this and the last one, `BatchDate.txt` as well.
#}
{% macro first_day_of_calendar(earliest='') -%}
    {{ earliest or '1900-01-01' }}
{%- endmacro %}


{% macro last_day_of_calendar(latest='') -%}
    {{ latest or '2100-12-31' }}
{%- endmacro %}


{# Condition on the text of a date or timestamp that begins with its day: it is in the calendar, and no year BC. #}
{% macro is_in_calendar(expression, kind='') -%}
    {{ expression }} between '{{ first_day_of_calendar(kind) }}' and '{{ last_day_of_calendar() }} 9'
        and substr({{ expression }}, 5, 1) = '-' and not contains({{ expression }}, '(')
{%- endmacro %}


{#
    Condition: the text is how the engine itself writes the value. A cast alone takes 2019-01-1x for a first of January,
    24:00:00 for the next day, and drops a zone.
#}
{% macro is_written_as(expression, sql_type) -%}
    cast(try_cast({{ expression }} as {{ sql_type }}) as varchar) = {{ expression }}
{%- endmacro %}


{# Quarantine reason for a text that typed_value could not type. #}
{% macro breach_of(kind) -%}
    {%- set name = 'range' if '|' in kind else kind.split(':')[1] if kind.startswith('loaded:') else kind.split(':')[0] -%}
    {{ return({'range': 'out_of_range', 'bigint': 'not_a_number', 'double': 'not_a_number', 'boolean': 'unknown_code', 'timestamptz': 'not_a_timestamp',
        'timetz': 'not_a_time', 'json': 'malformed_row', 'text': 'too_long', 'integer': 'not_a_number', 'xml_integer': 'not_a_number', 'decimal': 'not_a_number',
        'date': 'not_a_date', 'xml_date': 'not_a_date', 'compact_date': 'not_a_date', 'timestamp': 'not_a_timestamp',
        'xml_timestamp': 'not_a_timestamp', 'compact_timestamp': 'not_a_timestamp', 'time': 'not_a_time',
        'word': 'unknown_code', 'bit': 'unknown_code', 'code': 'unknown_code', 'plain': 'malformed_row', 'absent': 'malformed_row'}[name]) }}
{%- endmacro %}


{# A field of a fixed-width line, by its 1-based start and its length: trimmed, blank is NULL. #}
{% macro field(start, length) %}
    {{ return("nullif(trim(substr(line, " ~ start ~ ", " ~ length ~ ")), '')") }}
{% endmacro %}


{# Where a column of a contract stands: the column of the raw table, or a field of its line. #}
{% macro place_of(name, column) %}
    {{ return(field(column[2][0], column[2][1]) if column | length > 2 else name) }}
{% endmacro %}
