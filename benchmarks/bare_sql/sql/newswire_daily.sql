-- A daily batch with newswire: new versions start on the batch's day.

create or replace temp table company_change as
with last_of_the_day as (
    select *
    from company_records()
    qualify row_number() over (
        partition by company_id order by posted_at desc, position desc
    ) = 1
),

known as (
    select company_id, content
    from company_version
    qualify row_number() over (partition by company_id order by effective_date desc) = 1
)

select
    last_of_the_day.* exclude (posted_at, position),
    batch_date() as effective_date, end_of_time() as end_date
from last_of_the_day
left join known on known.company_id = last_of_the_day.company_id
where known.company_id is null or last_of_the_day.content is distinct from known.content;

insert into company_version by name select * from company_change;

update gold.dim_company
set is_current = false, end_date = batch_date()
where is_current and company_id in (select company_id from company_change);

insert into gold.dim_company
select
    (select max(sk_company_id) from gold.dim_company)
    + row_number() over (order by change.company_id),
    change.company_id, status_type.st_name, change.name, industry.in_name,
    if(has_legal_rating, rating, null),
    if(has_legal_rating, not (starts_with(rating, 'A') or starts_with(rating, 'BBB')), null),
    ceo, address_line1, address_line2, postal_code, city, state_prov, country, description,
    strptime(founded_on, '%Y%m%d')::date,
    true, batch_id(), effective_date, end_date
from company_change as change
left join gold.status_type on status_type.st_id = change.status_code
left join gold.industry on industry.in_id = change.industry_code;

insert into gold.di_messages
select
    utc_now(), batch_id(), 'DimCompany', 'Invalid SPRating', 'Alert',
    'CO_ID = ' || company_id || ', CO_SP_RATE = ' || coalesce(rating, '')
from company_change
where not has_legal_rating;

-- A security changes by its own record or because its issuer changed.
create or replace temp table security_change as
with last_of_the_day as (
    select *
    from security_records()
    qualify row_number() over (partition by symbol order by posted_at desc, position desc) = 1
),

announced as (
    select
        symbol, issue, status_type.st_name as status, name, exchange_id, issuer.sk_company_id,
        shares_outstanding, first_trade, first_trade_on_exchange, dividend
    from last_of_the_day
    left join gold.status_type on status_type.st_id = last_of_the_day.status_code
    left join company_reference as issuer
        on issuer.reference = last_of_the_day.reference
        and issuer.effective_date <= batch_date()
        and batch_date() < issuer.end_date
)

select * from announced
union all by name
select
    security.symbol, security.issue, security.status, security.name, security.exchange_id,
    issuer.sk_company_id, security.shares_outstanding, security.first_trade,
    security.first_trade_on_exchange, security.dividend
from gold.dim_security as security
inner join gold.dim_company as former on former.sk_company_id = security.sk_company_id
inner join gold.dim_company as issuer
    on issuer.company_id = former.company_id
    and issuer.is_current
    and issuer.sk_company_id <> former.sk_company_id
where security.is_current and security.symbol not in (select symbol from announced);

update gold.dim_security
set is_current = false, end_date = batch_date()
where is_current and symbol in (select symbol from security_change);

insert into gold.dim_security
select
    (select max(sk_security_id) from gold.dim_security) + row_number() over (order by symbol),
    symbol, issue, status, name, exchange_id, sk_company_id, shares_outstanding, first_trade,
    first_trade_on_exchange, dividend, true, batch_id(), batch_date(), end_of_time()
from security_change;

insert into gold.financial
select
    company.sk_company_id, year, quarter, quarter_start, revenue, earnings, basic_eps, diluted_eps,
    margin, inventory, assets, liability, basic_shares, diluted_shares
from result_records() as records
left join company_reference as company
    on company.reference = records.reference
    and company.effective_date <= batch_date()
    and batch_date() < company.end_date;
