{#
    Select of the delivered full images that are new or differ (NULL equals NULL) from the last image of
    the same key: batch_id, the key, the attributes and is_new.

    Images of batches before the window come from {{ this }}, which therefore has the same column names.

    delivered:   name of a CTE with batch_id, key and attributes, one row per key and batch of the window
    key:         name of the key's column
    attributes:  names of the compared columns
#}
{% macro changed_images(delivered, key, attributes) %}
    select
        batch_id,
        {{ key }},
        {{ attributes | join(',\n        ') }},
        is_new
    from (
        select
            images.*,
            lag(batch_id) over by_batch is null as is_new,
            {%- for attribute in attributes %}
            {{ attribute }} is distinct from lag({{ attribute }}) over by_batch
            {{- ' or' if not loop.last }}
            {%- endfor %} as is_changed
        from (
            select
                batch_id,
                {{ key }},
                {{ attributes | join(',\n                ') }},
                true as is_delivered
            from {{ delivered }}
            {%- if is_incremental() %}
            union all
            select
                batch_id,
                {{ key }},
                {{ attributes | join(',\n                ') }},
                false as is_delivered
            from {{ this }}
            where
                batch_id < {{ first_batch() }}
                and {{ key }} in (select {{ key }} from {{ delivered }})
            {%- endif %}
        ) as images
        window by_batch as (partition by {{ key }} order by batch_id)
    ) as compared
    where is_delivered and (is_new or is_changed)
{%- endmacro %}
