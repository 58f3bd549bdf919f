{# Schemas are exactly bronze, silver and gold, whatever the target's own schema is called. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name if custom_schema_name is not none else target.schema }}
{%- endmacro %}
