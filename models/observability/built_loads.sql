{{ config(materialized='table', post_hook="{{ note_project() }}") }}

{#
    The last node of a build: it is reached only when every model stands and its tests passed. dbt orders the graph by
    references, so every gold model of the project is referred to (a test compares this list with gold); what a team adds
    comes before it because `tradehouse run` says so.
#}
{% for model in [
    'audit', 'batch_counts', 'di_messages', 'dim_account', 'dim_broker', 'dim_company', 'dim_customer', 'dim_date', 'dim_security',
    'dim_time', 'dim_trade', 'fact_cash_balances', 'fact_holdings', 'fact_market_history', 'fact_watches',
    'financial', 'industry', 'mart_branch_monthly_targets', 'mart_broker_monthly_trading',
    'mart_customer_changes', 'mart_customer_days', 'mart_customer_monthly_trading', 'mart_customers', 'mart_days',
    'mart_largest_customers', 'mart_largest_securities', 'mart_money_flows', 'mart_position_periods', 'mart_positions',
    'mart_security_performance', 'mart_trades', 'mart_watches',
    'prospect', 'quarantine_unmatched', 'status_type', 'tax_rate', 'trade_type'
] %}
    {% do ref(model) %}
{% endfor %}

{% set ledger = source('ledger', 'loads') %}
{% set is_kept = execute and load_relation(ledger) is not none %}
{# Loads that a contract holds are in raw, and in no model. #}
{% set judged = api.Relation.create(database='raw', schema='_tradehouse', identifier='judged') %}
{% set are_judged = execute and load_relation(judged) is not none %}

with built_batches as (

    select
        batch_id,
        delivery,
        batch_date
    from {{ ref('bronze_batches') }}
    where is_accepted

)
{%- if is_kept %},

loads as (

    select
        source,
        load,
        batch,
        delivery,
        max(committed_at) as committed_at
    from {{ ledger }}
    group by all

)
{%- endif %}

select
    'brokerage' as source,
    {%- if is_kept %}
    loads.load,
    {%- else %}
    cast(null as bigint) as load,
    {%- endif %}
    built_batches.batch_id,
    built_batches.delivery,
    built_batches.batch_date,
    {%- if is_kept %}
    loads.committed_at
    {%- else %}
    cast(null as timestamptz) as committed_at
    {%- endif %}
from built_batches
{%- if is_kept %}
left join loads
    on
        loads.source = 'brokerage'
        and built_batches.batch_id = loads.batch
        and built_batches.delivery = loads.delivery

union all

select
    source,
    load,
    cast(null as integer) as batch_id,
    cast(null as integer) as delivery,
    cast(null as date) as batch_date,
    max(committed_at) as committed_at
from loads
where
    source <> 'brokerage'
    {%- if are_judged %}
    and not exists (
        select 1
        from {{ judged }} as judged
        where judged.source = loads.source
        group by judged.source
        having not max_by(judged.is_accepted, judged.load) and loads.load >= max_by(judged.since_load, judged.load)
    )
    {%- endif %}
group by source, load
{%- endif %}
