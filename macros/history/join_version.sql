{#
    Join of a history table that takes the version valid on a day: effective_date <= day < end_date.

    relation: the history (its ranges are half-open, without gaps and overlaps), alias: its name in the query,
    on: equality of the natural keys, day: expression of the row's own day.
    kind: 'inner' leaves out rows without a valid version (they are found in quarantine_unmatched), 'left' keeps them.
#}
{% macro join_version(relation, alias, on, day, kind='inner') -%}
    {{ adapter.dispatch('join_version', 'tradehouse')(relation, alias, on, day, kind) }}
{%- endmacro %}


{# Validity ranges of a key follow one another and the last is open, so that the newest start on or before the day is the valid one. #}
{% macro duckdb__join_version(relation, alias, on, day, kind) -%}
    asof {{ kind }} join {{ relation }} as {{ alias }}
        on {{ on }} and {{ day }} >= {{ alias }}.effective_date
{%- endmacro %}


{% macro default__join_version(relation, alias, on, day, kind) -%}
    {{ kind }} join {{ relation }} as {{ alias }}
        on {{ on }} and {{ day }} >= {{ alias }}.effective_date and {{ day }} < {{ alias }}.end_date
{%- endmacro %}
