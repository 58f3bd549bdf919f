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


{# What a bronze model ends with: nothing, or, while the source is held, its rows as they were. #}
{% macro or_as_it_was(source) -%}
    {%- if is_held(source) %}
where false
        {%- if load_relation(this) is not none %}

union all by name

select * from {{ this }}
        {%- endif %}
    {%- endif %}
{%- endmacro %}
