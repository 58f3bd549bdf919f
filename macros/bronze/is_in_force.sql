{#
    Condition on a raw table: the row belongs to a batch of the window and to the delivery of it that is in force.
    Files beside the batches' directories (batch 0) are in force in their last delivery, whatever the window is.
#}
{% macro is_in_force(table, at_root=false) -%}
    (
        _batch >= {{ first_batch() }}
        and (_batch, _delivery) in (select batch_id, delivery from {{ ref('bronze_brokerage__batch_date') }})
        {%- if at_root %}
        or _batch = 0 and _delivery = (select max(_delivery) from {{ source('brokerage', table) }} where _batch = 0)
        {%- endif %}
    )
{%- endmacro %}
