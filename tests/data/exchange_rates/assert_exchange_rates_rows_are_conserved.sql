{#- Made from contracts/exchange_rates.yml by `tradehouse contracts generate`: change it there. #}
{{ config(meta = {'dagster': {'ref': {'name': 'bronze_exchange_rates__quarantine'}}}) }}
{% if is_held('exchange_rates') %}select 1 where false{% else %}
-- What was delivered is in bronze, in quarantine, or an older version of what is there.
select
    'rates' as stream,
    rows_found,
    rows_expected
from (
    select
        (select count(*) from {{ ref('bronze_exchange_rates__rates') }}) as rows_found,
        (
            select count(*)
            from {{ source('exchange_rates', 'rates') }}
            where
                _airbyte_generation_id = (
                    select max(_airbyte_generation_id)
                    from {{ source('exchange_rates', 'rates') }}
                )
                and _airbyte_raw_id not in (
                    select raw_id
                    from {{ ref('bronze_exchange_rates__quarantine') }}
                    where stream = 'rates'
                )
        ) as rows_expected
)
where
    rows_found <> rows_expected
{% endif %}
