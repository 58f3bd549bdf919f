{{ config(unique_key='account_id') }}
{% set first = first_batch() %}

with account_actions as (

    select *
    from {{ ref('bronze_brokerage__customer_mgmt_account') }}
    where batch_id <= {{ last_batch() }}

),

account_changes as (

    select *
    from {{ ref('bronze_brokerage__account') }}
    where batch_id <= {{ last_batch() }}

),

customer_actions as (

    select
        batch_id,
        c_id as customer_id,
        actionts as event_at,
        action_number as event_number,
        case actiontype when 'INACT' then 'Inactive' end as status
    from {{ ref('bronze_brokerage__customer_mgmt_action') }}
    where
        actiontype in ('UPDCUST', 'INACT')
        and batch_id = {{ historical_batch() }}

),

customers as (

    select * from {{ ref('silver_customers') }}

),

brokers as (

    select * from {{ ref('silver_brokers') }}

),

batches as (

    select * from {{ ref('bronze_batches') }}

),

status_types as (

    select * from {{ ref('status_type') }}

),
{%- if is_incremental() %}

touched as (

    select ca_id as account_id from account_actions where batch_id >= {{ first }}
    union
    select ca_id from account_changes where batch_id >= {{ first }}
    union
    select account_id from {{ this }} where batch_id >= {{ first }}
    union
    select account_id
    from {{ this }}
    where
        customer_id in (select customer_id from customers where batch_id >= {{ first }})
        or broker_id in (select broker_id from brokers where batch_id >= {{ first }})

),
{%- endif %}

-- NULL keeps an attribute, an empty text clears it; what opens an account keeps nothing.
own_events as (

    select
        account_actions.batch_id,
        account_actions.ca_id as account_id,
        account_actions.c_id as customer_id,
        account_actions.actionts as event_at,
        account_actions.action_number as event_number,
        account_actions.account_number,
        account_actions.source_file,
        account_actions.source_line,
        {%- for attribute, field in {'broker_id': 'ca_b_id', 'account_desc': 'ca_name', 'tax_status': 'ca_tax_st'}.items() %}
        case
            when account_actions.actiontype in ('NEW', 'ADDACCT') then coalesce(account_actions.{{ field }}, '')
            else account_actions.{{ field }}
        end as {{ attribute }},
        {%- endfor %}
        case
            when account_actions.actiontype in ('NEW', 'ADDACCT') then 'Active'
            when account_actions.actiontype = 'CLOSEACCT' then 'Inactive'
        end as status,
        account_actions.actiontype in ('NEW', 'ADDACCT') as is_opening
    from account_actions
    {%- if is_incremental() %}
    where account_actions.ca_id in (select account_id from touched)
    {%- endif %}

    union all

    select
        account_changes.batch_id,
        account_changes.ca_id as account_id,
        account_changes.ca_c_id as customer_id,
        null as event_at,
        account_changes.cdc_dsn as event_number,
        1 as account_number,
        account_changes.source_file,
        account_changes.source_line,
        {%- for attribute, field in {'broker_id': 'ca_b_id', 'account_desc': 'ca_name', 'tax_status': 'ca_tax_st'}.items() %}
        coalesce(cast(account_changes.{{ field }} as varchar), '') as {{ attribute }},
        {%- endfor %}
        status_types.st_name as status,
        true as is_opening
    from account_changes
    left join status_types
        on account_changes.ca_st_id = status_types.st_id
    {%- if is_incremental() %}
    where account_changes.ca_id in (select account_id from touched)
    {%- endif %}

),

known_customers as (

    select
        customer_id,
        min(effective_date) as known_from
    from customers
    group by customer_id

),

known_brokers as (

    select
        cast(broker_id as varchar) as broker_id,
        min(effective_date) as known_from
    from brokers
    group by broker_id

),

dated_events as (

    select
        own_events.*,
        case
            when own_events.batch_id = {{ historical_batch() }} then cast(own_events.event_at as date)
            else batches.batch_date
        end as effective_date
    from own_events
    inner join batches
        on own_events.batch_id = batches.batch_id

),

-- An event that names a customer or broker unknown on its day changes nothing: what came before stays.
checked_events as (

    select
        dated_events.*,
        case
            when known_customers.known_from is null or known_customers.known_from > dated_events.effective_date
                then 'customer'
            when
                dated_events.broker_id is not null
                and (known_brokers.known_from is null or known_brokers.known_from > dated_events.effective_date)
                then 'broker'
        end as unmatched_parent
    from dated_events
    left join known_customers
        on dated_events.customer_id = known_customers.customer_id
    left join known_brokers
        on dated_events.broker_id = known_brokers.broker_id

),

owners as (

    select distinct
        account_id,
        customer_id
    from checked_events
    where unmatched_parent is null

),

