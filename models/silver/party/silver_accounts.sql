{{ config(unique_key='account_id') }}
{#
    Every cause of a version has a place in this order. In the historical batch causes follow one
    another in time; later ones come without a time, and the batch's rules decide: the account's own
    row, the customer, the broker.
#}
{% set until_effect %}
    window until_effect as (
        partition by account_id
        order by batch_id, event_at, cause_order, event_number, account_number
        rows between unbounded preceding and current row
    )
{% endset %}

with events as (

    -- An event that names a parent unknown on its day changes nothing: what came before stays.
    select *
    from {{ ref('silver_account_events') }}
    where unmatched_parent is null

),

customer_actions as (

    select
        actions.*,
        least(cast(actions.actionts as date), batches.batch_date) as effective_date
    from {{ ref('bronze_brokerage__customer_mgmt_action') }} as actions
    inner join {{ looked_up('bronze_batches') }} as batches
        on actions.batch_id = batches.batch_id
    where
        actions.actiontype in ('UPDCUST', 'INACT')
        and actions.batch_id = {{ historical_batch() }}

),

customers as (

    select *
    from {{ ref('silver_customers') }}
    where batch_id <> {{ historical_batch() }}

),

brokers as (

    select *
    from {{ ref('silver_brokers') }}
    where batch_id <> {{ historical_batch() }}

),

own_events as (

    select *
    from events
    where
        {% call is_touched('account_id', {'events': 'account_id'}, 'account_id') %}
            select account_id
            from {{ this }}
            where
                customer_id in (select customer_id from customers where {{ in_batch_window() }})
                or broker_id in (select broker_id from brokers where {{ in_batch_window() }})
        {% endcall %}

),

owners as (

    select distinct
        account_id,
        customer_id
    from own_events

),

managers as (

    select distinct
        account_id,
        cast(nullif(broker_id, '') as bigint) as broker_id
    from own_events

),

effects as (

    select
        batch_id,
        account_id,
        effective_date,
        event_at,
        case when batch_id = {{ historical_batch() }} then 0 else 1 end as cause_order,
        event_number,
        account_number,
        customer_id,
        cast(null as bigint) as changed_customer_id,
        cast(null as bigint) as changed_broker_id,
        broker_id,
        account_desc,
        tax_status,
        status,
        false as yields_to_file
    from own_events

    union all by name

    select
        customer_actions.batch_id,
        owners.account_id,
        customer_actions.effective_date,
        customer_actions.actionts as event_at,
        0 as cause_order,
        customer_actions.action_number as event_number,
        customer_actions.c_id as changed_customer_id,
        case customer_actions.actiontype when 'INACT' then 'Inactive' end as status,
        false as yields_to_file
    from owners
    inner join customer_actions
        on owners.customer_id = customer_actions.c_id

    union all by name

    -- An inactive customer takes the account along, but the account's own row of the batch outweighs
    -- that, unless the customer has become inactive in this very batch.
    select
        customers.batch_id,
        owners.account_id,
        customers.effective_date,
        2 as cause_order,
        customers.customer_id as changed_customer_id,
        case customers.status when 'Inactive' then 'Inactive' end as status,
        not customers.becomes_inactive as yields_to_file
    from owners
    inner join customers
        on owners.customer_id = customers.customer_id

    union all by name

    select
        brokers.batch_id,
        managers.account_id,
        brokers.effective_date,
        3 as cause_order,
        brokers.broker_id as changed_broker_id,
        false as yields_to_file
    from managers
    inner join brokers
        on managers.broker_id = brokers.broker_id

),

owned_effects as (

    select
        * exclude (customer_id),
        last_value(customer_id ignore nulls) over until_effect as customer_id,
        bool_or(customer_id is not null) over (partition by account_id, batch_id) as has_own_event
    from effects
    {{ until_effect }}

),

-- Only what happens to the owner of that time reaches the account, and nothing before it was opened.
replayed as (

    select
        batch_id,
        account_id,
        effective_date,
        event_at,
        cause_order,
        event_number,
        account_number,
        customer_id,
        changed_broker_id,
        cast(
            nullif(last_value(broker_id ignore nulls) over until_effect, '') as bigint
        ) as broker_id,
        nullif(last_value(account_desc ignore nulls) over until_effect, '') as account_desc,
        cast(
            nullif(last_value(tax_status ignore nulls) over until_effect, '') as integer
        ) as tax_status,
        last_value(
            case when not (yields_to_file and has_own_event) then status end ignore nulls
        ) over until_effect as status
    from owned_effects
    where
        customer_id is not null
        and (changed_customer_id is null or changed_customer_id = customer_id)
    {{ until_effect }}

),

last_of_day as (

    select *
    from replayed
    where changed_broker_id is null or changed_broker_id = broker_id
    qualify row_number() over (
        partition by account_id, effective_date
        order by
            batch_id desc,
            event_at desc,
            cause_order desc,
            event_number desc,
            account_number desc
    ) = 1

),

versions as (

    select
        *,
        lead(effective_date, 1, {{ end_of_time() }}) over (
            partition by account_id order by effective_date
        ) as end_date
    from last_of_day

),

keyed as (

    {{ keyed_versions('versions', 'sk_account_id', 'account_id') }}

)

select
    keyed.sk_account_id,
    keyed.account_id,
    owners.sk_customer_id,
    keyed.customer_id,
    managers.sk_broker_id,
    keyed.broker_id,
    keyed.status,
    keyed.account_desc,
    keyed.tax_status,
    keyed.end_date = {{ end_of_time() }} as is_current,
    keyed.batch_id,
    keyed.effective_date,
    keyed.end_date
from keyed
{{ join_version(
    ref('silver_customers'), 'owners', 'keyed.customer_id = owners.customer_id', 'keyed.effective_date'
) }}
{{ join_version(
    ref('silver_brokers'), 'managers', 'keyed.broker_id = managers.broker_id', 'keyed.effective_date'
) }}
