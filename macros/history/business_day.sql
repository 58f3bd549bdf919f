{#
    The day on which an event of the brokerage counts, `batch_date` being that of its batch. The historical load tells of
    the past: its events count on their own day, at the latest on the batch's. Every later batch is a day, and what it brings
    counts on that, whenever it happened: so no later batch changes what an earlier one meant.
#}
{% macro business_day(batch_id, moment, batch_date) -%}
    case
            when {{ batch_id }} = {{ historical_batch() }}
                then least(cast({{ moment }} as date), {{ batch_date }})
            else {{ batch_date }}
        end
{%- endmacro %}
