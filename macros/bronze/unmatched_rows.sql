{#
    Where rows of bronze must arrive in gold, and what keeps them out: gold leaves out a row whose parent is not
    known on the row's own day.

    Each entry: the bronze stream, the two counts that are equal when nothing is missing, the condition on a
    bronze row (named delivered) that it did not arrive, and the parents to look for, first match names the reason.
#}
{% macro arrivals() %}
{% set accounts = {'reason': 'unknown_account', 'relation': ref('dim_account'), 'key': 'account_id'} %}
{% set customers = {'reason': 'unknown_customer', 'relation': ref('dim_customer'), 'key': 'customer_id'} %}
{% set securities = {'reason': 'unknown_security', 'relation': ref('dim_security'), 'key': 'symbol'} %}
{% set brokers = {'reason': 'unknown_broker', 'relation': ref('dim_broker'), 'key': 'broker_id'} %}
{% set trades = {'reason': 'unknown_trade', 'relation': ref('dim_trade'), 'key': 'trade_id'} %}
{{ return([
    {
        'stream': 'trade',
        'expected': "select count(distinct t_id) from " ~ ref('bronze_brokerage__trade') ~ " where " ~ in_batch_window(),
        'found': "select count(*) from " ~ ref('dim_trade') ~ " where " ~ in_batch_window(),
        'missing': "t_id not in (select trade_id from " ~ ref('dim_trade') ~ ")",
        'parents': [['t_ca_id', accounts], ['t_s_symb', securities]],
    },
    {
        'stream': 'holding_history',
        'expected': "select count(*) from " ~ ref('bronze_brokerage__holding_history') ~ " where " ~ in_batch_window(),
        'found': "select count(*) from " ~ ref('fact_holdings') ~ " where " ~ in_batch_window(),
        'missing': "(hh_t_id, hh_h_t_id) not in (select (current_trade_id, trade_id) from " ~ ref('fact_holdings') ~ ")",
        'parents': [['hh_t_id', trades]],
    },
    {
        'stream': 'daily_market',
        'expected': "select count(*) from " ~ ref('bronze_brokerage__daily_market') ~ " where " ~ in_batch_window(),
        'found': "select count(*) from " ~ ref('fact_market_history') ~ " where " ~ in_batch_window(),
        'missing': "not exists (select 1 from " ~ ref('fact_market_history') ~ " as arrived inner join " ~ ref('dim_security')
            ~ " as securities using (sk_security_id) where securities.symbol = delivered.dm_s_symb and arrived.sk_date_id = "
            ~ date_key('delivered.dm_date') ~ ")",
        'parents': [['dm_s_symb', securities]],
    },
    {
        'stream': 'cash_transaction',
        'expected': "select count(*) from " ~ ref('bronze_brokerage__cash_transaction') ~ " where " ~ in_batch_window(),
        'found': "select count(*) from " ~ ref('bronze_brokerage__cash_transaction') ~ " where " ~ in_batch_window()
            ~ " and ct_ca_id in (select account_id from " ~ ref('dim_account') ~ ")",
        'missing': "ct_ca_id not in (select account_id from " ~ ref('dim_account') ~ ")",
        'parents': [['ct_ca_id', accounts]],
    },
    {
        'stream': 'watch_history',
        'expected': "select count(*) from " ~ ref('bronze_brokerage__watch_history') ~ " where " ~ in_batch_window(),
        'found': "select count(*) from " ~ ref('bronze_brokerage__watch_history') ~ " where " ~ in_batch_window()
            ~ " and w_c_id in (select customer_id from " ~ ref('dim_customer') ~ ")"
            ~ " and w_s_symb in (select symbol from " ~ ref('dim_security') ~ ")",
        'missing': "(w_c_id not in (select customer_id from " ~ ref('dim_customer') ~ ")"
            ~ " or w_s_symb not in (select symbol from " ~ ref('dim_security') ~ "))",
        'parents': [['w_c_id', customers], ['w_s_symb', securities]],
    },
    {
        'stream': 'account',
        'expected': "select 0",
        'found': "select count(*) from " ~ ref('silver_account_events') ~ " where unmatched_parent is not null and " ~ in_batch_window(),
        'missing': "(batch_id, source_file, source_line) in (select (batch_id, source_file, source_line) from "
            ~ ref('silver_account_events') ~ " where unmatched_parent is not null)",
        'parents': [['ca_c_id', customers], ['ca_b_id', brokers]],
    },
    {
        'stream': 'customer_mgmt_account',
        'expected': "select 0",
        'found': "select count(*) from " ~ ref('silver_account_events') ~ " where unmatched_parent is not null and " ~ in_batch_window(),
        'missing': "(batch_id, source_file, source_line) in (select (batch_id, source_file, source_line) from "
            ~ ref('silver_account_events') ~ " where unmatched_parent is not null)",
        'parents': [['c_id', customers], ["try_cast(nullif(ca_b_id, '') as bigint)", brokers], ['ca_id', accounts]],
    },
    {
        'stream': 'customer_mgmt_action',
        'expected': "select count(*) from " ~ ref('bronze_brokerage__customer_mgmt_action') ~ " where " ~ in_batch_window(),
        'found': "select count(*) from " ~ ref('bronze_brokerage__customer_mgmt_action') ~ " where " ~ in_batch_window()
            ~ " and (actiontype not in ('UPDCUST', 'INACT') or c_id in (select customer_id from " ~ ref('dim_customer') ~ "))",
        'missing': "actiontype in ('UPDCUST', 'INACT') and c_id not in (select customer_id from " ~ ref('dim_customer') ~ ")",
        'parents': [['c_id', customers]],
    },
    {
        'stream': 'finwire_sec',
        'expected': "select count(*) from " ~ ref('bronze_brokerage__finwire_sec') ~ " where " ~ in_batch_window(),
        'found': "select count(*) from " ~ ref('bronze_brokerage__finwire_sec') ~ " where " ~ in_batch_window()
            ~ " and " ~ refers_to_a_company(),
        'missing': "not " ~ refers_to_a_company(),
        'parents': [],
        'otherwise': 'unknown_company',
    },
    {
        'stream': 'finwire_fin',
        'expected': "select count(*) from " ~ ref('bronze_brokerage__finwire_fin') ~ " where " ~ in_batch_window(),
        'found': "select count(*) from " ~ ref('bronze_brokerage__finwire_fin') ~ " where " ~ in_batch_window()
            ~ " and " ~ refers_to_a_company(),
        'missing': "not " ~ refers_to_a_company(),
        'parents': [],
        'otherwise': 'unknown_company',
    },
]) }}
{% endmacro %}


{# The rows of one stream in the window that did not arrive in gold, each with its reason. #}
{% macro unmatched_rows(arrival) %}
    select
        batch_id,
        delivery,
        '{{ brokerage_streams()[arrival['stream']].get('raw', arrival['stream']) }}' as stream,
        source_file,
        source_line,
        case
            {%- for column, parent in arrival['parents'] %}
            when {{ column }} not in (select {{ parent['key'] }} from {{ parent['relation'] }}) then '{{ parent["reason"] }}'
            {%- endfor %}
            when true then '{{ arrival.get("otherwise", "unknown_parent") }}'
        end as reason,
        cast(to_json(delivered) as varchar) as raw_text
    from {{ bronze_model(arrival['stream']) }} as delivered
    where {{ in_batch_window() }} and {{ arrival['missing'] }}
{%- endmacro %}


{# Condition on a newswire record: some version of a company has the name or the number that it refers to. #}
{% macro refers_to_a_company() -%}
    (
        conameorcik in (select name from {{ ref('dim_company') }})
        or regexp_full_match(conameorcik, '[0-9]+')
        and coalesce(try_cast(conameorcik as bigint) in (select company_id from {{ ref('dim_company') }}), false)
    )
{%- endmacro %}
