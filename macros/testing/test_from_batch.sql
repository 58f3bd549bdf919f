{#
    First batch whose rows a data test reads: 0 reads everything, a daily run reads what it touched. Rows that are not told
    apart by batch may be of any batch, so the tests that they reach (TRADEHOUSE_TEST_WHOLE) read everything.
#}
{% macro test_from_batch() -%}
    {% set whole = env_var('TRADEHOUSE_TEST_WHOLE', '').split(',') %}
    {{ return(0 if model.name in whole else env_var('TRADEHOUSE_TEST_FROM_BATCH', '0') | int) }}
{%- endmacro %}
