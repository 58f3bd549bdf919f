-- Batch 1: companies, securities and quarterly results from the newswire's fixed-width records.

create temp table company_version as
with records as (
    select
        substr(line, 1, 15) as posted_at,
        rowid as position,
        substr(line, 79, 10)::bigint as company_id,
        strptime(substr(line, 1, 8), '%Y%m%d')::date as effective_date,
        nullif(trim(substr(line, 19, 60)), '') as name,
        nullif(trim(substr(line, 89, 4)), '') as status_code,
        nullif(trim(substr(line, 93, 2)), '') as industry_code,
        nullif(trim(substr(line, 95, 4)), '') as rating,
        nullif(trim(substr(line, 99, 8)), '') as founded_on,
        nullif(trim(substr(line, 107, 80)), '') as address_line1,
        nullif(trim(substr(line, 187, 80)), '') as address_line2,
        nullif(trim(substr(line, 267, 12)), '') as postal_code,
        nullif(trim(substr(line, 279, 25)), '') as city,
        nullif(trim(substr(line, 304, 20)), '') as state_prov,
        nullif(trim(substr(line, 324, 24)), '') as country,
        nullif(trim(substr(line, 348, 46)), '') as ceo,
        nullif(trim(substr(line, 394, 150)), '') as description
    from finwire
    where substr(line, 16, 3) = 'CMP'
),

last_of_the_day as (
    select
        *,
        row(
            name, status_code, industry_code, rating, founded_on, address_line1, address_line2,
            postal_code, city, state_prov, country, ceo, description
        ) as content
    from records
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
    * exclude (content),
    rating in (
        'AAA', 'AA+', 'AA', 'AA-', 'A+', 'A', 'A-', 'BBB+', 'BBB', 'BBB-', 'BB+', 'BB', 'BB-',
        'B+', 'B', 'B-', 'CCC+', 'CCC', 'CCC-', 'CC', 'C', 'D'
    ) is true as has_legal_rating,
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

-- A reference of digits alone is a company's number, anything else is its name.
create temp table company_reference as
select company_id::varchar as reference, company_id, sk_company_id, effective_date, end_date
from gold.dim_company
union all
select name, company_id, sk_company_id, effective_date, end_date
from gold.dim_company
where not regexp_full_match(name, '[0-9]+');

create temp macro normal_reference(reference) as
    if(regexp_full_match(reference, '[0-9]+'), reference::bigint::varchar, reference);

create temp table security_version as
with records as (
    select
        substr(line, 1, 15) as posted_at,
        rowid as position,
        trim(substr(line, 19, 15)) as symbol,
        strptime(substr(line, 1, 8), '%Y%m%d')::date as effective_date,
        trim(substr(line, 34, 6)) as issue,
        trim(substr(line, 40, 4)) as status_code,
        nullif(trim(substr(line, 44, 70)), '') as name,
        trim(substr(line, 114, 6)) as exchange_id,
        trim(substr(line, 120, 13))::bigint as shares_outstanding,
        strptime(substr(line, 133, 8), '%Y%m%d')::date as first_trade,
        strptime(substr(line, 141, 8), '%Y%m%d')::date as first_trade_on_exchange,
        trim(substr(line, 149, 12))::decimal(10, 2) as dividend,
        normal_reference(trim(substr(line, 161))) as reference
    from finwire
    where substr(line, 16, 3) = 'SEC'
),

last_of_the_day as (
    select *
    from records
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
with records as (
    select
        strptime(substr(line, 1, 8), '%Y%m%d')::date as posted_on,
        normal_reference(trim(substr(line, 187))) as reference,
        line
    from finwire
    where substr(line, 16, 3) = 'FIN'
)

select
    company.sk_company_id,
    substr(line, 19, 4)::integer, substr(line, 23, 1)::integer,
    strptime(substr(line, 24, 8), '%Y%m%d')::date,
    trim(substr(line, 40, 17))::decimal(15, 2), trim(substr(line, 57, 17))::decimal(15, 2),
    trim(substr(line, 74, 12))::decimal(10, 2), trim(substr(line, 86, 12))::decimal(10, 2),
    trim(substr(line, 98, 12))::decimal(10, 2), trim(substr(line, 110, 17))::decimal(15, 2),
    trim(substr(line, 127, 17))::decimal(15, 2), trim(substr(line, 144, 17))::decimal(15, 2),
    trim(substr(line, 161, 13))::bigint, trim(substr(line, 174, 13))::bigint
from records
left join company_reference as company
    on company.reference = records.reference
    and company.effective_date <= records.posted_on
    and records.posted_on < company.end_date;

-- Earnings of the four quarters before a quarter, by company: what PERatio divides by.
create temp table trailing_earnings as
with quarters as (
    select
        company.company_id,
        financial.fi_basic_eps,
        unnest([
            financial.fi_qtr_start_date + interval 3 months,
            financial.fi_qtr_start_date + interval 6 months,
            financial.fi_qtr_start_date + interval 9 months,
            financial.fi_qtr_start_date + interval 12 months
        ])::date as quarter_start
    from gold.financial
    inner join gold.dim_company as company on company.sk_company_id = financial.sk_company_id
    -- The oldest price is the first one of batch 1.
    where financial.fi_qtr_start_date >= (
        select date_trunc('quarter', min(dm_date)::date) - interval 12 months
        from daily_market
    )
)

select company_id, quarter_start, sum(cents(fi_basic_eps))::bigint as earnings_cents
from quarters
group by company_id, quarter_start;
