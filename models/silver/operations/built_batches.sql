{{ config(materialized='table', post_hook="{{ note_project() }}") }}

{#
    The last node of a build: it is reached only when every gold model stands and its tests passed. dbt orders the
    graph by references, so every gold model is referred to; a test of the project compares this list with gold.
#}
{% for model in [
    'audit', 'di_messages', 'dim_account', 'dim_broker', 'dim_company', 'dim_customer', 'dim_date', 'dim_security',
    'dim_time', 'dim_trade', 'fact_cash_balances', 'fact_holdings', 'fact_market_history', 'fact_watches',
    'financial', 'industry', 'mart_broker_monthly_trading', 'mart_customer_worth', 'mart_security_performance',
    'prospect', 'quarantine_unmatched', 'status_type', 'tax_rate', 'trade_type'
] %}
    {% do ref(model) %}
{% endfor %}

select
    batch_id,
    delivery,
    batch_date
from {{ ref('bronze_batches') }}
where is_accepted
