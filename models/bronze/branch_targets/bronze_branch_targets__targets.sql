{#- Made from contracts/branch_targets.yml by `tradehouse contracts generate`: change it there. #}
{{ config(materialized = 'table') }}

{% call or_as_it_was('branch_targets') %}
with source_targets as (

    select *
    from {{ source('branch_targets', 'targets') }}

),

chosen as (

    select *
    from source_targets
    where
        {{ keeps_contract('branch', 'text:30', required=true) }}
        and {{ keeps_contract('month', 'loaded:date', required=true) }}
        and {{ keeps_contract('target_usd', 'decimal:15,2|0..', required=true) }}

),

final as (

    select
        {{ record_value('branch', 'text:30') }} as branch,
        {{ record_value('month', 'loaded:date') }} as month,
        {{ record_value('target_usd', 'decimal:15,2|0..') }} as target_usd,
        _airbyte_raw_id as raw_id,
        _airbyte_extracted_at as extracted_at,
        coalesce(_load, 0) as _load
    from chosen

)

select * from final
{% endcall %}
