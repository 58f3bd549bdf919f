{{ config(unique_key=['account_id', 'symbol'], meta={'release_key': ['account_id', 'symbol']}) }}

{#
    A position is counted anew when one of its changes came. A change that is published no more stays, with no shares, so
    that a position of which nothing is left is 0 and does not stand as it was.
#}
with holdings as (

    select *
    from {{ ref('silver_holdings') }}
    where sk_account_id is not null and sk_security_id is not null

),

changes as (

    select
        account_id,
        symbol,
        cast(completed_at as date) as valid_from,
        coalesce(sum(quantity_after - quantity_before) filter (where is_published), 0) as shares,
        max(batch_id) as batch_id
    from holdings
    where {{ is_touched('account_id, symbol', {'holdings': 'account_id, symbol'}, 'account_id, symbol') }}
    group by
        account_id,
        symbol,
        cast(completed_at as date)

)

select
    account_id,
    symbol,
    valid_from,
    lead(valid_from, 1, {{ end_of_time() }}) over by_day as valid_to,
    cast(sum(shares) over by_day as bigint) as quantity,
    max(batch_id) over (partition by account_id, symbol) as batch_id
from changes
window by_day as (partition by account_id, symbol order by valid_from)
