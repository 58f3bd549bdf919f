{{ config(materialized='view') }}

{#
    What each batch adds to the figures of every batch's validation (`validation_figures`): their sum up to a batch is what
    a reader would have counted after it. Who reads it names the batches; the engine then counts those alone.
#}
with row_counts as (

    {%- for source, model in {
        'DimAccount': 'dim_account', 'DimBroker': 'dim_broker', 'DimCompany': 'dim_company',
        'DimCustomer': 'dim_customer', 'DimSecurity': 'dim_security',
        'FactCashBalances': 'fact_cash_balances', 'FactHoldings': 'fact_holdings',
        'FactMarketHistory': 'fact_market_history',
        'DimDate': 'bronze_brokerage__date', 'DimTime': 'bronze_brokerage__time',
        'Industry': 'bronze_brokerage__industry', 'StatusType': 'bronze_brokerage__status_type',
        'TaxRate': 'bronze_brokerage__tax_rate', 'TradeType': 'bronze_brokerage__trade_type'
    }.items() %}
    select batch_id, '{{ source }}' as message_source, count(*) as row_count
    from {{ ref(model) }}
    group by batch_id

    union all
    {%- endfor %}

    select batch_id, 'Prospect', count(*)
    from {{ ref('silver_prospect_changes') }}
    where is_new
    group by batch_id

    union all

    select created_batch_id, 'DimTrade', count(*)
    from {{ ref('silver_trades') }}
    where is_published
    group by created_batch_id

    union all

    select placed_batch_id, 'FactWatches', count(*)
    from {{ ref('silver_watches') }}
    where is_published
    group by placed_batch_id

    union all

    select batch_id, 'Financial', count(*)
    from {{ ref('silver_financials') }}
    where sk_company_id is not null
    group by batch_id

    union all

    -- A result that a later batch replaces was there until then.
    select replaced_in_batch, 'Financial', -count(*)
    from {{ ref('silver_financials') }}
    where sk_company_id is not null
    group by replaced_in_batch

),

joined_counts as (

    select facts.batch_id, 'FactCashBalances' as message_source, count(*) as row_count
    from {{ ref('fact_cash_balances') }} as facts
    inner join {{ ref('dim_account') }} as accounts on facts.sk_account_id = accounts.sk_account_id
    inner join {{ ref('dim_customer') }} as customers on facts.sk_customer_id = customers.sk_customer_id
    inner join {{ ref('dim_broker') }} as brokers on accounts.sk_broker_id = brokers.sk_broker_id
    inner join {{ ref('dim_date') }} as days on facts.sk_date_id = days.sk_date_id
    group by facts.batch_id

    union all

    select facts.batch_id, 'FactHoldings', count(*)
    from {{ ref('fact_holdings') }} as facts
    inner join {{ ref('dim_account') }} as accounts on facts.sk_account_id = accounts.sk_account_id
    inner join {{ ref('dim_customer') }} as customers on facts.sk_customer_id = customers.sk_customer_id
    inner join {{ ref('dim_broker') }} as brokers on accounts.sk_broker_id = brokers.sk_broker_id
    inner join {{ ref('dim_date') }} as days on facts.sk_date_id = days.sk_date_id
    inner join {{ ref('dim_time') }} as seconds on facts.sk_time_id = seconds.sk_time_id
    inner join {{ ref('dim_company') }} as companies on facts.sk_company_id = companies.sk_company_id
    inner join {{ ref('dim_security') }} as securities on facts.sk_security_id = securities.sk_security_id
    group by facts.batch_id

    union all

    select facts.batch_id, 'FactMarketHistory', count(*)
    from {{ ref('fact_market_history') }} as facts
    inner join {{ ref('dim_date') }} as days on facts.sk_date_id = days.sk_date_id
    inner join {{ ref('dim_company') }} as companies on facts.sk_company_id = companies.sk_company_id
    inner join {{ ref('dim_security') }} as securities on facts.sk_security_id = securities.sk_security_id
    group by facts.batch_id

    union all

    -- A watch is counted with the batch that placed it, whatever batch removed it.
    select watches.placed_batch_id, 'FactWatches', count(*)
    from {{ ref('silver_watches') }} as watches
    inner join {{ ref('dim_customer') }} as customers on watches.sk_customer_id = customers.sk_customer_id
    inner join {{ ref('dim_date') }} as days on {{ date_key('watches.placed_at') }} = days.sk_date_id
    inner join {{ ref('dim_security') }} as securities on watches.sk_security_id = securities.sk_security_id
    where watches.is_published
    group by watches.placed_batch_id

)

select batch_id, message_source, 'Row count' as message_text, row_count
from row_counts

union all

select batch_id, message_source, 'Row count joined', row_count
from joined_counts

union all

select removed_batch_id, 'FactWatches', 'Inactive watches', count(*)
from {{ ref('silver_watches') }}
where is_published
group by removed_batch_id

union all

select batch_id, 'DimCustomer', 'Inactive customers', count(*)
from {{ ref('silver_customers') }}
where becomes_inactive
group by batch_id

union all

select batch_id, 'DimCustomer', 'Inactive customers', -count(*)
from {{ ref('silver_customers') }}
where becomes_active_again
group by batch_id
