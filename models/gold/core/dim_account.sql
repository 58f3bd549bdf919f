{{ config(unique_key='account_id') }}

with accounts as (

    select * from {{ ref('silver_accounts') }}

),

versions as (

    select *
    from accounts
    where {{ is_touched('account_id', {'accounts': 'account_id'}, 'account_id') }}

),

keyed as (

    {{ keyed_versions('versions', 'sk_account_id', 'account_id') }}

)

select
    keyed.sk_account_id,
    keyed.account_id,
    brokers.sk_broker_id,
    customers.sk_customer_id,
    keyed.status,
    keyed.account_desc,
    keyed.tax_status,
    keyed.is_current,
    keyed.batch_id,
    keyed.effective_date,
    keyed.end_date
from keyed
{{ join_version(
    ref('dim_customer'), 'customers', 'keyed.customer_id = customers.customer_id', 'keyed.effective_date'
) }}
{{ join_version(
    ref('dim_broker'), 'brokers', 'keyed.broker_id = brokers.broker_id', 'keyed.effective_date'
) }}
