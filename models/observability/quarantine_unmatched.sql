{#
    Typed rows that gold leaves out because a parent is not known on the row's own day, each with the first of its
    parents that no day knows. On sound data silver has none such, and nothing is searched.
#}
with newswire_references as (

    select conameorcik from {{ ref('bronze_brokerage__finwire_sec') }} where {{ in_batch_window() }}
    union
    select conameorcik from {{ ref('bronze_brokerage__finwire_fin') }} where {{ in_batch_window() }}

),

-- No version of a company has the name or the number.
unknown_references as (

    select conameorcik
    from newswire_references
    where
        {{ composed('conameorcik') }} not in (select {{ composed('name') }} from {{ ref('dim_company') }})
        and not (
            regexp_full_match(conameorcik, '[0-9]+')
            and coalesce(try_cast(conameorcik as bigint) in (select company_id from {{ ref('dim_company') }}), false)
        )

),

lost as (

    select
        batch_id, delivery, 'trade' as stream, source_file, source_line,
        t_ca_id as account_id, t_s_symb as symbol, cast(t_dts as date) as day,
        cast(to_json(delivered) as varchar) as raw_text
    from {{ ref('bronze_brokerage__trade') }} as delivered
    where
        {{ in_batch_window() }}
        and t_id in (
            select trade_id from {{ ref('silver_trades') }} where not is_published and {{ in_batch_window() }}
        )

    union all by name

    select
        batch_id, delivery, 'holding_history' as stream, source_file, source_line,
        hh_t_id as trade_id,
        cast(to_json(delivered) as varchar) as raw_text
    from {{ ref('bronze_brokerage__holding_history') }} as delivered
    where
        {{ in_batch_window() }}
        and (hh_t_id, hh_h_t_id) in (
            select (current_trade_id, trade_id)
            from {{ ref('silver_holdings') }}
            where not is_published and {{ in_batch_window('delivered_batch_id') }}
        )

    union all by name

    select
        batch_id, delivery, 'daily_market' as stream, source_file, source_line,
        dm_s_symb as symbol, dm_date as day,
        cast(to_json(delivered) as varchar) as raw_text
    from {{ ref('bronze_brokerage__daily_market') }} as delivered
    where
        {{ in_batch_window() }}
        and (dm_s_symb, dm_date) in (
            select (symbol, price_date)
            from {{ ref('silver_prices') }}
            where sk_security_id is null and {{ in_batch_window() }}
        )

    union all by name

    select
        delivered.batch_id, delivered.delivery, 'cash_transaction' as stream, source_file, source_line,
        ct_ca_id as account_id, {{ business_day('delivered.batch_id', 'ct_dts', 'batches.batch_date') }} as day,
        cast(to_json(delivered) as varchar) as raw_text
    from {{ ref('bronze_brokerage__cash_transaction') }} as delivered
    inner join {{ looked_up('bronze_batches') }} as batches
        on delivered.batch_id = batches.batch_id
    where
        {{ in_batch_window('delivered.batch_id') }}
        and (ct_ca_id, delivered.batch_id, day) in (
            select (account_id, batch_id, balance_date)
            from {{ ref('silver_cash_balances') }}
            where not is_published and {{ in_batch_window() }}
        )

    union all by name

    select
        batch_id, delivery, 'watch_history' as stream, source_file, source_line,
        w_c_id as customer_id, w_s_symb as symbol, cast(w_dts as date) as day,
        cast(to_json(delivered) as varchar) as raw_text
    from {{ ref('bronze_brokerage__watch_history') }} as delivered
    where
        {{ in_batch_window() }}
        and (w_c_id, w_s_symb) in (
            select (customer_id, symbol)
            from {{ ref('silver_watches') }}
            where not is_published and placed_at is not null and {{ in_batch_window() }}
        )

    union all by name

    select
        batch_id, delivery, 'account' as stream, source_file, source_line,
        ca_c_id as customer_id, ca_b_id as broker_id,
        cast(to_json(delivered) as varchar) as raw_text
    from {{ ref('bronze_brokerage__account') }} as delivered
    where
        {{ in_batch_window() }}
        and (batch_id, source_file, source_line) in (
            select (batch_id, source_file, source_line)
            from {{ ref('silver_account_events') }}
            where unmatched_parent is not null and {{ in_batch_window() }}
        )

    union all by name

    select
        batch_id, delivery, 'customer_mgmt_account' as stream, source_file, source_line,
        c_id as customer_id, try_cast(nullif(ca_b_id, '') as bigint) as broker_id, ca_id as account_id,
        cast(to_json(delivered) as varchar) as raw_text
    from {{ ref('bronze_brokerage__customer_mgmt_account') }} as delivered
    where
        {{ in_batch_window() }}
        and (batch_id, source_file, action_number, account_number) in (
            select (batch_id, source_file, event_number, account_number)
            from {{ ref('silver_account_events') }}
            where unmatched_parent is not null and {{ in_batch_window() }}
        )

    union all by name

    select
        batch_id, delivery, 'customer_mgmt_action' as stream, source_file, source_line,
        c_id as customer_id,
        cast(to_json(delivered) as varchar) as raw_text
    from {{ ref('bronze_brokerage__customer_mgmt_action') }} as delivered
    where
        {{ in_batch_window() }}
        and actiontype in ('UPDCUST', 'INACT')
        and c_id not in (select customer_id from {{ ref('dim_customer') }})

    union all by name

    select
        batch_id, delivery, 'finwire' as stream, source_file, source_line,
        conameorcik as company,
        cast(to_json(delivered) as varchar) as raw_text
    from {{ ref('bronze_brokerage__finwire_sec') }} as delivered
    where {{ in_batch_window() }} and conameorcik in (select conameorcik from unknown_references)

    union all by name

    select
        batch_id, delivery, 'finwire' as stream, source_file, source_line,
        conameorcik as company,
        cast(to_json(delivered) as varchar) as raw_text
    from {{ ref('bronze_brokerage__finwire_fin') }} as delivered
    where {{ in_batch_window() }} and conameorcik in (select conameorcik from unknown_references)

)

select
    batch_id,
    delivery,
    stream,
    source_file,
    source_line,
    case
        when company is not null then 'unknown_company'
        when customer_id is not null and customer_id not in (select customer_id from {{ ref('dim_customer') }})
            then 'unknown_customer'
        when broker_id is not null and broker_id not in (select broker_id from {{ ref('dim_broker') }})
            then 'unknown_broker'
        when account_id is not null and account_id not in (select account_id from {{ ref('dim_account') }})
            then 'unknown_account'
        when symbol is not null and symbol not in (select symbol from {{ ref('dim_security') }})
            then 'unknown_security'
        when trade_id is not null and trade_id not in (select trade_id from {{ ref('dim_trade') }})
            then 'unknown_trade'
        when day is not null and day not in (select date_value from {{ ref('dim_date') }})
            then 'unknown_day'
        else 'unknown_parent'
    end as reason,
    raw_text
from lost
