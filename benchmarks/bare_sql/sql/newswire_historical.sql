-- Batch 1: companies, securities and quarterly results from the newswire's archive.

create temp table company_version as
with last_of_the_day as (
    select *, strptime(left(posted_at, 8), '%Y%m%d')::date as effective_date
    from company_records()
    qualify row_number() over (
        partition by company_id, effective_date order by posted_at desc, position desc
    ) = 1
),

-- A record that repeats the one before it is no version.
changed as (
    select *
    from last_of_the_day
    window by_day as (partition by company_id order by effective_date)
    qualify row_number() over by_day = 1 or content is distinct from lag(content) over by_day
)

select
    * exclude (posted_at, position),
    lead(effective_date, 1, end_of_time())
        over (partition by company_id order by effective_date) as end_date
from changed;

insert into gold.dim_company
select
    row_number() over (order by version.company_id, version.effective_date),
    version.company_id, status_type.st_name, version.name, industry.in_name,
    if(has_legal_rating, rating, null),
    if(has_legal_rating, not (starts_with(rating, 'A') or starts_with(rating, 'BBB')), null),
    ceo, address_line1, address_line2, postal_code, city, state_prov, country, description,
    strptime(founded_on, '%Y%m%d')::date,
    end_date = end_of_time(), batch_id(), effective_date, end_date
from company_version as version
left join gold.status_type on status_type.st_id = version.status_code
left join gold.industry on industry.in_id = version.industry_code;

insert into gold.di_messages
select
    utc_now(), batch_id(), 'DimCompany', 'Invalid SPRating', 'Alert',
    'CO_ID = ' || company_id || ', CO_SP_RATE = ' || coalesce(rating, '')
from company_version
where not has_legal_rating;

-- A company by its number and by its name, unless the name looks like a number.
create temp view company_reference as
select company_id::varchar as reference, company_id, sk_company_id, effective_date, end_date
from gold.dim_company
union all
select name, company_id, sk_company_id, effective_date, end_date
from gold.dim_company
where not regexp_full_match(name, '[0-9]+');

create temp table security_version as
with last_of_the_day as (
    select *, strptime(left(posted_at, 8), '%Y%m%d')::date as effective_date
    from security_records()
    qualify row_number() over (
        partition by symbol, effective_date order by posted_at desc, position desc
    ) = 1
)

select
    *,
    lead(effective_date, 1, end_of_time())
        over (partition by symbol order by effective_date) as end_date
from last_of_the_day;

-- Every version of the issuer that is valid during a security's version splits it.
insert into gold.dim_security
with issued as (
    select version.*, issuer.company_id
    from security_version as version
    left join company_reference as issuer
        on issuer.reference = version.reference
        and issuer.effective_date <= version.effective_date
        and version.effective_date < issuer.end_date
),

split as (
    select
        issued.* exclude (effective_date, end_date),
        company.sk_company_id,
        greatest(issued.effective_date, company.effective_date) as effective_date,
        least(issued.end_date, company.end_date) as end_date
    from issued
    left join gold.dim_company as company
        on company.company_id = issued.company_id
        and company.effective_date < issued.end_date
        and issued.effective_date < company.end_date
)

select
    row_number() over (order by symbol, effective_date),
    symbol, issue, status_type.st_name, name, exchange_id, sk_company_id, shares_outstanding,
    first_trade, first_trade_on_exchange, dividend,
    end_date = end_of_time(), batch_id(), effective_date, end_date
from split
left join gold.status_type on status_type.st_id = split.status_code;

insert into gold.financial
select
    company.sk_company_id, year, quarter, quarter_start, revenue, earnings, basic_eps, diluted_eps,
    margin, inventory, assets, liability, basic_shares, diluted_shares
from result_records() as records
left join company_reference as company
    on company.reference = records.reference
    and company.effective_date <= records.posted_on
    and records.posted_on < company.end_date;
