{#
    Day on which a newswire record takes effect: its day of posting in the historical batch, at the latest that batch's
    day; the batch's own day in every later one, whenever it was posted. So no later batch changes what an earlier
    one meant.

    records, batches: names in the query of the records (batch_id, pts) and of their batches (batch_date)
#}
{% macro newswire_day(records, batches) -%}
    case when {{ records }}.batch_id = 1 then least(cast({{ records }}.pts as date), {{ batches }}.batch_date) else {{ batches }}.batch_date end
{%- endmacro %}
