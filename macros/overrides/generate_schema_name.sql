{#
    Schemas are exactly bronze, silver and gold, whatever the target's own schema is called. DuckDB takes Gold for gold,
    so they are one name here too.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name if custom_schema_name is not none else target.schema) | trim | lower }}
{%- endmacro %}
