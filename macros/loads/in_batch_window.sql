{# Condition: the row belongs to a batch that this run builds and that the gate accepted. #}
{% macro in_batch_window(column='batch_id') -%}
    {{ column }} between {{ first_batch() }} and {{ last_batch() }}
{%- endmacro %}
