{#- Made from contracts/exchange_rates.yml by `tradehouse contracts generate`: change it there. #}
{{ config(materialized = 'table') }}

{% call or_as_it_was('exchange_rates') %}
with source_rates as (

    select *
    from {{ source('exchange_rates', 'rates') }}

),

chosen as (

    select *
    from source_rates
    where
        _airbyte_generation_id = (
            select max(_airbyte_generation_id)
            from source_rates
        )
        and {{ keeps_contract('day', 'loaded:date', required=true) }}
        and {{ keeps_contract('currency', 'text:3', required=true) }}
        and {{ keeps_contract('rate', 'decimal:18,8|0.00000001..', required=true) }}

),

final as (

    select
        {{ record_value('day', 'loaded:date') }} as day,
        {{ record_value('currency', 'text:3') }} as currency,
        {{ record_value('rate', 'decimal:18,8|0.00000001..') }} as rate,
        _airbyte_raw_id as raw_id,
        _airbyte_extracted_at as extracted_at,
        coalesce(_load, 0) as _load
    from chosen

)

select * from final
{% endcall %}
