-- The newswire's three kinds of fixed-width records, typed; `finwire` is the batch's own.

-- A reference of digits alone is a company's number, anything else is its name.
create temp macro normal_reference(reference) as
    if(regexp_full_match(reference, '[0-9]+'), reference::bigint::varchar, reference);

create temp macro company_records() as table
with fields as (
    select
        substr(line, 1, 15) as posted_at,
        rowid as position,
        substr(line, 79, 10)::bigint as company_id,
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
)

select
    *,
    struct_pack(
        name, status_code, industry_code, rating, founded_on, address_line1, address_line2,
        postal_code, city, state_prov, country, ceo, description
    ) as content,
    rating in (
        'AAA', 'AA+', 'AA', 'AA-', 'A+', 'A', 'A-', 'BBB+', 'BBB', 'BBB-', 'BB+', 'BB', 'BB-',
        'B+', 'B', 'B-', 'CCC+', 'CCC', 'CCC-', 'CC', 'C', 'D'
    ) is true as has_legal_rating
from fields;

create temp macro security_records() as table
select
    substr(line, 1, 15) as posted_at,
    rowid as position,
    trim(substr(line, 19, 15)) as symbol,
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
where substr(line, 16, 3) = 'SEC';

create temp macro result_records() as table
select
    strptime(substr(line, 1, 8), '%Y%m%d')::date as posted_on,
    normal_reference(trim(substr(line, 187))) as reference,
    substr(line, 19, 4)::integer as year, substr(line, 23, 1)::integer as quarter,
    strptime(substr(line, 24, 8), '%Y%m%d')::date as quarter_start,
    trim(substr(line, 40, 17))::decimal(15, 2) as revenue,
    trim(substr(line, 57, 17))::decimal(15, 2) as earnings,
    trim(substr(line, 74, 12))::decimal(10, 2) as basic_eps,
    trim(substr(line, 86, 12))::decimal(10, 2) as diluted_eps,
    trim(substr(line, 98, 12))::decimal(10, 2) as margin,
    trim(substr(line, 110, 17))::decimal(15, 2) as inventory,
    trim(substr(line, 127, 17))::decimal(15, 2) as assets,
    trim(substr(line, 144, 17))::decimal(15, 2) as liability,
    trim(substr(line, 161, 13))::bigint as basic_shares,
    trim(substr(line, 174, 13))::bigint as diluted_shares
from finwire
where substr(line, 16, 3) = 'FIN';
