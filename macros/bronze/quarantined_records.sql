{#
    The records of a stream that break its contract, each with the first reason, every breach and the row itself.

    columns:  the fields that may break it, each with `column`, `kind`, and where it has them `required`, `field`, `pointer`
    in_force: condition on the rows that count, where older ones stay in raw
    deleted:  condition on the rows that say that theirs was deleted, and have nothing else to say
#}
{% macro quarantined_records(stream, relation, columns, in_force=none, deleted=none) -%}
    select
        '{{ stream }}' as stream,
        _airbyte_raw_id as raw_id,
        _airbyte_extracted_at as extracted_at,
        case
            {%- for one in columns %}
            {%- set of = {'field': one.get('field'), 'pointer': one.get('pointer')} %}
            {%- if one.get('required') %}
            when coalesce({{ delivered(one['column'], **of) }}, '') = '' then 'missing_value'
            {%- endif %}
            {%- if one['kind'] != 'plain' or of['pointer'] %}
            {%- for kind in [one['kind'].partition('|')[0], one['kind']] | unique %}
            when not {{ keeps_contract(one['column'], kind, **of) }} then '{{ breach_of(kind) }}'
            {%- endfor %}
            {%- endif %}
            {%- endfor %}
        end as reason,
        concat_ws(
            '; '
            {%- for one in columns %}
            {%- set of = {'field': one.get('field'), 'pointer': one.get('pointer')} %},
            case
                {%- if one.get('required') %}
                when coalesce({{ delivered(one['column'], **of) }}, '') = '' then '{{ one['name'] }}: missing_value'
                {%- endif %}
                {%- if one['kind'] != 'plain' or of['pointer'] %}
                {%- for kind in [one['kind'].partition('|')[0], one['kind']] | unique %}
                when not {{ keeps_contract(one['column'], kind, **of) }}
                    then '{{ one['name'] }}: {{ breach_of(kind) }} "' || left({{ delivered(one['column'], **of) }}, 100) || '"'
                {%- endfor %}
                {%- endif %}
            end
            {%- endfor %}
        ) as detail,
        {# No column of a raw table is ever called like this. #}
        cast(to_json(_n_) as varchar) as raw_text
    from {{ relation }} as _n_
    where
        not (
            {%- for one in columns %}
            {{ 'and ' if not loop.first }}{{ keeps_contract(one['column'], one['kind'], one.get('required', false), one.get('field'), one.get('pointer')) }}
            {%- endfor %}
        )
        {%- if in_force %}
        and {{ in_force }}
        {%- endif %}
        {%- if deleted %}
        and not {{ deleted }}
        {%- endif %}
{%- endmacro %}
