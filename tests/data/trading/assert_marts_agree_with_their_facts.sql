{#
    Nothing is lost or counted twice between gold and the marts: totals agree. A returned row is a total that
    differs. Totals need whole tables, so that a daily run leaves this test out; `--all-tests` has it.
#}
with totals as (

    select
        cast(null as varchar) as total,
        cast(null as decimal(38, 2)) as in_facts,
        cast(null as decimal(38, 2)) as in_mart
    where false
    {%- if not test_from_batch() %}

    union all

    select
        'trades placed with a broker',
        (select count(*) from {{ ref('dim_trade') }} where sk_broker_id is not null),
        (select sum(trades_placed) from {{ ref('mart_broker_monthly_trading') }})

    union all

    select
        'commission',
        (
            select sum(commission)
            from {{ ref('dim_trade') }}
            where sk_broker_id is not null and status = 'Completed'
        ),
        (select sum(commission_usd) from {{ ref('mart_broker_monthly_trading') }})

    union all

    select
        'cash of known accounts',
        (
            select sum(last_balances.cash)
            from (
                select
                    accounts.account_id,
                    max_by(balances.cash, balances.sk_date_id) as cash
                from {{ ref('fact_cash_balances') }} as balances
                inner join {{ ref('dim_account') }} as accounts
                    on balances.sk_account_id = accounts.sk_account_id
                group by accounts.account_id
            ) as last_balances
        ),
        (select sum(cash_usd) from {{ ref('mart_customers') }})

    union all

    select
        'customers',
        (select count(*) from {{ ref('dim_customer') }} where is_current),
        (select count(*) from {{ ref('mart_customers') }})

    union all

    select
        'open watches of customers',
        (select count(*) from {{ ref('fact_watches') }} where sk_date_id_date_removed is null),
        (select sum(watches_open) from {{ ref('mart_customers') }})

    union all

    select
        'securities',
        (select count(*) from {{ ref('dim_security') }} where is_current),
        (select count(*) from {{ ref('mart_security_performance') }})

    union all

    select
        'shares of completed trades',
        (select sum(quantity) from {{ ref('dim_trade') }} where status = 'Completed'),
        (select sum(shares_traded) from {{ ref('mart_security_performance') }})
    {%- endif %}

)

select
    total,
    in_facts,
    in_mart
from totals
-- A sum over no rows is nothing, in facts as in marts.
where coalesce(in_facts, 0) <> coalesce(in_mart, 0)
