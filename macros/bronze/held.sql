{# Whether the newest load of a source is held by its contract: then its bronze stays as it was. #}
{% macro is_held(source) %}
    {% set judged = api.Relation.create(database='raw', schema='_tradehouse', identifier='judged') %}
    {% if not execute or load_relation(judged) is none %}
        {{ return(false) }}
    {% endif %}
    {% set found = run_query(
        "select coalesce(not max_by(is_accepted, load), false) from " ~ judged ~ " where source = '" ~ source ~ "'"
    ) %}
    {{ return(found.rows[0][0]) }}
{% endmacro %}


{#
    A bronze model, or, while its source is held, its rows as they were, whatever the model has become: columns that are
    new are NULL, those that are gone stay.
#}
{% macro or_as_it_was(source) -%}
    {%- if not is_held(source) -%}
{{ caller() }}
    {%- elif load_relation(this) is none -%}
select * from (
{{ caller() }}
)
where false
    {%- else -%}
        {%- set there = adapter.get_columns_in_relation(this) | map(attribute='name') | map('lower') | list -%}
select
    *
        {%- for row in run_query('describe select * from (' ~ caller() ~ ')').rows if row[0] | lower not in there -%}
    ,
    cast(null as {{ row[1] }}) as "{{ row[0] }}"
        {%- endfor %}
from {{ this }}
    {%- endif -%}
{%- endmacro %}
