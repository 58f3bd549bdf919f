{#
    The balance after a day is the sum of all movements of the account up to it. A returned row is a balance that
    is not; a daily run reads the accounts that its batches touched.
#}
{% set from_batch = test_from_batch() %}

with balances as (

    select
        account_id,
        balance_date,
        cash,
        sum(amount) over (partition by account_id order by balance_date) as sum_of_movements
    from {{ ref('silver_cash_balances') }}
    {%- if from_batch %}
    where
        account_id in (select account_id from {{ ref('silver_cash_balances') }} where batch_id >= {{ from_batch }})
    {%- endif %}

)

select
    account_id,
    balance_date,
    cash,
    sum_of_movements
from balances
where cash is distinct from sum_of_movements
