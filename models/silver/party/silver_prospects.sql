{{ config(unique_key='agency_id') }}

{% set attributes = [
    'last_name', 'first_name', 'middle_initial', 'gender', 'address_line1', 'address_line2',
    'postal_code', 'city', 'state', 'country', 'phone', 'income', 'number_cars', 'number_children',
    'marital_status', 'age', 'credit_rating', 'own_or_rent_flag', 'employer', 'number_credit_cards',
    'net_worth', 'marketing_nameplate',
] %}
with listed as (

    select * from {{ ref('bronze_brokerage__prospect') }}

),

images as (

    select * from {{ ref('silver_prospect_changes') }}

),

customers as (

    select * from {{ ref('silver_customers') }}

),

batches as (

    select * from {{ looked_up('bronze_batches') }}

),

last_listed as (

    {{ last_batch_of_each('listed', 'agencyid', 'agency_id') }}

),

current_images as (

    select *
    from images
    qualify row_number() over (partition by agency_id order by batch_id desc) = 1

),

active_customers as (

    select distinct match_key
    from customers
    where is_current and status = 'Active'

),

prospects as (

    select
        current_images.*,
        update_batches.batch_date as update_date,
        record_batches.batch_date as record_date,
        record_batches.batch_id as record_batch_id,
        active_customers.match_key is not null as is_customer
    from current_images
    inner join last_listed
        on current_images.agency_id = last_listed.agency_id
    inner join batches as update_batches
        on current_images.batch_id = update_batches.batch_id
    inner join batches as record_batches
        on last_listed.batch_id = record_batches.batch_id
    left join active_customers
        on current_images.match_key = active_customers.match_key

)

select
    prospects.agency_id,
    cast({{ date_key('prospects.record_date') }} as bigint) as sk_record_date_id,
    cast({{ date_key('prospects.update_date') }} as bigint) as sk_update_date_id,
    prospects.record_batch_id as batch_id,
    prospects.is_customer,
    {%- for attribute in attributes %}
    prospects.{{ attribute }}{{ ',' if not loop.last }}
    {%- endfor %}
from prospects
where
    {% call is_touched('prospects.agency_id', {'last_listed': 'agency_id'}, 'agency_id') %}
        select prospects.agency_id
        from prospects
        inner join {{ this }} as stored
            on prospects.agency_id = stored.agency_id
        where prospects.is_customer is distinct from stored.is_customer
    {% endcall %}
