-- After every batch, and once on the empty schema: what the whole warehouse holds.

insert into gold.di_messages
with counts as (
    select 'DimAccount' as source, 'Row count' as text, count(*) as found from gold.dim_account
    union all select 'DimBroker', 'Row count', count(*) from gold.dim_broker
    union all select 'DimCompany', 'Row count', count(*) from gold.dim_company
    union all select 'DimCustomer', 'Row count', count(*) from gold.dim_customer
    union all select 'DimDate', 'Row count', count(*) from gold.dim_date
    union all select 'DimSecurity', 'Row count', count(*) from gold.dim_security
    union all select 'DimTime', 'Row count', count(*) from gold.dim_time
    union all select 'DimTrade', 'Row count', count(*) from gold.dim_trade
    union all select 'FactCashBalances', 'Row count', count(*) from gold.fact_cash_balances
    union all select 'FactHoldings', 'Row count', count(*) from gold.fact_holdings
    union all select 'FactMarketHistory', 'Row count', count(*) from gold.fact_market_history
    union all select 'FactWatches', 'Row count', count(*) from gold.fact_watches
    union all select 'Financial', 'Row count', count(*) from gold.financial
    union all select 'Industry', 'Row count', count(*) from gold.industry
    union all select 'Prospect', 'Row count', count(*) from gold.prospect
    union all select 'StatusType', 'Row count', count(*) from gold.status_type
    union all select 'TaxRate', 'Row count', count(*) from gold.tax_rate
    union all select 'TradeType', 'Row count', count(*) from gold.trade_type
    union all
    select 'FactCashBalances', 'Row count joined', count(*)
    from gold.fact_cash_balances as fact
    inner join gold.dim_account as account on account.sk_account_id = fact.sk_account_id
    inner join gold.dim_customer as customer on customer.sk_customer_id = fact.sk_customer_id
    inner join gold.dim_broker as broker on broker.sk_broker_id = account.sk_broker_id
    inner join gold.dim_date as day on day.sk_date_id = fact.sk_date_id
    union all
    select 'FactHoldings', 'Row count joined', count(*)
    from gold.fact_holdings as fact
    inner join gold.dim_account as account on account.sk_account_id = fact.sk_account_id
    inner join gold.dim_customer as customer on customer.sk_customer_id = fact.sk_customer_id
    inner join gold.dim_broker as broker on broker.sk_broker_id = account.sk_broker_id
    inner join gold.dim_date as day on day.sk_date_id = fact.sk_date_id
    inner join gold.dim_time as time_of_day on time_of_day.sk_time_id = fact.sk_time_id
    inner join gold.dim_company as company on company.sk_company_id = fact.sk_company_id
    inner join gold.dim_security as security on security.sk_security_id = fact.sk_security_id
    union all
    select 'FactMarketHistory', 'Row count joined', count(*)
    from gold.fact_market_history as fact
    inner join gold.dim_date as day on day.sk_date_id = fact.sk_date_id
    inner join gold.dim_company as company on company.sk_company_id = fact.sk_company_id
    inner join gold.dim_security as security on security.sk_security_id = fact.sk_security_id
    union all
    select 'FactWatches', 'Row count joined', count(*)
    from gold.fact_watches as fact
    inner join gold.dim_customer as customer on customer.sk_customer_id = fact.sk_customer_id
    inner join gold.dim_date as day on day.sk_date_id = fact.sk_date_id_date_placed
    inner join gold.dim_security as security on security.sk_security_id = fact.sk_security_id
    union all
    select 'DimCustomer', 'Inactive customers', count(*)
    from gold.dim_customer
    where is_current and status = 'Inactive'
    union all
    select 'FactWatches', 'Inactive watches', count(sk_date_id_date_removed)
    from gold.fact_watches
)

select utc_now(), batch_id(), source, text, 'Validation', found::varchar
from counts;

insert into gold.di_messages
select utc_now(), batch_id(), 'Phase Complete Record', 'Batch Complete', 'PCR', null;
