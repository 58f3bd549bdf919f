{#
    Versions of a broker, customer or account follow one another without gap or overlap and the last one
    is open. A returned row ends elsewhere.
#}
{% set tables = {
    'dim_broker': 'broker_id', 'dim_customer': 'customer_id', 'dim_account': 'account_id'
} %}
{%- for table, key in tables.items() %}
select
    '{{ table }}' as table_name,
    {{ key }} as row_key,
    effective_date,
    end_date
from (
    select
        {{ key }},
        effective_date,
        end_date,
        lead(effective_date, 1, {{ end_of_time() }}) over (
            partition by {{ key }} order by effective_date
        ) as next_date
    from {{ ref(table) }}
    where
        {{ key }} in (
            select {{ key }} from {{ ref(table) }} where batch_id >= {{ test_from_batch() }}
        )
) as versions
where end_date <> next_date
{{ 'union all' if not loop.last }}
{%- endfor %}
