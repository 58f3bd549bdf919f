{#
    Join of a history table that takes the version valid on a day: effective_date <= day < end_date.

    relation: the history (its ranges are half-open, without gaps and overlaps), alias: its name in the query,
    on: equality of the natural keys, day: expression of the row's own day.
    kind: 'inner' leaves out rows without a valid version (they are found in quarantine_unmatched), 'left' keeps them.
#}
{% macro join_version(relation, alias, on, day, kind='inner') -%}
    {#-
        Keys have few versions: a hash join on the key that then compares the days is several times faster than an
        asof join, which sorts both sides.
    #}
    {{ kind }} join {{ relation }} as {{ alias }}
        on {{ on }} and {{ day }} >= {{ alias }}.effective_date and {{ day }} < {{ alias }}.end_date
{%- endmacro %}
