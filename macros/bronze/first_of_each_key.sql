{#
    What a bronze model ends with: of the valid rows of `checked` each key once. Of several the first delivered one
    stays, over all batches where a key is unique in the source. What is left out stands in `quarantine`.
#}
{% macro first_of_each_key(key, unique_in) %}
{%- set across = unique_in == 'source' -%}
{%- set scope = ([] if across else ['batch_id']) + key -%}
,

-- Cheap, and empty on sound data, so that the ranking below costs nothing. Valid rows are counted and not filtered,
-- because a filter here would have the engine type every text twice, for the condition and for the row.
repeated as (

    select {{ scope | join(', ') }}
    from checked
    group by all
    having count(*) filter (where is_valid) > 1
    {%- if across and is_incremental() %}

    union

    select {{ key | join(', ') }}
    from {{ this }}
    where
        batch_id < {{ first_batch() }}
        and ({{ key | join(', ') }}) in (select {{ key | join(', ') }} from checked where is_valid)
    {%- endif %}

),

candidates as (

    select
        checked.* exclude (is_valid),
        true as is_delivered
    from checked
    inner join repeated using ({{ scope | join(', ') }})
    where checked.is_valid
    {%- if across and is_incremental() %}

    union all by name

    select kept.*, false as is_delivered
    from {{ this }} as kept
    inner join repeated using ({{ key | join(', ') }})
    where kept.batch_id < {{ first_batch() }}
    {%- endif %}

),

first_delivered as (

    select *
    from candidates
    qualify row_number() over (
        partition by {{ scope | join(', ') }} order by batch_id, source_file, source_line
    ) = 1

)

select checked.* exclude (is_valid)
from checked
anti join repeated using ({{ scope | join(', ') }})
where checked.is_valid

union all by name

select * exclude (is_delivered)
from first_delivered
where is_delivered
{%- endmacro %}
