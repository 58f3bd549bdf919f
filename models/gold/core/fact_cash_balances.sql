{{ config(meta={'release_key': ['batch_id']}) }}

{# Balances of accounts that are unknown on the day stay in silver. #}
select
    sk_customer_id,
    sk_account_id,
    cast({{ date_key('balance_date') }} as bigint) as sk_date_id,
    cash,
    batch_id
from {{ ref('silver_cash_balances') }}
where is_published
