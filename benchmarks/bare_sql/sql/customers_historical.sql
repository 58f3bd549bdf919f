-- Batch 1: ten years of customer and account events, replayed into versions.
-- An absent field (NULL) keeps its value, an empty one ('') clears it.

create temp table customer_state as
with events as (
    select
        * exclude (c_id),
        c_id::bigint as customer_id,
        left(actionts, 10)::date as effective_date,
        case actiontype when 'NEW' then 'Active' when 'INACT' then 'Inactive' end as new_status
    from customer_mgmt_action
    where actiontype in ('NEW', 'UPDCUST', 'INACT')
)

select
    customer_id, effective_date, actionts, action_number,
    last_value(new_status ignore nulls) over replay as status,
    nullif(last_value(c_tax_id ignore nulls) over replay, '') as tax_id,
    nullif(last_value(c_l_name ignore nulls) over replay, '') as last_name,
    nullif(last_value(c_f_name ignore nulls) over replay, '') as first_name,
    nullif(last_value(c_m_name ignore nulls) over replay, '') as middle_initial,
    nullif(last_value(c_gndr ignore nulls) over replay, '') as gender,
    nullif(last_value(c_tier ignore nulls) over replay, '') as tier,
    nullif(last_value(c_dob ignore nulls) over replay, '') as dob,
    nullif(last_value(c_adline1 ignore nulls) over replay, '') as address_line1,
    nullif(last_value(c_adline2 ignore nulls) over replay, '') as address_line2,
    nullif(last_value(c_zipcode ignore nulls) over replay, '') as postal_code,
    nullif(last_value(c_city ignore nulls) over replay, '') as city,
    nullif(last_value(c_state_prov ignore nulls) over replay, '') as state_prov,
    nullif(last_value(c_ctry ignore nulls) over replay, '') as country,
    nullif(last_value(c_prim_email ignore nulls) over replay, '') as email1,
    nullif(last_value(c_alt_email ignore nulls) over replay, '') as email2,
    nullif(last_value(c_phone_1_ctry_code ignore nulls) over replay, '') as country_code1,
    nullif(last_value(c_phone_1_area_code ignore nulls) over replay, '') as area_code1,
    nullif(last_value(c_phone_1_local ignore nulls) over replay, '') as local1,
    nullif(last_value(c_phone_1_ext ignore nulls) over replay, '') as extension1,
    nullif(last_value(c_phone_2_ctry_code ignore nulls) over replay, '') as country_code2,
    nullif(last_value(c_phone_2_area_code ignore nulls) over replay, '') as area_code2,
    nullif(last_value(c_phone_2_local ignore nulls) over replay, '') as local2,
    nullif(last_value(c_phone_2_ext ignore nulls) over replay, '') as extension2,
    nullif(last_value(c_phone_3_ctry_code ignore nulls) over replay, '') as country_code3,
    nullif(last_value(c_phone_3_area_code ignore nulls) over replay, '') as area_code3,
    nullif(last_value(c_phone_3_local ignore nulls) over replay, '') as local3,
    nullif(last_value(c_phone_3_ext ignore nulls) over replay, '') as extension3,
    nullif(last_value(c_lcl_tx_id ignore nulls) over replay, '') as local_tax_id,
    nullif(last_value(c_nat_tx_id ignore nulls) over replay, '') as national_tax_id
from events
window replay as (partition by customer_id order by actionts, action_number);

insert into gold.dim_customer
with last_of_the_day as (
    select *
    from customer_state
    qualify row_number() over (
        partition by customer_id, effective_date order by actionts desc, action_number desc
    ) = 1
),

version as (
    select
        *,
        lead(effective_date, 1, end_of_time())
            over (partition by customer_id order by effective_date) as end_date,
        -- Only the version that is current after the batch is matched with the prospects.
        if(
            end_date = end_of_time(),
            match_key(first_name, last_name, address_line1, address_line2, postal_code),
            null
        ) as match_key
    from last_of_the_day
)

