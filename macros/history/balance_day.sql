{#
    The day on which a cash movement counts, `batch_date` being that of its batch: the historical load counts by the day
    of the movement, a daily batch on its own day, late movements too.
#}
{% macro balance_day(batch_id, ct_dts, batch_date) -%}
    case
            when {{ batch_id }} = {{ historical_batch() }}
                then least(cast({{ ct_dts }} as date), {{ batch_date }})
            else {{ batch_date }}
        end
{%- endmacro %}
