{{ config(unique_key='broker_id') }}

with brokers as (

    select * from {{ ref('silver_brokers') }}

),

versions as (

    select
        *,
        lead(effective_date) over by_day is null as is_current,
        coalesce(lead(effective_date) over by_day, {{ end_of_time() }}) as end_date
    from brokers
    where {{ is_touched('broker_id', {'brokers': 'broker_id'}, 'broker_id') }}
    window by_day as (partition by broker_id order by effective_date)

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
    is_current,
    batch_id,
    effective_date,
    end_date
from keyed