select
    row_number() over (order by version.customer_id, version.effective_date),
    customer_id, tax_id, status, last_name, first_name, middle_initial,
    gender_letter(gender), tier::integer, dob::date,
    address_line1, address_line2, postal_code, city, state_prov, country,
    phone_number(country_code1, area_code1, local1, extension1),
    phone_number(country_code2, area_code2, local2, extension2),
    phone_number(country_code3, area_code3, local3, extension3),
    email1, email2,
    national_tax.tx_name, national_tax.tx_rate, local_tax.tx_name, local_tax.tx_rate,
    agency_id, credit_rating, net_worth, marketing_nameplate,
    end_date = end_of_time(), batch_id(), effective_date, end_date
from version
left join gold.tax_rate as national_tax on national_tax.tx_id = version.national_tax_id
left join gold.tax_rate as local_tax on local_tax.tx_id = version.local_tax_id
left join demographics on demographics.match_key = version.match_key;

-- The historical load alerts on what a customer brought along, not on later changes.
insert into gold.di_messages
with newcomers as (
    select
        c_id::bigint as customer_id,
        nullif(c_tier, '') as tier,
        nullif(c_dob, '')::date as dob
    from customer_mgmt_action
    where actiontype = 'NEW'
)

select
    utc_now(), batch_id(), 'DimCustomer', 'Invalid customer tier', 'Alert',
    'C_ID = ' || customer_id || ', C_TIER = ' || coalesce(tier, '')
from newcomers
where tier is null or tier::integer not in (1, 2, 3)
union all
select
    utc_now(), batch_id(), 'DimCustomer', 'DOB out of range', 'Alert',
    'C_ID = ' || customer_id || ', C_DOB = ' || dob
from newcomers
where dob < batch_date() - interval 100 years or dob > batch_date();

-- Accounts: their own events, and every change of the owner since they were opened.
create temp table account_state as
with own_events as (
    select
        actiontype, actionts, action_number, account_number,
        c_id::bigint as customer_id, ca_id::bigint as account_id, ca_name, ca_tax_st, ca_b_id
    from customer_mgmt_account
    where actiontype in ('NEW', 'ADDACCT', 'UPDACCT', 'CLOSEACCT')
),

openings as (
    select account_id, customer_id, actionts, action_number
    from own_events
    where actiontype in ('NEW', 'ADDACCT')
),

owner_events as (
    select
        change.actiontype, change.actionts, change.action_number,
        opening.account_id, opening.customer_id
    from customer_mgmt_action as change
    inner join openings as opening on opening.customer_id = change.c_id::bigint
    where
        change.actiontype in ('UPDCUST', 'INACT')
        and (
            change.actionts > opening.actionts
            or (
                change.actionts = opening.actionts
                and change.action_number > opening.action_number
            )
        )
),

events as (
    select * from own_events
    union all by name
    select * from owner_events
)

select
    account_id, customer_id, actionts, action_number, account_number,
    left(actionts, 10)::date as effective_date,
    last_value(
        case
            when actiontype in ('NEW', 'ADDACCT') then 'Active'
            when actiontype in ('CLOSEACCT', 'INACT') then 'Inactive'
        end ignore nulls
    ) over account_replay as status,
    nullif(last_value(ca_name ignore nulls) over account_replay, '') as account_desc,
    nullif(last_value(ca_tax_st ignore nulls) over account_replay, '') as tax_status,
    nullif(last_value(ca_b_id ignore nulls) over account_replay, '') as broker_id
from events
window account_replay as (
    partition by account_id order by actionts, action_number, account_number
);

insert into gold.dim_account
with last_of_the_day as (
    select *
    from account_state
    qualify row_number() over (
        partition by account_id, effective_date
        order by actionts desc, action_number desc, account_number desc
    ) = 1
),

version as (
    select
        *,
        lead(effective_date, 1, end_of_time())
            over (partition by account_id order by effective_date) as end_date
    from last_of_the_day
)

select
    row_number() over (order by version.account_id, version.effective_date),
    version.account_id, broker.sk_broker_id, customer.sk_customer_id, version.status,
    version.account_desc, version.tax_status::integer,
    version.end_date = end_of_time(), batch_id(), version.effective_date, version.end_date
from version
left join gold.dim_broker as broker
    on broker.broker_id = version.broker_id::bigint
    and broker.effective_date <= version.effective_date
    and version.effective_date < broker.end_date
left join gold.dim_customer as customer
    on customer.customer_id = version.customer_id
    and customer.effective_date <= version.effective_date
    and version.effective_date < customer.end_date;
