-- A daily batch: full images of changed customers and accounts, and what follows from them.

create or replace temp table customer_image as
select
    c_id as customer_id, c_tax_id as tax_id, status_type.st_name as status,
    c_l_name as last_name, c_f_name as first_name, c_m_name as middle_initial,
    gender_letter(c_gndr) as gender, c_tier as tier, c_dob as dob,
    c_adline1 as address_line1, c_adline2 as address_line2, c_zipcode as postal_code,
    c_city as city, c_state_prov as state_prov, c_ctry as country,
    phone_number(c_ctry_1, c_area_1, c_local_1, c_ext_1) as phone1,
    phone_number(c_ctry_2, c_area_2, c_local_2, c_ext_2) as phone2,
    phone_number(c_ctry_3, c_area_3, c_local_3, c_ext_3) as phone3,
    c_email_1 as email1, c_email_2 as email2,
    national_tax.tx_name as national_tax_rate_desc, national_tax.tx_rate as national_tax_rate,
    local_tax.tx_name as local_tax_rate_desc, local_tax.tx_rate as local_tax_rate
from customer as delivered
left join gold.status_type on status_type.st_id = delivered.c_st_id
left join gold.tax_rate as national_tax on national_tax.tx_id = delivered.c_nat_tx_id
left join gold.tax_rate as local_tax on local_tax.tx_id = delivered.c_lcl_tx_id
qualify row_number() over (partition by delivered.c_id order by delivered.cdc_dsn desc) = 1;

-- A customer without an image gets a version when his prospect's demographics moved.
create or replace temp table customer_version as
with unchanged as (
    select
        customer_id, tax_id, status, last_name, first_name, middle_initial, gender, tier, dob,
        address_line1, address_line2, postal_code, city, state_prov, country,
        phone1, phone2, phone3, email1, email2, national_tax_rate_desc, national_tax_rate,
        local_tax_rate_desc, local_tax_rate,
        row(agency_id, credit_rating, net_worth, marketing_nameplate) as known_demographics
    from gold.dim_customer
    where is_current and customer_id not in (select customer_id from customer_image)
),

candidates as (
    select *, true as has_image from customer_image
    union all by name
    select *, false as has_image from unchanged
),

keyed as (
    select
        *,
        match_key(first_name, last_name, address_line1, address_line2, postal_code) as match_key
    from candidates
)

select keyed.* exclude (match_key, known_demographics), demographics.* exclude (match_key)
from keyed
left join demographics on demographics.match_key = keyed.match_key
where
    has_image
    or known_demographics is distinct from row(
        demographics.agency_id, demographics.credit_rating, demographics.net_worth,
        demographics.marketing_nameplate
    );

insert into gold.di_messages
select
    utc_now(), batch_id(), 'DimCustomer', 'Invalid customer tier', 'Alert',
    'C_ID = ' || customer_id || ', C_TIER = ' || coalesce(tier::varchar, '')
from customer_image
where tier is null or tier not in (1, 2, 3)
union all
select
    utc_now(), batch_id(), 'DimCustomer', 'DOB out of range', 'Alert',
    'C_ID = ' || customer_id || ', C_DOB = ' || dob
from customer_image
where dob < batch_date() - interval 100 years or dob > batch_date();

-- Customers whose active version ends in an inactive one today close their accounts.
create or replace temp table customer_closed as
select version.customer_id
from customer_version as version
left join gold.dim_customer as known
    on known.customer_id = version.customer_id and known.is_current
where version.status = 'Inactive' and known.status is distinct from 'Inactive';

update gold.dim_customer
set is_current = false, end_date = batch_date()
where is_current and customer_id in (select customer_id from customer_version);

insert into gold.dim_customer
select
    (select max(sk_customer_id) from gold.dim_customer) + row_number() over (order by customer_id),
    customer_id, tax_id, status, last_name, first_name, middle_initial, gender, tier, dob,
    address_line1, address_line2, postal_code, city, state_prov, country,
    phone1, phone2, phone3, email1, email2, national_tax_rate_desc, national_tax_rate,
    local_tax_rate_desc, local_tax_rate,
    agency_id, credit_rating, net_worth, marketing_nameplate,
    true, batch_id(), batch_date(), end_of_time()
from customer_version;

-- An account without an image follows its owner and its broker.
create or replace temp table account_version as
with images as (
    select
        ca_id as account_id, ca_c_id as customer_id, ca_name as account_desc,
        ca_tax_st as tax_status, status_type.st_name as status, broker.sk_broker_id
    from account as delivered
    left join gold.status_type on status_type.st_id = delivered.ca_st_id
    left join gold.dim_broker as broker
        on broker.broker_id = delivered.ca_b_id and broker.is_current
    qualify row_number() over (
        partition by delivered.ca_id order by delivered.cdc_dsn desc
    ) = 1
),

cascades as (
    select
        account.account_id, former_owner.customer_id, account.account_desc, account.tax_status,
        if(owner.status = 'Inactive', 'Inactive', account.status) as status,
        broker.sk_broker_id
    from gold.dim_account as account
    inner join gold.dim_customer as former_owner
        on former_owner.sk_customer_id = account.sk_customer_id
    left join customer_version as owner on owner.customer_id = former_owner.customer_id
    inner join gold.dim_broker as former_broker
        on former_broker.sk_broker_id = account.sk_broker_id
    inner join gold.dim_broker as broker
        on broker.broker_id = former_broker.broker_id and broker.is_current
    where
        account.is_current
        and (owner.customer_id is not null or broker.sk_broker_id <> account.sk_broker_id)
        and account.account_id not in (select account_id from images)
)

select
    account_id, customer_id, account_desc, tax_status, sk_broker_id,
    if(customer_id in (select customer_id from customer_closed), 'Inactive', status) as status
from images
union all
select account_id, customer_id, account_desc, tax_status, sk_broker_id, status
from cascades;

update gold.dim_account
set is_current = false, end_date = batch_date()
where is_current and account_id in (select account_id from account_version);

insert into gold.dim_account
select
    (select max(sk_account_id) from gold.dim_account)
    + row_number() over (order by version.account_id),
    version.account_id, version.sk_broker_id, customer.sk_customer_id, version.status,
    version.account_desc, version.tax_status,
    true, batch_id(), batch_date(), end_of_time()
from account_version as version
left join gold.dim_customer as customer
    on customer.customer_id = version.customer_id and customer.is_current;
