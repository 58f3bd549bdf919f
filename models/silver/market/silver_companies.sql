{#
    Companies that the newswire wrote about in the batches that are built: their whole history is replayed. A record starts a version on
    its day of posting in the historical batch, on the batch's day later; of several records of a company and day
    the last one counts, and one that repeats the version before it starts none.
#}
{{ config(unique_key='company_id') }}

with company_records as (

    select
        records.*,
        {{ business_day('records.batch_id', 'records.pts', 'batches.batch_date') }} as effective_date
    from {{ ref('bronze_brokerage__finwire_cmp') }} as records
    inner join {{ looked_up('bronze_batches') }} as batches
        on records.batch_id = batches.batch_id
    where records.batch_id <= {{ last_batch() }}

),

touched_records as (

    select *
    from company_records
    where {{ is_touched('cik', {'company_records': 'cik'}, 'company_id') }}

),

last_of_day as (

    select
        *,
        -- Everything but the time of posting: what makes a version.
        row(
            companyname, status, industryid, sprating, foundingdate, addrline1, addrline2,
            postalcode, city, stateprovince, country, ceoname, description
        ) as content
    from touched_records
    qualify row_number() over (
        partition by cik, effective_date
        order by batch_id desc, pts desc, source_file desc, source_line desc
    ) = 1

),

changes as (

    select *
    from last_of_day
    qualify content is distinct from lag(content) over (partition by cik order by effective_date)

),

versions as (

    select
        changes.cik as company_id,
        status_types.st_name as status,
        changes.companyname as name,
        industries.in_name as industry,
        legal_ratings.rating as sp_rating,
        legal_ratings.is_low_grade,
        changes.ceoname as ceo,
        changes.addrline1 as address_line1,
        changes.addrline2 as address_line2,
        changes.postalcode as postal_code,
        changes.city,
        changes.stateprovince as state_prov,
        changes.country,
        changes.description,
        changes.foundingdate as founding_date,
        changes.sprating as announced_rating,
        changes.batch_id,
        changes.effective_date,
        lead(changes.effective_date, 1, {{ end_of_time() }}) over (
            partition by changes.cik order by changes.effective_date
        ) as end_date
    from changes
    left join {{ ref('silver_status_types') }} as status_types
        on changes.status = status_types.st_id
    left join {{ ref('silver_industries') }} as industries
        on changes.industryid = industries.in_id
    left join {{ ref('legal_ratings') }} as legal_ratings
        on changes.sprating = legal_ratings.rating

),

keyed as (

    {{ keyed_versions('versions', 'sk_company_id', 'company_id') }}

)

select
    sk_company_id,
    company_id,
    status,
    name,
    industry,
    sp_rating,
    is_low_grade,
    announced_rating,
    ceo,
    address_line1,
    address_line2,
    postal_code,
    city,
    state_prov,
    country,
    description,
    founding_date,
    end_date = {{ end_of_time() }} as is_current,
    batch_id,
    effective_date,
    end_date
from keyed
