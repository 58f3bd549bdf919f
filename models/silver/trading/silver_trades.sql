{{ config(unique_key='trade_id') }}

{#
    A trade is replayed as a whole whenever one of its rows comes, goes or is delivered anew. What its creation
    fixes (account, security and their versions of that day) stays; later changes bring state, close and amounts.
#}
with delivered as (

    select * from {{ ref('bronze_brokerage__trade') }}

),

trade_rows as (

    select *
    from delivered
    where
        batch_id <= {{ last_batch() }}
        and {{ is_touched('t_id', {'delivered': 't_id'}, 'trade_id') }}

),

history_rows as (

    select *
    from {{ ref('bronze_brokerage__trade_history') }}
    where
        batch_id <= {{ last_batch() }}
        and th_t_id in (select t_id from trade_rows)

),

batch_dates as (

    select * from {{ looked_up('bronze_brokerage__batch_date') }}

),

status_types as (

    select * from {{ ref('silver_status_types') }}

),

trade_types as (

    select * from {{ ref('silver_trade_types') }}

),

history_times as (

    select
        th_t_id as t_id,
        min(th_dts) filter (where th_st_id = 'PNDG') as pending_at,
        min(th_dts) filter (where th_st_id = 'SBMT') as submitted_at,
        max(th_dts) filter (where th_st_id in ('CMPT', 'CNCL')) as closed_at
    from history_rows
    group by th_t_id

),

-- A historical row holds the last state and leaves the times to the history; a daily row is one change of state.
changes as (

    select
        trade_rows.*,
        case
            when trade_rows.cdc_flag = 'I' then trade_rows.t_dts
            when trade_rows.cdc_flag = 'U' then null
            when trade_rows.t_tt_id in ('TMB', 'TMS') then history_times.submitted_at
            else history_times.pending_at
        end as created_at,
        case
            when trade_rows.t_st_id not in ('CMPT', 'CNCL') then null
            when trade_rows.cdc_flag is null then coalesce(history_times.closed_at, trade_rows.t_dts)
            else trade_rows.t_dts
        end as closed_at,
        case when trade_rows.t_st_id = 'CMPT' then trade_rows.batch_id end as completed_batch_id,
        closed_at as first_closed_at
    from trade_rows
    left join history_times
        on trade_rows.t_id = history_times.t_id

),

-- Nearly all trades of the historical load have one row; ranking them would be most of the work.
changed_trades as (

    select t_id
    from trade_rows
    group by t_id
    having count(*) > 1

),

replayed as (

    select
        changes.* replace (
            min(changes.created_at) over trade as created_at,
            last_value(changes.closed_at ignore nulls) over trade as closed_at,
            min(changes.closed_at) over trade as first_closed_at,
            max(changes.completed_batch_id) over trade as completed_batch_id,
            first_value(changes.t_s_symb) over trade as t_s_symb,
            first_value(changes.t_ca_id) over trade as t_ca_id,
            max(changes.t_trade_price) filter (where changes.t_st_id = 'CMPT') over trade as t_trade_price,
            max(changes.t_chrg) filter (where changes.t_st_id = 'CMPT') over trade as t_chrg,
            max(changes.t_comm) filter (where changes.t_st_id = 'CMPT') over trade as t_comm,
            max(changes.t_tax) filter (where changes.t_st_id = 'CMPT') over trade as t_tax
        ),
        max(changes.closed_at) filter (where changes.t_st_id = 'CMPT') over trade as completed_at,
        coalesce(
            min(changes.batch_id) filter (where changes.created_at is not null) over trade,
            min(changes.batch_id) over trade
        ) as created_batch_id
    from changes
    semi join changed_trades
        on changes.t_id = changed_trades.t_id
    window
        trade as (
            partition by changes.t_id
            order by changes.batch_id, changes.cdc_dsn nulls first, changes.source_file, changes.source_line
            rows between unbounded preceding and unbounded following
        )
    qualify row_number() over (
        partition by changes.t_id
        order by
            changes.batch_id desc,
            changes.cdc_dsn desc nulls last,
            changes.source_file desc,
            changes.source_line desc
    ) = 1

),

trades as (

    select
        changes.*,
        case when changes.t_st_id = 'CMPT' then changes.closed_at end as completed_at,
        changes.batch_id as created_batch_id
    from changes
    anti join changed_trades
        on changes.t_id = changed_trades.t_id

    union all by name

    select * from replayed

),

-- Nobody knows a version on the day of a batch that a later batch brings, whatever time a row carries.
dated as (

    select
        trades.*,
        least(cast(trades.created_at as date), batch_dates.batch_date) as lookup_date
    from trades
    inner join batch_dates
        on trades.created_batch_id = batch_dates.batch_id

)

select
    dated.t_id as trade_id,
    dated.t_ca_id as account_id,
    dated.t_s_symb as symbol,
    account.sk_account_id,
    account.sk_customer_id,
    account.sk_broker_id,
    security.sk_security_id,
    security.sk_company_id,
    dated.t_st_id as status_type_id,
    status_types.st_name as status,
    dated.t_tt_id as trade_type_id,
    trade_types.tt_name as trade_type,
    dated.t_is_cash as is_cash,
    dated.t_exec_name as executed_by,
    dated.t_qty as quantity,
    dated.t_bid_price as bid_price,
    case when dated.completed_batch_id is not null then dated.t_trade_price end as trade_price,
    case when dated.completed_batch_id is not null then dated.t_chrg end as fee,
    case when dated.completed_batch_id is not null then dated.t_comm end as commission,
    case when dated.completed_batch_id is not null then dated.t_tax end as tax,
    dated.created_at,
    dated.completed_at,
    dated.closed_at,
    dated.first_closed_at,
    dated.lookup_date,
    dated.created_batch_id,
    dated.completed_batch_id,
    dated.created_at is not null
    and account.sk_account_id is not null
    and security.sk_security_id is not null
    and status_types.st_name is not null
    and trade_types.tt_name is not null
    and {{ is_known_day('cast(dated.created_at as date)') }}
    and {{ is_known_day('cast(dated.closed_at as date)') }} as is_published,
    dated.batch_id
from dated
left join status_types
    on dated.t_st_id = status_types.st_id
left join trade_types
    on dated.t_tt_id = trade_types.tt_id
{{ join_version(
    ref('silver_accounts'), 'account', 'dated.t_ca_id = account.account_id', 'dated.lookup_date', 'left'
) }}
{{ join_version(
    ref('silver_securities'), 'security', 'dated.t_s_symb = security.symbol', 'dated.lookup_date', 'left'
) }}
