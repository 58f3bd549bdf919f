{#- Made from contracts/exchange_rates.yml by `tradehouse contracts generate`: change it there. #}
{{ config(materialized = 'table') }}

{% call or_as_it_was('exchange_rates') %}
with refused as (

    select
        cast(null as varchar) as stream,
        cast(null as varchar) as raw_id,
        cast(null as timestamptz) as extracted_at,
        cast(null as varchar) as reason,
        cast(null as varchar) as detail,
        cast(null as varchar) as raw_text
    where false

{%- set in_force %}_airbyte_generation_id = (
    select max(_airbyte_generation_id)
    from {{ source('exchange_rates', 'rates') }}
){% endset %}
{%- set columns = [
    {'name': 'day', 'kind': 'loaded:date', 'required': true, 'column': 'day'},
    {'name': 'currency', 'kind': 'text:3', 'required': true, 'column': 'currency'},
    {'name': 'rate', 'kind': 'decimal:18,8|0.00000001..', 'required': true, 'column': 'rate'}
] %}
    union all

    {{ quarantined_records('rates', source('exchange_rates', 'rates'), columns, in_force=in_force) }}

)

select
    stream,
    raw_id,
    extracted_at,
    reason,
    detail,
    raw_text
from refused
{% endcall %}
