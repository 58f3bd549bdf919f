{# First batch whose rows the data tests read: 0 reads everything, a daily run reads what it touched. #}
{% macro test_from_batch() -%}
    {{ return(env_var('TRADEHOUSE_TEST_FROM_BATCH', '0') | int) }}
{%- endmacro %}
