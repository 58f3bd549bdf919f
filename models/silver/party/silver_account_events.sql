{{ config(unique_key='account_id') }}
{% set is_touched_account = is_touched(
    'ca_id', {'account_actions': 'ca_id', 'account_changes': 'ca_id'}, 'account_id'
) %}
{% set attributes = {'broker_id': 'ca_b_id', 'account_desc': 'ca_name', 'tax_status': 'ca_tax_st'} %}

with account_actions as (

    select * from {{ ref('bronze_brokerage__customer_mgmt_account') }}

),

account_changes as (

    select * from {{ ref('bronze_brokerage__account') }}

),

customers as (

    select * from {{ ref('silver_customers') }}

),

brokers as (

    select * from {{ ref('silver_brokers') }}

),

batches as (

    select * from {{ looked_up('bronze_batches') }}

),

status_types as (

    select * from {{ ref('silver_status_types') }}

),

-- NULL keeps an attribute, an empty text clears it; what opens an account keeps nothing.
events as (

    select
        account_actions.batch_id,
        account_actions.ca_id as account_id,
        account_actions.c_id as customer_id,
        account_actions.actionts as event_at,
        account_actions.action_number as event_number,
        account_actions.account_number,
        {%- for attribute, field in attributes.items() %}
        case
            when account_actions.actiontype in ('NEW', 'ADDACCT')
                then coalesce(account_actions.{{ field }}, '')
            else account_actions.{{ field }}
        end as {{ attribute }},
        {%- endfor %}
        case
            when account_actions.actiontype in ('NEW', 'ADDACCT') then 'Active'
            when account_actions.actiontype = 'CLOSEACCT' then 'Inactive'
        end as status,
        account_actions.actiontype in ('NEW', 'ADDACCT') as is_opening,
        account_actions.source_file,
        account_actions.source_line
    from account_actions
    where
        account_actions.batch_id <= {{ last_batch() }}
        and {{ is_touched_account }}

    union all

    select
        account_changes.batch_id,
        account_changes.ca_id as account_id,
        account_changes.ca_c_id as customer_id,
        null as event_at,
        account_changes.cdc_dsn as event_number,
        1 as account_number,
        {%- for attribute, field in attributes.items() %}
        coalesce(cast(account_changes.{{ field }} as varchar), '') as {{ attribute }},
        {%- endfor %}
        status_types.st_name as status,
        true as is_opening,
        account_changes.source_file,
        account_changes.source_line
    from account_changes
    left join status_types
        on account_changes.ca_st_id = status_types.st_id
    where
        account_changes.batch_id <= {{ last_batch() }}
        and {{ is_touched_account }}

),

dated_events as (

    select
        events.*,
        {{ business_day('events.batch_id', 'events.event_at', 'batches.batch_date') }} as effective_date
    from events
    inner join batches
        on events.batch_id = batches.batch_id

),

known_customers as (

    select
        customer_id,
        min(effective_date) as known_from
    from customers
    where customer_id in (select customer_id from events)
    group by customer_id

),

known_brokers as (

    select
        cast(broker_id as varchar) as broker_id,
        min(effective_date) as known_from
    from brokers
    group by broker_id

),

with_known_parents as (

    select
        dated_events.*,
        coalesce(known_customers.known_from <= dated_events.effective_date, false) as has_customer,
        dated_events.broker_id is null
        or coalesce(known_brokers.known_from <= dated_events.effective_date, false) as has_broker
    from dated_events
    left join known_customers
        on dated_events.customer_id = known_customers.customer_id
    left join known_brokers
        on dated_events.broker_id = known_brokers.broker_id

),

with_known_account as (

    select
        with_known_parents.*,
        bool_or(is_opening and has_customer and has_broker) over (
            partition by account_id
            order by batch_id, event_at, event_number, account_number
            rows between unbounded preceding and current row
        ) as has_account
    from with_known_parents

)

select
    batch_id,
    account_id,
    customer_id,
    effective_date,
    event_at,
    event_number,
    account_number,
    broker_id,
    account_desc,
    tax_status,
    status,
    is_opening,
    case
        when not has_customer then 'customer'
        when not has_broker then 'broker'
        when not has_account then 'account'
    end as unmatched_parent,
    source_file,
    source_line
from with_known_account
