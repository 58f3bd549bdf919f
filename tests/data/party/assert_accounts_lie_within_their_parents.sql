{#
    A version of an account belongs to a version of its customer and one of its broker that are valid all the time
    it is. A returned row names versions that do not exist, are another's, or are not valid all that time.
#}
with accounts as (

    select
        dim_account.*,
        silver_accounts.customer_id,
        silver_accounts.broker_id
    from {{ ref('dim_account') }} as dim_account
    left join {{ ref('silver_accounts') }} as silver_accounts
        on
            dim_account.account_id = silver_accounts.account_id
            and dim_account.effective_date = silver_accounts.effective_date
    where dim_account.batch_id >= {{ test_from_batch() }}

)

select
    accounts.account_id,
    accounts.effective_date,
    accounts.sk_customer_id,
    accounts.sk_broker_id
from accounts
left join {{ ref('dim_customer') }} as customers
    on accounts.sk_customer_id = customers.sk_customer_id
left join {{ ref('dim_broker') }} as brokers
    on accounts.sk_broker_id = brokers.sk_broker_id
where
    customers.customer_id is distinct from accounts.customer_id
    or brokers.broker_id is distinct from accounts.broker_id
    or accounts.effective_date < customers.effective_date
    or accounts.end_date > customers.end_date
    or accounts.effective_date < brokers.effective_date
    or accounts.end_date > brokers.end_date
