{% set attributes = [
    'last_name', 'first_name', 'middle_initial', 'gender', 'address_line1', 'address_line2',
    'postal_code', 'city', 'state', 'country', 'phone', 'income', 'number_cars', 'number_children',
    'marital_status', 'age', 'credit_rating', 'own_or_rent_flag', 'employer', 'number_credit_cards', 'net_worth',
] %}
with listed as (

    select * from {{ ref('bronze_brokerage__prospect') }}

),

nameplate_rules as (

    select * from {{ ref('nameplate_rules') }}

),

delivered as (

    select
        batch_id,
        agencyid as agency_id,
        lastname as last_name,
        firstname as first_name,
        middleinitial as middle_initial,
        gender,
        addressline1 as address_line1,
        addressline2 as address_line2,
        postalcode as postal_code,
        city,
        state,
        country,
        phone,
        income,
        numbercars as number_cars,
        numberchildren as number_children,
        maritalstatus as marital_status,
        age,
        creditrating as credit_rating,
        ownorrentflag as own_or_rent_flag,
        employer,
        numbercreditcards as number_credit_cards,
        networth as net_worth
    from listed
    where {{ in_batch_window() }}

),

changed as (

    {{ changed_images('delivered', 'agency_id', attributes) }}

),

-- A tag is earned by any of its alternatives, an alternative by all of its conditions; an unknown
-- value keeps none.
earned_tags as (

    select distinct
        batch_id,
        agency_id,
        tag_order,
        tag
    from (
        select
            changed.batch_id,
            changed.agency_id,
            nameplate_rules.tag_order,
            nameplate_rules.tag,
            nameplate_rules.above,
            nameplate_rules.below,
            nameplate_rules.alternative,
            case nameplate_rules.attribute
                when 'net_worth' then changed.net_worth
                when 'income' then changed.income
                when 'number_children' then changed.number_children
                when 'number_credit_cards' then changed.number_credit_cards
                when 'number_cars' then changed.number_cars
                when 'credit_rating' then changed.credit_rating
                when 'age' then changed.age
            end as attribute_value
        from changed
        cross join nameplate_rules
    ) as compared
    group by batch_id, agency_id, tag_order, tag, alternative
    having bool_and(
        attribute_value is not null
        and (above is null or attribute_value > above)
        and (below is null or attribute_value < below)
    )

),

nameplates as (

    select
        batch_id,
        agency_id,
        string_agg(tag, '+' order by tag_order) as marketing_nameplate
    from earned_tags
    group by batch_id, agency_id

)

select
    changed.batch_id,
    changed.agency_id,
    {%- for attribute in attributes %}
    changed.{{ attribute }},
    {%- endfor %}
    nameplates.marketing_nameplate,
    {{ match_key(
        'changed.first_name', 'changed.last_name', 'changed.address_line1',
        'changed.address_line2', 'changed.postal_code'
    ) }} as match_key,
    changed.is_new
from changed
left join nameplates
    on
        changed.batch_id = nameplates.batch_id
        and changed.agency_id = nameplates.agency_id
