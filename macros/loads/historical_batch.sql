{#
    The batch of the historical load: its events carry their own days, those of later batches start on
    the batch's day.
#}
{% macro historical_batch() -%}
    1
{%- endmacro %}
