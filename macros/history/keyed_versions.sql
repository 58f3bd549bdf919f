{#
    Select that gives every version a dense surrogate key: a number by batch, natural key and start of validity.

    Versions of batches before the window keep the key they have in {{ this }}; the others are numbered on from
    the largest of those, so that all ways of building give the same keys.

    versions:       name of a CTE with batch_id, effective_date and the natural key
    surrogate_key:  name of the key's column
    natural_key:    name of the natural key's column
#}
{% macro keyed_versions(versions, surrogate_key, natural_key) %}
    {%- if is_incremental() %}
    select
        versions.*,
        coalesce(
            kept.{{ surrogate_key }},
            numbered_before.last_key + row_number() over (
                partition by kept.{{ surrogate_key }} is null
                order by versions.batch_id, versions.{{ natural_key }}, versions.effective_date
            )
        ) as {{ surrogate_key }}
    from {{ versions }} as versions
    cross join (
        select coalesce(max({{ surrogate_key }}), 0) as last_key
        from {{ this }}
        where batch_id < {{ first_batch() }}
    ) as numbered_before
    left join {{ this }} as kept
        on
            versions.{{ natural_key }} = kept.{{ natural_key }}
            and versions.effective_date = kept.effective_date
            and kept.batch_id < {{ first_batch() }}
    {%- else %}
    select
        versions.*,
        row_number() over (
            order by versions.batch_id, versions.{{ natural_key }}, versions.effective_date
        ) as {{ surrogate_key }}
    from {{ versions }} as versions
    {%- endif %}
{%- endmacro %}