-- In the historical batch events follow one another in time; later ones come without a time: file, customer, broker.
effects as (

    select
        batch_id,
        account_id,
        effective_date,
        event_at,
        case when batch_id = {{ historical_batch() }} then 0 else 1 end as cause_order,
        event_number,
        account_number,
        source_file,
        source_line,
        customer_id,
        null as changed_customer_id,
        null as changed_broker_id,
        broker_id,
        account_desc,
        tax_status,
        status,
        is_opening,
        false as yields_to_file
    from checked_events
    where unmatched_parent is null

    union all

    select
        customer_actions.batch_id,
        owners.account_id,
        cast(customer_actions.event_at as date) as effective_date,
        customer_actions.event_at,
        0 as cause_order,
        customer_actions.event_number,
        0 as account_number,
        null as source_file,
        null as source_line,
        null as customer_id,
        customer_actions.customer_id as changed_customer_id,
        null as changed_broker_id,
        null as broker_id,
        null as account_desc,
        null as tax_status,
        customer_actions.status,
        false as is_opening,
        false as yields_to_file
    from owners
    inner join customer_actions
        on owners.customer_id = customer_actions.customer_id

    union all

    -- A customer who is inactive takes the account along; the account's own row of the batch outweighs that,
    -- unless the customer has become inactive in this very batch.
    select
        customers.batch_id,
        owners.account_id,
        customers.effective_date,
        null as event_at,
        2 as cause_order,
        0 as event_number,
        0 as account_number,
        null as source_file,
        null as source_line,
        null as customer_id,
        customers.customer_id as changed_customer_id,
        null as changed_broker_id,
        null as broker_id,
        null as account_desc,
        null as tax_status,
        case customers.status when 'Inactive' then 'Inactive' end as status,
        false as is_opening,
        not customers.becomes_inactive as yields_to_file
    from owners
    inner join customers
        on owners.customer_id = customers.customer_id
    where customers.batch_id <> {{ historical_batch() }}

    union all

    select
        brokers.batch_id,
        of_broker.account_id,
        brokers.effective_date,
        null as event_at,
        3 as cause_order,
        0 as event_number,
        0 as account_number,
        null as source_file,
        null as source_line,
        null as customer_id,
        null as changed_customer_id,
        brokers.broker_id as changed_broker_id,
        null as broker_id,
        null as account_desc,
        null as tax_status,
        null as status,
        false as is_opening,
        false as yields_to_file
    from (
        select distinct
            account_id,
            broker_id
        from checked_events
        where unmatched_parent is null
    ) as of_broker
    inner join brokers
        on of_broker.broker_id = cast(brokers.broker_id as varchar)
    where brokers.batch_id <> {{ historical_batch() }}

),

owned_effects as (

    select
        * exclude (customer_id),
        last_value(customer_id ignore nulls) over until_effect as customer_id,
        bool_or(customer_id is not null) over (partition by account_id, batch_id) as has_own_event
    from effects
    window until_effect as (
        partition by account_id
        order by batch_id, event_at, cause_order, event_number, account_number
        rows between unbounded preceding and current row
    )

),

-- Only what happens to the owner of that time reaches the account; it has no status before it was opened.
replayed as (

    select
        batch_id,
        account_id,
        effective_date,
        event_at,
        cause_order,
        event_number,
        account_number,
        source_file,
        source_line,
        customer_id,
        changed_customer_id,
        changed_broker_id,
        cast(nullif(last_value(broker_id ignore nulls) over until_effect, '') as bigint) as broker_id,
        nullif(last_value(account_desc ignore nulls) over until_effect, '') as account_desc,
        cast(nullif(last_value(tax_status ignore nulls) over until_effect, '') as integer) as tax_status,
        case
            when bool_or(is_opening) over until_effect
                then last_value(case when yields_to_file and has_own_event then null else status end ignore nulls)
                    over until_effect
        end as status
    from owned_effects
    where changed_customer_id is null or changed_customer_id = customer_id
    window until_effect as (
        partition by account_id
        order by batch_id, event_at, cause_order, event_number, account_number
        rows between unbounded preceding and current row
    )

),

last_of_day as (

    select *
    from replayed
    where
        status is not null
        and (changed_broker_id is null or changed_broker_id = broker_id)
    qualify row_number() over (
        partition by account_id, effective_date
        order by batch_id desc, event_at desc, cause_order desc, event_number desc, account_number desc
    ) = 1

)

select
    batch_id,
    account_id,
    customer_id,
    broker_id,
    status,
    account_desc,
    tax_status,
    cast(null as varchar) as unmatched_parent,
    cast(null as varchar) as source_file,
    cast(null as bigint) as source_line,
    lead(effective_date) over by_day is null as is_current,
    effective_date,
    coalesce(lead(effective_date) over by_day, {{ end_of_time() }}) as end_date
from last_of_day
window by_day as (partition by account_id order by effective_date)

union all

select
    batch_id,
    account_id,
    customer_id,
    cast(nullif(broker_id, '') as bigint) as broker_id,
    status,
    nullif(account_desc, '') as account_desc,
    cast(nullif(tax_status, '') as integer) as tax_status,
    unmatched_parent,
    source_file,
    source_line,
    false as is_current,
    effective_date,
    effective_date as end_date
from checked_events
where unmatched_parent is not null

union all

select
    batch_id,
    account_id,
    customer_id,
    broker_id,
    status,
    account_desc,
    tax_status,
    'account' as unmatched_parent,
    source_file,
    source_line,
    false as is_current,
    effective_date,
    effective_date as end_date
from replayed
where
    status is null
    and changed_customer_id is null
    and changed_broker_id is null
