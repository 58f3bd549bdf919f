{{ config(unique_key='customer_id') }}

{% set prospect_attributes = ['agency_id', 'credit_rating', 'net_worth', 'marketing_nameplate'] %}
{% set open_end = 2147483647 %}
with batches as (

    select * from {{ looked_up('bronze_batches') }}

),

all_states as (

    -- An update of a customer nobody created has no status and makes no version.
    select
        batch_id,
        customer_id,
        effective_date,
        status,
        match_key
    from {{ ref('silver_customer_states') }}
    where status is not null

),

prospects as (

    select
        batch_id,
        match_key,
        {{ prospect_attributes | join(', ') }}
    from {{ ref('silver_prospect_changes') }}

),

states as (

    select
        *,
        row_number() over (
            partition by customer_id, batch_id order by effective_date desc
        ) = 1 as is_last_of_batch
    from all_states
    where
        {% call is_touched('customer_id', {'all_states': 'customer_id'}, 'customer_id') %}
            select customer_id
            from all_states
            where match_key in (
                select match_key
                from prospects
                where agency_id in (select agency_id from prospects where {{ in_batch_window() }})
            )
        {% endcall %}

),

-- Batches from one state (or image of a prospect) up to, and without, the batch of the next.
state_ranges as (

    select
        customer_id,
        match_key,
        batch_id as from_batch,
        lead(batch_id, 1, {{ open_end }}) over (
            partition by customer_id order by batch_id
        ) as to_batch
    from states
    where is_last_of_batch

),

prospect_ranges as (

    select
        *,
        batch_id as from_batch,
        lead(batch_id, 1, {{ open_end }}) over (
            partition by agency_id order by batch_id
        ) as to_batch
    from prospects
    where
        agency_id in (
            select prospects.agency_id from prospects inner join state_ranges using (match_key)
        )

),

matches as (

    select
        state_ranges.customer_id,
        greatest(state_ranges.from_batch, prospect_ranges.from_batch) as from_batch,
        least(state_ranges.to_batch, prospect_ranges.to_batch) as to_batch,
        state_ranges.to_batch as state_to_batch,
        {%- for attribute in prospect_attributes %}
        prospect_ranges.{{ attribute }}{{ ',' if not loop.last }}
        {%- endfor %}
    from state_ranges
    inner join prospect_ranges
        on
            state_ranges.match_key = prospect_ranges.match_key
            and state_ranges.from_batch < prospect_ranges.to_batch
            and prospect_ranges.from_batch < state_ranges.to_batch

),

-- Between two of these batches neither the customer's key nor a prospect with that key changes.
turning_points as (

    select customer_id, from_batch as batch_id from state_ranges
    union
    select customer_id, from_batch from matches
    union
    select customer_id, to_batch from matches where to_batch < state_to_batch

),

-- Two prospects that are the same person by the key: the first by agency counts.
match_at_turning_point as (

    select
        turning_points.customer_id,
        turning_points.batch_id,
        {%- for attribute in prospect_attributes %}
        matches.{{ attribute }}{{ ',' if not loop.last }}
        {%- endfor %}
    from turning_points
    inner join matches
        on
            turning_points.customer_id = matches.customer_id
            and turning_points.batch_id >= matches.from_batch
            and turning_points.batch_id < matches.to_batch
    qualify row_number() over (
        partition by turning_points.customer_id, turning_points.batch_id order by matches.agency_id
    ) = 1

),

compared as (

    select
        turning_points.customer_id,
        turning_points.batch_id,
        {%- for attribute in prospect_attributes %}
        match_at_turning_point.{{ attribute }},
        {%- endfor %}
        {%- for attribute in prospect_attributes %}
        match_at_turning_point.{{ attribute }}
            is distinct from lag(match_at_turning_point.{{ attribute }}) over by_batch
            {{- ' or' if not loop.last }}
        {%- endfor %} as has_other_match
    from turning_points
    left join match_at_turning_point
        on
            turning_points.customer_id = match_at_turning_point.customer_id
            and turning_points.batch_id = match_at_turning_point.batch_id
    window by_batch as (partition by turning_points.customer_id order by turning_points.batch_id)

),

matched as (

    -- Of several states of a batch only the last one is matched.
    select
        states.batch_id,
        states.customer_id,
        states.effective_date,
        states.effective_date as state_date,
        states.status,
        states.match_key,
        {%- for attribute in prospect_attributes %}
        compared.{{ attribute }},
        {%- endfor %}
        false as is_prospect_driven
    from states
    left join compared
        on
            states.customer_id = compared.customer_id
            and case when states.is_last_of_batch then states.batch_id end = compared.batch_id

    union all

    select
        compared.batch_id,
        compared.customer_id,
        batches.batch_date as effective_date,
        states.effective_date as state_date,
        states.status,
        states.match_key,
        {%- for attribute in prospect_attributes %}
        compared.{{ attribute }},
        {%- endfor %}
        true as is_prospect_driven
    from compared
    inner join batches
        on compared.batch_id = batches.batch_id
    inner join state_ranges
        on
            compared.customer_id = state_ranges.customer_id
            and compared.batch_id > state_ranges.from_batch
            and compared.batch_id < state_ranges.to_batch
    inner join states
        on
            state_ranges.customer_id = states.customer_id
            and state_ranges.from_batch = states.batch_id
            and states.is_last_of_batch
    where compared.has_other_match

),

versions as (

    select
        *,
        status = 'Inactive' and lag(status, 1, '') over by_day <> 'Inactive' as becomes_inactive,
        status <> 'Inactive' and lag(status, 1, '') over by_day = 'Inactive' as becomes_active_again,
        lead(effective_date, 1, {{ end_of_time() }}) over by_day as end_date
    from matched
    window by_day as (partition by customer_id order by effective_date)

),

keyed as (

    {{ keyed_versions('versions', 'sk_customer_id', 'customer_id') }}

)

select
    keyed.sk_customer_id,
    keyed.customer_id,
    keyed.state_date,
    keyed.match_key,
    person.tax_id,
    keyed.status,
    person.last_name,
    person.first_name,
    person.middle_initial,
    person.gender,
    person.tier,
    person.dob,
    person.address_line1,
    person.address_line2,
    person.postal_code,
    person.city,
    person.state_prov,
    person.country,
    person.phone1,
    person.phone2,
    person.phone3,
    person.email1,
    person.email2,
    national_tax_rates.tx_name as national_tax_rate_desc,
    national_tax_rates.tx_rate as national_tax_rate,
    local_tax_rates.tx_name as local_tax_rate_desc,
    local_tax_rates.tx_rate as local_tax_rate,
    {%- for attribute in prospect_attributes %}
    keyed.{{ attribute }},
    {%- endfor %}
    keyed.is_prospect_driven,
    keyed.becomes_inactive,
    keyed.becomes_active_again,
    keyed.end_date = {{ end_of_time() }} as is_current,
    keyed.batch_id,
    keyed.effective_date,
    keyed.end_date
from keyed
inner join {{ ref('silver_customer_states') }} as person
    on
        keyed.customer_id = person.customer_id
        and keyed.state_date = person.effective_date
left join {{ ref('silver_tax_rates') }} as national_tax_rates
    on person.national_tax_id = national_tax_rates.tx_id
left join {{ ref('silver_tax_rates') }} as local_tax_rates
    on person.local_tax_id = local_tax_rates.tx_id
