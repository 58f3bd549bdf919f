{#
    Select of every key of a list that is delivered again and again, with the last batch whose list has it: batch_id
    and the key. Of lists before the window what {{ this }} has of them is enough, save where a key was last listed in
    a batch that is built again.

    listed: name of a CTE with batch_id and the key, of all batches
    key:    name of the key's column there; alias: its name in the model
#}
{% macro last_batch_of_each(listed, key, alias) %}
    {%- set listed_now = 'select ' ~ key ~ ' from ' ~ listed ~ ' where ' ~ in_batch_window() -%}
    select
        {{ key }} as {{ alias }},
        max(batch_id) as batch_id
    from {{ listed }}
    where {{ in_batch_window() }}
    group by {{ key }}
    {%- if is_incremental() %}

    union all

    select
        {{ alias }},
        batch_id
    from {{ this }}
    where
        batch_id < {{ first_batch() }}
        and {{ alias }} not in ({{ listed_now }})

    union all

    select
        {{ key }},
        max(batch_id)
    from {{ listed }}
    where
        batch_id < {{ first_batch() }}
        and {{ key }} in (
            select {{ alias }}
            from {{ this }}
            where
                batch_id >= {{ first_batch() }}
                and {{ alias }} not in ({{ listed_now }})
        )
    group by {{ key }}
    {%- endif %}
{%- endmacro %}
