{{ config(unique_key=['customer_id', 'symbol']) }}

{#
    The watches of a customer on a symbol form a queue: a stop ends the oldest one that is open. All of a
    customer's watches on a symbol are replayed together. A stop without an open watch is kept, with no placing.
#}
with delivered as (

    select * from {{ ref('bronze_brokerage__watch_history') }}

),

events as (

    select *
    from delivered
    where
        batch_id <= {{ last_batch() }}
        and {{ is_touched('w_c_id, w_s_symb', {'delivered': 'w_c_id, w_s_symb'}, 'customer_id, symbol') }}

),

batch_dates as (

    select * from {{ looked_up('bronze_brokerage__batch_date') }}

),

pairs as (

    select
        w_c_id,
        w_s_symb,
        min(w_dts) filter (where w_action = 'ACTV') as placed_at,
        min(w_dts) filter (where w_action = 'CNCL') as removed_at,
        min(batch_id) filter (where w_action = 'ACTV') as placed_batch_id,
        min(batch_id) filter (where w_action = 'CNCL') as removed_batch_id,
        -- Nearly every pair has one start and at most one stop after it; only the others need the queue.
        count(*) filter (where w_action = 'ACTV') = 1
        and count(*) filter (where w_action = 'CNCL') <= 1
        and coalesce(placed_at <= removed_at, true) as is_simple
    from events
    group by w_c_id, w_s_symb

),

queued_events as (

    select
        events.*,
        sum(case events.w_action when 'ACTV' then 1 else -1 end) over queue as open_watches
    from events
    inner join pairs
        on events.w_c_id = pairs.w_c_id and events.w_s_symb = pairs.w_s_symb
    where not pairs.is_simple
    window queue as (
        partition by events.w_c_id, events.w_s_symb
        order by events.w_dts, events.w_action, events.batch_id, events.source_file, events.source_line
        rows between unbounded preceding and current row
    )

),

-- A stop that takes the count to a new low below zero found the queue empty.
judged_events as (

    select
        *,
        w_action = 'CNCL' and open_watches < least(
            0,
            coalesce(min(open_watches) over (
                partition by w_c_id, w_s_symb
                order by w_dts, w_action, batch_id, source_file, source_line
                rows between unbounded preceding and 1 preceding
            ), 0)
        ) as is_stray
    from queued_events

),

numbered_events as (

    select
        *,
        row_number() over (
            partition by w_c_id, w_s_symb, w_action, is_stray
            order by w_dts, batch_id, source_file, source_line
        ) as event_number
    from judged_events

),

watches as (

    select
        w_c_id,
        w_s_symb,
        1 as watch_number,
        placed_at,
        removed_at,
        placed_batch_id,
        removed_batch_id
    from pairs
    where is_simple

    union all

    select
        w_c_id,
        w_s_symb,
        case when is_stray then -event_number else event_number end as watch_number,
        max(w_dts) filter (where w_action = 'ACTV') as placed_at,
        max(w_dts) filter (where w_action = 'CNCL') as removed_at,
        max(batch_id) filter (where w_action = 'ACTV') as placed_batch_id,
        max(batch_id) filter (where w_action = 'CNCL') as removed_batch_id
    from numbered_events
    group by w_c_id, w_s_symb, is_stray, event_number

),

-- Nobody knows a version on the day of a batch that a later batch brings, whatever time a row carries.
dated as (

    select
        watches.*,
        least(cast(watches.placed_at as date), batch_dates.batch_date) as lookup_date
    from watches
    left join batch_dates
        on watches.placed_batch_id = batch_dates.batch_id

)

select
    dated.w_c_id as customer_id,
    dated.w_s_symb as symbol,
    cast(dated.watch_number as integer) as watch_number,
    customer.sk_customer_id,
    security.sk_security_id,
    dated.placed_at,
    dated.removed_at,
    dated.lookup_date,
    dated.placed_batch_id,
    -- A stop may arrive before the start that it ends: then the later batch knows of the removal.
    case
        when dated.placed_at is null then dated.removed_batch_id
        when dated.removed_at is not null then greatest(dated.placed_batch_id, dated.removed_batch_id)
    end as removed_batch_id,
    customer.sk_customer_id is not null
    and security.sk_security_id is not null
    and {{ is_known_day('cast(dated.placed_at as date)') }}
    and {{ is_known_day('cast(dated.removed_at as date)') }} as is_published,
    greatest(dated.placed_batch_id, dated.removed_batch_id) as batch_id
from dated
{{ join_version(
    ref('silver_customers'), 'customer', 'dated.w_c_id = customer.customer_id', 'dated.lookup_date', 'left'
) }}
{{ join_version(
    ref('silver_securities'), 'security', 'dated.w_s_symb = security.symbol', 'dated.lookup_date', 'left'
) }}
