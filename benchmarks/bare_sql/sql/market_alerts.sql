-- Every batch: prices of a company without results in the four quarters before.

insert into gold.di_messages
select
    utc_now(), batch_id(), 'FactMarketHistory', 'No earnings for company', 'Alert',
    'DM_S_SYMB = ' || security.symbol
from gold.fact_market_history as price
inner join gold.dim_date as day on day.sk_date_id = price.sk_date_id
inner join gold.dim_security as security on security.sk_security_id = price.sk_security_id
inner join gold.dim_company as company on company.sk_company_id = price.sk_company_id
left join trailing_earnings
    on trailing_earnings.company_id = company.company_id
    and trailing_earnings.quarter_start = date_trunc('quarter', day.date_value)::date
where
    price.batch_id = batch_id()
    and price.pe_ratio is null
    and trailing_earnings.earnings_cents is null;
