{#- Made from contracts/branch_targets.yml by `tradehouse contracts generate`: change it there. #}
{{ config(materialized = 'table') }}

{% call or_as_it_was('branch_targets') %}
with refused as (

    select
        cast(null as varchar) as stream,
        cast(null as varchar) as raw_id,
        cast(null as timestamptz) as extracted_at,
        cast(null as varchar) as reason,
        cast(null as varchar) as detail,
        cast(null as varchar) as raw_text
    where false

{%- set columns = [
    {'name': 'branch', 'kind': 'text:30', 'required': true, 'column': 'branch'},
    {'name': 'month', 'kind': 'loaded:date', 'required': true, 'column': 'month'},
    {'name': 'target_usd', 'kind': 'decimal:15,2|0..', 'required': true, 'column': 'target_usd'}
] %}
    union all

    {{ quarantined_records('targets', source('branch_targets', 'targets'), columns) }}

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
