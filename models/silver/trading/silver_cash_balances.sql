{# The balance of an account runs over its own days, whatever version the account has, also those
   that are not published. #}
with delivered as (

    select * from {{ ref('bronze_brokerage__cash_transaction') }}

),

movements as (

    select *
    from delivered
    where {{ in_batch_window() }}

),

batch_dates as (

    select * from {{ looked_up('bronze_brokerage__batch_date') }}

),

daily_movements as (

    select
        movements.ct_ca_id as account_id,
        {{ business_day('movements.batch_id', 'movements.ct_dts', 'batch_dates.batch_date') }} as balance_date,
        movements.batch_id,
        count(*) as movements,
        sum(movements.ct_amt) as amount
    from movements
    inner join batch_dates
        on movements.batch_id = batch_dates.batch_id
    group by all

),

balances_before as (

    select
        ct_ca_id as account_id,
        sum(ct_amt) as cash
    from delivered
    where
        batch_id < {{ first_batch() }}
        and ct_ca_id in (select account_id from daily_movements)
    group by ct_ca_id

),

balances as (

    select
        daily_movements.*,
        sum(daily_movements.amount) over (
            partition by daily_movements.account_id
            order by daily_movements.batch_id, daily_movements.balance_date
        ) + coalesce(balances_before.cash, 0) as cash
    from daily_movements
    left join balances_before
        on daily_movements.account_id = balances_before.account_id

)

select
    balances.account_id,
    balances.balance_date,
    account.sk_account_id,
    account.sk_customer_id,
    cast(balances.movements as integer) as movements,
    cast(balances.amount as decimal(15, 2)) as amount,
    cast(balances.cash as decimal(15, 2)) as cash,
    account.sk_account_id is not null
    and {{ is_known_day('balances.balance_date') }} as is_published,
    balances.batch_id
from balances
{{ join_version(
    ref('silver_accounts'), 'account', 'balances.account_id = account.account_id', 'balances.balance_date', 'left'
) }}
