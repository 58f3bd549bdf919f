{{ config(unique_key='broker_id') }}

with brokers as (

    select * from {{ ref('silver_broker_changes') }}

),

versions as (

    select
        *,
        lead(effective_date, 1, {{ end_of_time() }}) over (
            partition by broker_id order by effective_date
        ) as end_date
    from brokers
    where {{ is_touched('broker_id', {'brokers': 'broker_id'}, 'broker_id') }}

),

keyed as (

    {{ keyed_versions('versions', 'sk_broker_id', 'broker_id') }}

)

select
    sk_broker_id,
    broker_id,
    manager_id,
    first_name,
    last_name,
    middle_initial,
    branch,
    office,
    phone,
    end_date = {{ end_of_time() }} as is_current,
    batch_id,
    effective_date,
    end_date
from keyed
