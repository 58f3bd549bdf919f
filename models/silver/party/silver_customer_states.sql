{{ config(unique_key='customer_id') }}
{% set is_touched_customer = is_touched('c_id', {'actions': 'c_id', 'changes': 'c_id'}, 'customer_id') %}

{# attribute: [field of the customer management system, field of the daily changes] #}
{% set attributes = {
    'tax_id': ['c_tax_id', 'c_tax_id'],
    'last_name': ['c_l_name', 'c_l_name'],
    'first_name': ['c_f_name', 'c_f_name'],
    'middle_initial': ['c_m_name', 'c_m_name'],
    'gender': ['c_gndr', 'c_gndr'],
    'tier': ['c_tier', 'c_tier'],
    'dob': ['c_dob', 'c_dob'],
    'address_line1': ['c_adline1', 'c_adline1'],
    'address_line2': ['c_adline2', 'c_adline2'],
    'postal_code': ['c_zipcode', 'c_zipcode'],
    'city': ['c_city', 'c_city'],
    'state_prov': ['c_state_prov', 'c_state_prov'],
    'country': ['c_ctry', 'c_ctry'],
    'email1': ['c_prim_email', 'c_email_1'],
    'email2': ['c_alt_email', 'c_email_2'],
    'local_tax_id': ['c_lcl_tx_id', 'c_lcl_tx_id'],
    'national_tax_id': ['c_nat_tx_id', 'c_nat_tx_id'],
} %}
{% for n in ['1', '2', '3'] %}
{% do attributes.update({
    'country_code' ~ n: ['c_phone_' ~ n ~ '_ctry_code', 'c_ctry_' ~ n],
    'area_code' ~ n: ['c_phone_' ~ n ~ '_area_code', 'c_area_' ~ n],
    'local_number' ~ n: ['c_phone_' ~ n ~ '_local', 'c_local_' ~ n],
    'extension' ~ n: ['c_phone_' ~ n ~ '_ext', 'c_ext_' ~ n],
}) %}
{% endfor %}
with actions as (

    select *
    from {{ ref('bronze_brokerage__customer_mgmt_action') }}
    where
        actiontype in ('NEW', 'UPDCUST', 'INACT')
        and batch_id <= {{ last_batch() }}

),

changes as (

    select *
    from {{ ref('bronze_brokerage__customer') }}
    where batch_id <= {{ last_batch() }}

),

batches as (

    select * from {{ looked_up('bronze_batches') }}

),

status_types as (

    select * from {{ ref('silver_status_types') }}

),

-- In every event NULL keeps an attribute and an empty text clears it; what creates a customer keeps
-- nothing. Without such an event there is no status.
events as (

    select
        actions.batch_id,
        actions.c_id as customer_id,
        actions.actionts as event_at,
        actions.action_number as event_number,
        {%- for attribute, field in attributes.items() %}
        case
            when actions.actiontype = 'NEW' then coalesce(actions.{{ field[0] }}, '')
            else actions.{{ field[0] }}
        end as {{ attribute }},
        {%- endfor %}
        case actions.actiontype when 'NEW' then 'Active' when 'INACT' then 'Inactive' end as status,
        actions.actiontype = 'NEW' as is_creation
    from actions
    where {{ is_touched_customer }}

    union all

    select
        changes.batch_id,
        changes.c_id as customer_id,
        null as event_at,
        changes.cdc_dsn as event_number,
        {%- for attribute, field in attributes.items() %}
        coalesce(cast(changes.{{ field[1] }} as varchar), '') as {{ attribute }},
        {%- endfor %}
        status_types.st_name as status,
        true as is_creation
    from changes
    left join status_types
        on changes.c_st_id = status_types.st_id
    where {{ is_touched_customer }}

),

dated_events as (

    select
        events.*,
        {{ business_day('events.batch_id', 'events.event_at', 'batches.batch_date') }} as effective_date
    from events
    inner join batches
        on events.batch_id = batches.batch_id

),

replayed as (

    select
        batch_id,
        customer_id,
        effective_date,
        event_at,
        event_number,
        {%- for attribute in attributes %}
        nullif(last_value({{ attribute }} ignore nulls) over until_event, '') as {{ attribute }},
        {%- endfor %}
        case
            when bool_or(is_creation) over until_event
                then last_value(status ignore nulls) over until_event
        end as status
    from dated_events
    window until_event as (
        partition by customer_id
        order by batch_id, event_at, event_number
        rows between unbounded preceding and current row
    )

),

last_of_day as (

    select *
    from replayed
    qualify row_number() over (
        partition by customer_id, effective_date
        order by batch_id desc, event_at desc, event_number desc
    ) = 1

)

select
    batch_id,
    customer_id,
    effective_date,
    tax_id,
    status,
    last_name,
    first_name,
    middle_initial,
    case when upper(gender) in ('M', 'F') then upper(gender) else 'U' end as gender,
    cast(tier as integer) as tier,
    cast(dob as date) as dob,
    address_line1,
    address_line2,
    postal_code,
    city,
    state_prov,
    country,
    {%- for n in ['1', '2', '3'] %}
    {{ phone_number('country_code' ~ n, 'area_code' ~ n, 'local_number' ~ n, 'extension' ~ n) }}
        as phone{{ n }},
    {%- endfor %}
    email1,
    email2,
    local_tax_id,
    national_tax_id,
    {{ match_key('first_name', 'last_name', 'address_line1', 'address_line2', 'postal_code') }}
        as match_key
from last_of_day
