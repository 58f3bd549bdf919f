{#
    Where rows of bronze must arrive in gold, and what keeps them out: gold leaves out a row whose parent is not
    known on the row's own day.

    Each entry: the bronze stream, the query that counts what was lost in the window, the condition on a bronze
    row that it is among the lost, and the parents to look for, of which the first unknown one names the reason.
#}
{% macro arrivals() %}
{% set accounts = {'reason': 'unknown_account', 'relation': ref('dim_account'), 'key': 'account_id'} %}
{% set customers = {'reason': 'unknown_customer', 'relation': ref('dim_customer'), 'key': 'customer_id'} %}
{% set securities = {'reason': 'unknown_security', 'relation': ref('dim_security'), 'key': 'symbol'} %}
{% set brokers = {'reason': 'unknown_broker', 'relation': ref('dim_broker'), 'key': 'broker_id'} %}
{% set days = {'reason': 'unknown_day', 'relation': ref('dim_date'), 'key': 'date_value'} %}
{% set trades = {'reason': 'unknown_trade', 'relation': ref('dim_trade'), 'key': 'trade_id'} %}
{% set batch_date = '(select b.batch_date from ' ~ ref('bronze_brokerage__batch_date') ~ ' as b where b.batch_id = delivered.batch_id)' %}
{% set movement_day = business_day('delivered.batch_id', 'ct_dts', batch_date) %}
{{ return([
    {
        'stream': 'trade',
        'lost': 'select count(*) from ' ~ ref('silver_trades') ~ ' where not is_published and ' ~ in_batch_window(),
        'missing': 't_id in (select trade_id from ' ~ ref('silver_trades') ~ ' where not is_published)',
        'parents': [['t_ca_id', accounts], ['t_s_symb', securities], ['cast(t_dts as date)', days]],
    },
    {
        'stream': 'holding_history',
        'lost': 'select count(*) from ' ~ ref('silver_holdings') ~ ' where not is_published and '
            ~ in_batch_window('delivered_batch_id'),
        'missing': '(hh_t_id, hh_h_t_id) in (select (current_trade_id, trade_id) from '
            ~ ref('silver_holdings') ~ ' where not is_published)',
        'parents': [['hh_t_id', trades]],
    },
    {
        'stream': 'daily_market',
        'lost': 'select count(*) from ' ~ ref('silver_prices') ~ ' where sk_security_id is null and ' ~ in_batch_window(),
        'missing': '(dm_s_symb, dm_date) in (select (symbol, price_date) from '
            ~ ref('silver_prices') ~ ' where sk_security_id is null)',
        'parents': [['dm_s_symb', securities], ['dm_date', days]],
    },
    {
        'stream': 'cash_transaction',
        'lost': 'select count(*) from ' ~ ref('silver_cash_balances') ~ ' where not is_published and ' ~ in_batch_window(),
        'missing': '(ct_ca_id, batch_id, ' ~ movement_day ~ ') in (select (account_id, batch_id, balance_date) from '
            ~ ref('silver_cash_balances') ~ ' where not is_published)',
        'parents': [['ct_ca_id', accounts], [movement_day, days]],
    },
    {
        'stream': 'watch_history',
        'lost': 'select count(*) from ' ~ ref('silver_watches')
            ~ ' where not is_published and placed_at is not null and ' ~ in_batch_window(),
        'missing': '(w_c_id, w_s_symb) in (select (customer_id, symbol) from '
            ~ ref('silver_watches') ~ ' where not is_published and placed_at is not null)',
        'parents': [['w_c_id', customers], ['w_s_symb', securities], ['cast(w_dts as date)', days]],
    },
    {
        'stream': 'account',
        'lost': "select count(*) from " ~ ref('silver_account_events') ~ " where unmatched_parent is not null and " ~ in_batch_window(),
        'missing': "(batch_id, source_file, source_line) in (select (batch_id, source_file, source_line) from "
            ~ ref('silver_account_events') ~ " where unmatched_parent is not null)",
        'parents': [['ca_c_id', customers], ['ca_b_id', brokers]],
    },
    {
        'stream': 'customer_mgmt_account',
        'lost': "select count(*) from " ~ ref('silver_account_events') ~ " where unmatched_parent is not null and " ~ in_batch_window(),
        'missing': "(batch_id, source_file, action_number, account_number) in"
            ~ " (select (batch_id, source_file, event_number, account_number) from "
            ~ ref('silver_account_events') ~ " where unmatched_parent is not null)",
        'parents': [['c_id', customers], ["try_cast(nullif(ca_b_id, '') as bigint)", brokers], ['ca_id', accounts]],
    },
    {
        'stream': 'customer_mgmt_action',
        'lost': "select count(*) from " ~ ref('bronze_brokerage__customer_mgmt_action') ~ " where " ~ in_batch_window()
            ~ " and actiontype in ('UPDCUST', 'INACT') and c_id not in (select customer_id from " ~ ref('dim_customer') ~ ")",
        'missing': "actiontype in ('UPDCUST', 'INACT') and c_id not in (select customer_id from " ~ ref('dim_customer') ~ ")",
        'parents': [['c_id', customers]],
    },
    {
        'stream': 'finwire_sec',
        'lost': 'select count(*) from ' ~ ref('bronze_brokerage__finwire_sec')
            ~ ' where not ' ~ refers_to_a_company() ~ ' and ' ~ in_batch_window(),
        'missing': 'not ' ~ refers_to_a_company(),
        'parents': [],
        'otherwise': 'unknown_company',
    },
    {
        'stream': 'finwire_fin',
        'lost': 'select count(*) from ' ~ ref('bronze_brokerage__finwire_fin')
            ~ ' where not ' ~ refers_to_a_company() ~ ' and ' ~ in_batch_window(),
        'missing': 'not ' ~ refers_to_a_company(),
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
        {{ composed('conameorcik') }} in (select {{ composed('name') }} from {{ ref('dim_company') }})
        or regexp_full_match(conameorcik, '[0-9]+')
        and coalesce(try_cast(conameorcik as bigint) in (select company_id from {{ ref('dim_company') }}), false)
    )
{%- endmacro %}
