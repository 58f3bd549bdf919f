{#
    Condition: the row is of a key that this run makes anew, because a row of it came, or came anew, in the window of
    what it is made from. Below it a model says its rule as for a full refresh, in which every key is made anew.

    key:    the key's columns in the row, separated by commas
    inputs: the CTEs that keys come in, which have batch_id, each with the key's columns there
    own:    the key's columns in the model itself: what it has of batches of the window may not come again
    caller: a query for keys that are touched in another way, such as by a load (`in_load_window`); it may read {{ this }}
#}
{% macro is_touched(key, inputs={}, own=none) %}
    {%- set queries = [caller()] if caller is defined and (is_incremental() or not execute) else [] -%}
    {%- if is_incremental() -%}
        {%- for input, columns in inputs.items() -%}
            {%- do queries.append('select ' ~ columns ~ ' from ' ~ input ~ ' where batch_id >= ' ~ first_batch()) -%}
        {%- endfor -%}
        {%- if own is not none -%}
            {%- do queries.append('select ' ~ own ~ ' from ' ~ this ~ ' where batch_id >= ' ~ first_batch()) -%}
        {%- endif -%}
        ({{ key }}) in (
            {{ queries | join('\n            union all\n            ') }}
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
