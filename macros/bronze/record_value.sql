{#
    A field of a record by its contract. `column` is the raw table's column, `field` what the source calls it where that
    differs, `pointer` a place inside it; `kind` is what a contract's type is called here (`ingestion.contracts.record_contracts`).
    The loaded: kinds take what the loader typed already, or a text that says the same in one of the forms of ISO 8601.
    Behind | stand the smallest and the largest number that it may be, such as decimal:8,2|0..100.
#}
{% macro record_value(column, kind, field=none, pointer=none) -%}
    {%- set type, _, bounds = kind.partition('|') -%}
    {%- if bounds -%}
        {{ within_bounds(record_value(column, type, field, pointer), bounds) }}
    {%- elif pointer is none -%}
        {{ typed_record_value(column, kind, field, none) }}
    {%- else -%}
        case when not {{ is_unreadable(column, field) }} then {{ typed_record_value(column, kind, field, pointer) }} end
    {%- endif -%}
{%- endmacro %}


{# Condition: the loader could not keep the JSON that the field holds, so nothing inside it can be found. #}
{% macro is_unreadable(column, field=none) -%}
    coalesce(not json_valid({{ original(column if field is none else field) }}), false)
{%- endmacro %}


{% macro typed_record_value(column, kind, field, pointer) -%}
    {%- set parts = kind.split(':') -%}
    {%- set sql_type = parts[1] -%}
    {%- set text = "nullif(" ~ stored_text(column, pointer, field) ~ ", '')" -%}
    {%- set day = '[0-9]{4}-[0-9]{2}-[0-9]{2}' -%}
    {%- set hour = '([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?' -%}
    {%- set zone = '(Z|[+-][0-9]{2}(:?[0-9]{2})?)' -%}
    {%- if kind in ('plain', 'absent') -%}
        {{ delivered(column, field, pointer) }}
    {%- elif kind == 'loaded:json' -%}
        "{{ column | replace('"', '""') }}"
    {%- elif kind == 'loaded:bigint' -%}
        {#- A double may hold less than was delivered. #}
        {%- set digits = "if(typeof(\"" ~ column | replace('"', '""') ~ "\") = 'DOUBLE', " ~ delivered(column, field, pointer) ~ ", " ~ text ~ ")" -%}
        case when regexp_full_match({{ digits }}, '-?[0-9]{1,19}') then try_cast({{ digits }} as bigint) end
    {%- elif kind == 'loaded:double' -%}
        case when regexp_full_match({{ text }}, '-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?') and isfinite(try_cast({{ text }} as double))
            then try_cast({{ text }} as double) end
    {%- elif kind == 'loaded:boolean' -%}
        {{ typed_value(text, 'word') }}
    {%- elif kind.startswith('loaded:time') and not kind.startswith('loaded:timestamp') -%}
        {%- set form = hour ~ (zone if sql_type == 'timetz' else '') -%}
        {#- What the loader typed is a time, also the end of a day. #}
        case when {{ "typeof(" ~ '"' ~ column | replace('"', '""') ~ '"' ~ ") = '" ~ {'time': 'TIME', 'timetz': 'TIME WITH TIME ZONE'}[sql_type] ~ "' and starts_with(" ~ text ~ ", '24:00') or " if pointer is none }}regexp_full_match({{ text }}, '{{ form }}')
            then try_cast(replace(replace({{ text }}, ',', '.'), 'Z', '+00') as {{ sql_type }}) end
    {%- elif kind.startswith('loaded:') -%}
        {#- By value: the engine takes a text apart that it made of a date itself, and compares dates. #}
        {%- set utc = '(Z|[+-]00(:?00)?)?' -%}
        {%- set form = {'date': day ~ '([ T]00:00(:00([.,]0+)?)?' ~ utc ~ ')?', 'timestamp': day ~ '[ T]' ~ hour, 'timestamptz': day ~ '[ T]' ~ hour ~ zone}[sql_type] -%}
        {%- set spelled = "left(" ~ text ~ ", 10)" if sql_type == 'date' else "replace(replace(" ~ text ~ ", ',', '.'), 'T', ' ')" -%}
        {%- set value = 'try_cast(' ~ spelled ~ ' as ' ~ sql_type ~ ')' -%}
        case when regexp_full_match({{ text }}, '{{ form }}')
            and {{ value }} >= cast('{{ first_day_of_calendar(parts[2] if parts | length > 2 else "") }}' as {{ sql_type }})
            and {{ value }} < cast(date '{{ last_day_of_calendar(parts[3] if parts | length > 3 else "") }}' + 1 as {{ sql_type }})
            then {{ value }} end
    {%- elif parts[0] == 'text' -%}
        {{ typed_value(delivered(column, field, pointer), kind) }}
    {%- else -%}
        {{ typed_value("nullif(" ~ delivered(column, field, pointer) ~ ", '')", kind) }}
    {%- endif -%}
{%- endmacro %}


{#
    What the raw table holds of a field, as a text: of JSON what its text says, of a double all its digits, and no point
    behind a whole number. In JSON that is none nothing is found.
#}
{% macro stored_text(column, pointer=none, field=none) -%}
    {%- set quoted = '"' ~ column | replace('"', '""') ~ '"' -%}
    {%- set text = 'cast(' ~ quoted ~ ' as varchar)' -%}
    {%- if pointer is not none -%}
        {%- set literal = "('" ~ pointer | replace("'", "''") | replace("\0", "' || chr(0) || '") ~ "')" -%}
        {%- set key = pointer.rsplit('/', 1)[1] | replace('~1', '/') | replace('~0', '~') -%}
        list_transform(
            [coalesce({{ original(column if field is none else field) }}, {{ text }})],
            lambda _j_: case
                when not json_valid(_j_) then null
                when json_type(_j_, {{ literal }}) = 'DOUBLE' then list_transform([{{ digits_in_json('_j_', literal, key) }}], lambda _d_: {{ plain_digits('_d_') }})[1]
                else json_extract_string(_j_, {{ literal }}) end
        )[1]
    {%- else -%}
        {#- Of one type it is one of these, which the engine knows before it reads a row. #}
        case typeof({{ quoted }}) when 'DOUBLE' then {{ plain_digits(text) }}
            when 'JSON' then case when json_type({{ text }}) = 'DOUBLE' then {{ plain_digits(text) }} else json_extract_string({{ text }}, '$') end
            else {{ text }} end
    {%- endif -%}
{%- endmacro %}


{#
    All digits of a number inside JSON, which the engine extracts as a double: as they stand behind the number's key. Where
    that is not one spelling, all that are this double, which is no number then.
#}
{% macro digits_in_json(json, literal, key) -%}
    {%- set found = "json_extract_string(" ~ json ~ ", " ~ literal ~ ")" -%}
    {%- set number = '-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?' -%}
    {%- set same = "lambda _t_: try_cast(_t_ as double) = try_cast(" ~ found ~ " as double)" -%}
    {%- set named = "'\"' || regexp_escape('" ~ key | replace("'", "''") | replace("\0", "' || chr(0) || '") ~ "') || '\"\\s*:\\s*(" ~ number ~ ")'" -%}
    case when not regexp_matches({{ json }}, '[0-9.]{16}') then {{ found }} else list_transform(
        [list_distinct(list_filter(regexp_extract_all({{ json }}, {{ named }}, 1), {{ same }}))],
        lambda _k_: case when len(_k_) = 1 then _k_[1]
            else array_to_string(list_distinct(list_filter(regexp_extract_all({{ json }}, '{{ number }}'), {{ same }})), ' or ') end
    )[1] end
{%- endmacro %}


{#
    The text of a double, with every digit where an exponent says how many there are, and without a point behind a whole
    number. Digits are only moved, never calculated with; beyond 400 places an exponent stays.
#}
{% macro plain_digits(text) -%}
    case
        when regexp_full_match({{ text }}, '-?[0-9]+([.][0-9]+)?[eE][+-]?0*[0-9]{1,3}') then list_transform(
            [regexp_extract({{ text }}, '^(-?)([0-9]+)(?:[.]([0-9]+))?[eE][+]?(-?[0-9]+)$', ['minus', 'whole', 'part', 'shift'])],
            lambda _e_: list_transform(
                [{
                    digits: repeat('0', greatest(0, -cast(_e_.shift as integer))) || _e_.whole || _e_.part
                        || repeat('0', greatest(0, cast(_e_.shift as integer) - length(_e_.part))),
                    point: length(_e_.whole) + cast(_e_.shift as integer) + greatest(0, -cast(_e_.shift as integer))
                }],
                lambda _m_: case when abs(cast(_e_.shift as integer)) > 400 then {{ text }}
                    else _e_.minus || coalesce(nullif(ltrim(left(_m_.digits, _m_.point), '0'), ''), '0')
                        || coalesce('.' || nullif(rtrim(substr(_m_.digits, _m_.point + 1), '0'), ''), '') end
            )[1]
        )[1]
        else regexp_replace({{ text }}, '[.]0$', '') end
{%- endmacro %}


{# What was delivered in a field, as a text, also where the column's type does not hold it. #}
{% macro delivered(column, field=none, pointer=none) -%}
    {%- if pointer is none -%}
        coalesce({{ original(column if field is none else field) }}, {{ stored_text(column) }})
    {%- else -%}
        coalesce({{ stored_text(column, pointer, field) }}, case when {{ is_unreadable(column, field) }} then {{ original(column if field is none else field) }} end)
    {%- endif -%}
{%- endmacro %}


{# Condition: the field keeps its contract. Nothing but a text is there when it is empty. #}
{% macro keeps_contract(column, kind, required=false, field=none, pointer=none) -%}
    {%- if kind == 'absent' -%}
        {{ delivered(column, field, pointer) }} is null
    {%- elif kind == 'plain' -%}
        ({{ "coalesce(" ~ delivered(column, field, pointer) ~ ", '') <> ''" if required else 'true' }}{% if pointer is not none %} and not {{ is_unreadable(column, field) }}{% endif %})
    {%- elif required -%}
        (({{ record_value(column, kind, field, pointer) }}) is not null and {{ delivered(column, field, pointer) }} <> '')
    {%- else -%}
        (({{ record_value(column, kind, field, pointer) }}) is not null or coalesce({{ delivered(column, field, pointer) }}, '') = '')
    {%- endif -%}
{%- endmacro %}
