{{ config(unique_key='customer_id') }}

with customers as (

    select * from {{ ref('silver_customers') }}

),

customer_states as (

    select * from {{ ref('silver_customer_states') }}

),

tax_rates as (

    select * from {{ ref('tax_rate') }}

),

versions as (

    select *
    from customers
    where {{ is_touched('customer_id', {'customers': 'customer_id'}, 'customer_id') }}

),

keyed as (

    {{ keyed_versions('versions', 'sk_customer_id', 'customer_id') }}

)

select
    keyed.sk_customer_id,
    keyed.customer_id,
    customer_states.tax_id,
    keyed.status,
    customer_states.last_name,
    customer_states.first_name,
    customer_states.middle_initial,
    customer_states.gender,
    customer_states.tier,
    customer_states.dob,
    customer_states.address_line1,
    customer_states.address_line2,
    customer_states.postal_code,
    customer_states.city,
    customer_states.state_prov,
    customer_states.country,
    customer_states.phone1,
    customer_states.phone2,
    customer_states.phone3,
    customer_states.email1,
    customer_states.email2,
    national_tax_rates.tx_name as national_tax_rate_desc,
    national_tax_rates.tx_rate as national_tax_rate,
    local_tax_rates.tx_name as local_tax_rate_desc,
    local_tax_rates.tx_rate as local_tax_rate,
    keyed.agency_id,
    keyed.credit_rating,
    keyed.net_worth,
    keyed.marketing_nameplate,
    keyed.is_current,
    keyed.batch_id,
    keyed.effective_date,
    keyed.end_date
from keyed
inner join customer_states
    on
        keyed.customer_id = customer_states.customer_id
        and keyed.state_date = customer_states.effective_date
left join tax_rates as national_tax_rates
    on customer_states.national_tax_id = national_tax_rates.tx_id
left join tax_rates as local_tax_rates
    on customer_states.local_tax_id = local_tax_rates.tx_id
