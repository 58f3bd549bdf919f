{# The figures that every batch's validation reports, in their order: [source, text]. #}
{% macro validation_kinds() %}
    {% set kinds = [] %}
    {% for table in [
        'DimAccount', 'DimBroker', 'DimCompany', 'DimCustomer', 'DimDate', 'DimSecurity', 'DimTime', 'DimTrade',
        'FactCashBalances', 'FactHoldings', 'FactMarketHistory', 'FactWatches', 'Financial', 'Industry', 'Prospect',
        'StatusType', 'TaxRate', 'TradeType'
    ] %}
        {% do kinds.append([table, 'Row count']) %}
    {% endfor %}
    {% for table in ['FactCashBalances', 'FactHoldings', 'FactMarketHistory', 'FactWatches'] %}
        {% do kinds.append([table, 'Row count joined']) %}
    {% endfor %}
    {% do kinds.append(['DimCustomer', 'Inactive customers']) %}
    {% do kinds.append(['FactWatches', 'Inactive watches']) %}
    {{ return(kinds) }}
{% endmacro %}


{#
    What each batch of the window adds to the figures of validation_kinds; their sum up to a batch is what a
    reader would have counted after it. Select of batch_id, message_source, message_text, row_count.
#}
{% macro validation_counts() %}
    {%- set own = {
        'DimAccount': ref('dim_account'), 'DimBroker': ref('dim_broker'), 'DimCompany': ref('dim_company'),
        'DimCustomer': ref('dim_customer'), 'DimSecurity': ref('dim_security'),
        'FactCashBalances': ref('fact_cash_balances'), 'FactHoldings': ref('fact_holdings'),
        'FactMarketHistory': ref('fact_market_history'),
        'DimDate': ref('bronze_brokerage__date'), 'DimTime': ref('bronze_brokerage__time'),
        'Industry': ref('bronze_brokerage__industry'), 'StatusType': ref('bronze_brokerage__status_type'),
        'TaxRate': ref('bronze_brokerage__tax_rate'), 'TradeType': ref('bronze_brokerage__trade_type')
    } %}
    {%- for source, relation in own.items() %}
    select
        batch_id,
        '{{ source }}' as message_source,
        'Row count' as message_text,
        count(*) as row_count
    from {{ relation }}
    where {{ in_batch_window() }}
    group by batch_id

    union all
    {%- endfor %}

    -- A result that a later batch replaces was there until then.
    select
        results.batch_id,
        'Financial',
        'Row count',
        sum(results.row_change)
    from (
        select
            batch_id,
            1 as row_change
        from {{ ref('silver_financials') }}
        where {{ in_batch_window() }} and sk_company_id is not null
        union all
        select
            replaced_in_batch as batch_id,
            -1 as row_change
        from {{ ref('silver_financials') }}
        where {{ in_batch_window('replaced_in_batch') }} and sk_company_id is not null
    ) as results
    group by results.batch_id

    union all

    select
        batch_id,
        'Prospect',
        'Row count',
        count(*)
    from {{ ref('silver_prospects') }}
    where {{ in_batch_window() }} and is_new
    group by batch_id

    union all

    select
        created_batch_id,
        'DimTrade',
        'Row count',
        count(*)
    from {{ ref('silver_trades') }}
    where {{ in_batch_window('created_batch_id') }} and is_published
    group by created_batch_id

    union all

    select
        placed_batch_id,
        'FactWatches',
        'Row count',
        count(*)
    from {{ ref('silver_watches') }}
    where {{ in_batch_window('placed_batch_id') }} and is_published
    group by placed_batch_id

    union all

    select
        removed_batch_id,
        'FactWatches',
        'Inactive watches',
        count(*)
    from {{ ref('silver_watches') }}
    where {{ in_batch_window('removed_batch_id') }} and is_published
    group by removed_batch_id

    union all

    select
        facts.batch_id,
        'FactCashBalances',
        'Row count joined',
        count(*)
    from {{ ref('fact_cash_balances') }} as facts
    inner join {{ ref('dim_account') }} as accounts on facts.sk_account_id = accounts.sk_account_id
    inner join {{ ref('dim_customer') }} as customers on facts.sk_customer_id = customers.sk_customer_id
    inner join {{ ref('dim_broker') }} as brokers on accounts.sk_broker_id = brokers.sk_broker_id
    inner join {{ ref('dim_date') }} as days on facts.sk_date_id = days.sk_date_id
    where {{ in_batch_window('facts.batch_id') }}
    group by facts.batch_id

    union all

    select
        facts.batch_id,
        'FactHoldings',
        'Row count joined',
        count(*)
    from {{ ref('fact_holdings') }} as facts
    inner join {{ ref('dim_account') }} as accounts on facts.sk_account_id = accounts.sk_account_id
    inner join {{ ref('dim_customer') }} as customers on facts.sk_customer_id = customers.sk_customer_id
    inner join {{ ref('dim_broker') }} as brokers on accounts.sk_broker_id = brokers.sk_broker_id
    inner join {{ ref('dim_date') }} as days on facts.sk_date_id = days.sk_date_id
    inner join {{ ref('dim_time') }} as seconds on facts.sk_time_id = seconds.sk_time_id
    inner join {{ ref('dim_company') }} as companies on facts.sk_company_id = companies.sk_company_id
    inner join {{ ref('dim_security') }} as securities on facts.sk_security_id = securities.sk_security_id
    where {{ in_batch_window('facts.batch_id') }}
    group by facts.batch_id

    union all

    select
        facts.batch_id,
        'FactMarketHistory',
        'Row count joined',
        count(*)
    from {{ ref('fact_market_history') }} as facts
    inner join {{ ref('dim_date') }} as days on facts.sk_date_id = days.sk_date_id
    inner join {{ ref('dim_company') }} as companies on facts.sk_company_id = companies.sk_company_id
    inner join {{ ref('dim_security') }} as securities on facts.sk_security_id = securities.sk_security_id
    where {{ in_batch_window('facts.batch_id') }}
    group by facts.batch_id

    union all

    -- A watch is counted with the batch that placed it, whatever batch removed it.
    select
        watches.placed_batch_id,
        'FactWatches',
        'Row count joined',
        count(*)
    from {{ ref('silver_watches') }} as watches
    inner join {{ ref('dim_customer') }} as customers on watches.sk_customer_id = customers.sk_customer_id
    inner join {{ ref('dim_date') }} as days on {{ date_key('watches.placed_at') }} = days.sk_date_id
    inner join {{ ref('dim_security') }} as securities on watches.sk_security_id = securities.sk_security_id
    where {{ in_batch_window('watches.placed_batch_id') }} and watches.is_published
    group by watches.placed_batch_id

    union all

    -- Each version adds what it changes: +1 when it makes an active customer inactive, -1 the other way round.
    select
        batch_id,
        'DimCustomer',
        'Inactive customers',
        sum(
            cast(status = 'Inactive' as integer)
            - coalesce(cast(previous_status = 'Inactive' as integer), 0)
        )
    from (
        select
            batch_id,
            status,
            lag(status) over (partition by customer_id order by effective_date) as previous_status
        from {{ ref('dim_customer') }}
        where customer_id in (select customer_id from {{ ref('dim_customer') }} where {{ in_batch_window() }})
    ) as versions
    where {{ in_batch_window() }}
    group by batch_id
{%- endmacro %}
