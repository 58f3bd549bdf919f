"""The marts as bare SQL over the star schema, written from their descriptions, not their models.

Slow and plain on purpose: what a day looked like is asked of the facts for that day alone, lots by
their last row, prices and balances by the newest one, versions by their range.
"""

from pathlib import Path

import duckdb

DAYS = """
create temp table asked as
with ends as (select min(as_of_date) as first, max(as_of_date) as last from gold.mart_days)
select distinct day, year(day) * 10000 + month(day) * 100 + day(day) as day_id
from ends, unnest([first, first + 400, last - 600, last - 40, last - 2, last - 1, last]) as t (day)
where day between first and last
"""

PARTS = """
create temp table lots as
select
    day, trade_id,
    arg_max(current_holding, (sk_date_id, sk_time_id, current_trade_id)) as shares,
    any_value(account_id) as account_id, any_value(symbol) as symbol
from asked, gold.fact_holdings
inner join gold.dim_account using (sk_account_id)
inner join gold.dim_security using (sk_security_id)
where sk_date_id <= day_id
group by all;

create temp table prices as
select day, symbol, arg_max(close_price, sk_date_id) as close, max(sk_date_id) as price_day
from asked, gold.fact_market_history inner join gold.dim_security using (sk_security_id)
where sk_date_id <= day_id
group by all;

create temp table owners as
select day, account_id, customer_id, account.status, sk_broker_id
from asked, gold.dim_account as account
inner join gold.dim_customer as owner using (sk_customer_id)
where account.effective_date <= day and day < account.end_date;

create temp table positions as
select day, account_id, symbol, sum(shares) as shares, close, date_value as price_date
from lots left join prices using (day, symbol) left join gold.dim_date on sk_date_id = price_day
group by all having sum(shares) <> 0;

create temp table balances as
select
    account_id, sk_date_id, date_value as day, balance.sk_customer_id, cash,
    cash - lag(cash, 1, 0) over (partition by account_id order by sk_date_id) as moved
from gold.fact_cash_balances as balance inner join gold.dim_account using (sk_account_id)
inner join gold.dim_date using (sk_date_id);

create temp table last_cash as
select asked.day, account_id, arg_max(cash, sk_date_id) as cash
from asked, balances where sk_date_id <= day_id group by all
"""

FLOWS = """
create temp table flows as
select
    customer_id, account_id, day,
    sum(completed)::integer as completed, sum(moved) as moved, sum(bought) as bought,
    sum(sold) as sold, sum(costs) as costs, sum(moved) - sum(sold) + sum(bought) + sum(costs) as new
from (
    select
        sk_customer_id, account_id, day, 0 as completed, moved, 0 as bought, 0 as sold, 0 as costs
    from balances
    union all
    select
        trade.sk_customer_id, account_id, date_value, 1, 0,
        case when type in ('Market Buy', 'Limit Buy') then quantity * trade_price else 0 end,
        case when type in ('Market Buy', 'Limit Buy') then 0 else quantity * trade_price end,
        commission + fee + trade.tax
    from gold.dim_trade as trade inner join gold.dim_account using (sk_account_id)
    inner join gold.dim_date on sk_date_id = sk_close_date_id
    where trade.status = 'Completed'
)
inner join gold.dim_customer using (sk_customer_id)
group by all
"""

LAST = "(select max(day) from asked)"

REFERENCES = {
    "positions": """
        select day, account_id, symbol, customer_id, shares, close, price_date, shares * close,
            security.name, company.name, broker.branch
        from positions left join owners using (day, account_id)
        left join gold.dim_broker as broker using (sk_broker_id)
        inner join gold.dim_security as security using (symbol)
        inner join gold.dim_company as company using (sk_company_id)
        where security.effective_date <= day and day < security.end_date
    """,
    "periods": """
        select account_id, symbol, sum(shares) from positions
        where day = (select max(day) from asked) group by all
    """,
    "customer_days": """
        select
            day, customer_id, last_name, tier,
            (select count(*) from owners where owners.day = asked.day
                and owners.customer_id = c.customer_id),
            coalesce((select sum(shares * close)
                from positions inner join owners using (day, account_id)
                where day = asked.day and owners.customer_id = c.customer_id), 0),
            coalesce((select sum(cash) from last_cash inner join owners using (day, account_id)
                where day = asked.day and owners.customer_id = c.customer_id), 0),
            coalesce((select sum(new) from flows where flows.day = asked.day
                and flows.customer_id = c.customer_id), 0)
        from asked, gold.dim_customer as c where c.effective_date <= day and day < c.end_date
    """,
    "flows": """
        select * from flows where completed > 0 or moved <> 0
    """,
    "trades": """
        select
            trade_id, placed_day.date_value + placed_time.time_value,
            closed_day.date_value + closed_time.time_value,
            trade.status, type, type like '%Sell' or type = 'Stop Loss', cash_flag,
            quantity, bid_price, trade_price, quantity * trade_price, commission, fee, tax,
            account_id, customer_id, customer.last_name, customer.tier, broker_id, broker.last_name,
            broker.branch, symbol, security.name, company_id, company.name, company.industry
        from gold.dim_trade as trade
        inner join gold.dim_account as account on account.sk_account_id = trade.sk_account_id
        inner join gold.dim_customer as customer on customer.sk_customer_id = trade.sk_customer_id
        inner join gold.dim_broker as broker on broker.sk_broker_id = trade.sk_broker_id
        inner join gold.dim_security as security on security.sk_security_id = trade.sk_security_id
        inner join gold.dim_company as company on company.sk_company_id = trade.sk_company_id
        inner join gold.dim_date as placed_day on placed_day.sk_date_id = sk_create_date_id
        inner join gold.dim_time as placed_time on placed_time.sk_time_id = sk_create_time_id
        left join gold.dim_date as closed_day on closed_day.sk_date_id = sk_close_date_id
        left join gold.dim_time as closed_time on closed_time.sk_time_id = sk_close_time_id
    """,
    "customers": f"""
        with owned as (
            select account_id, customer_id, broker_id, branch, account.status
            from gold.dim_account as account inner join gold.dim_customer using (sk_customer_id)
            inner join gold.dim_broker using (sk_broker_id) where account.is_current
        ),
        traded as (
            select owned.customer_id, date_value as placed, trade.*
            from gold.dim_trade as trade inner join gold.dim_account using (sk_account_id)
            inner join owned using (account_id)
            inner join gold.dim_date on sk_date_id = sk_create_date_id
        ),
        held as (select customer_id, sum(shares * close) as worth from positions
            inner join owned using (account_id) where day = {LAST} group by all),
        cash as (select customer_id, sum(cash) as cash from last_cash
            inner join owned using (account_id) where day = {LAST} group by all)
        select
            customer_id, last_name, c.status, c.tier, c.agency_id,
            (select min(effective_date) from gold.dim_customer as v
                where v.customer_id = c.customer_id),
            (select broker_id from owned where owned.customer_id = c.customer_id
                order by owned.status = 'Inactive', account_id limit 1),
            (select branch from owned where owned.customer_id = c.customer_id
                order by owned.status = 'Inactive', account_id limit 1),
            (select count(*) from owned where owned.customer_id = c.customer_id),
            (select count(*) from traded where traded.customer_id = c.customer_id),
            (select count(*) from traded where traded.customer_id = c.customer_id
                and datediff('day', placed, {LAST}) < 365),
            coalesce((select sum(commission) from traded
                where traded.customer_id = c.customer_id), 0),
            (select max(placed) from traded where traded.customer_id = c.customer_id),
            coalesce(held.worth, 0), coalesce(cash.cash, 0),
            (coalesce(tier not in (1, 2, 3), true))::integer
                + (dob > {LAST} or dob <
                    make_date(year({LAST}) - 100, month({LAST}), day({LAST})))::integer
        from gold.dim_customer as c left join held using (customer_id)
        left join cash using (customer_id)
        where c.is_current
    """,
    "branches": """
        select
            employed.branch,
            make_date(sk_close_date_id // 10000, sk_close_date_id // 100 % 100, 1) as month,
            sum(commission), count(*), count(distinct broker_id)
        from gold.dim_trade as trade inner join gold.dim_broker as placed using (sk_broker_id)
        inner join gold.dim_broker as employed using (broker_id)
        where trade.status = 'Completed'
            and employed.effective_date <= last_day(month) and last_day(month) < employed.end_date
        group by all
    """,
}

MARTS = {
    "positions": """
        select as_of_date, account_id, symbol, customer_id, quantity, close_price_usd, price_date,
            value_usd, security_name, company_name, branch
        from gold.mart_positions where as_of_date = date '{day}'
    """,
    "periods": """
        select account_id, symbol, quantity from gold.mart_position_periods
        where valid_to = date '9999-12-31' and quantity <> 0
    """,
    "customer_days": """
        select as_of_date, customer_id, last_name, tier, accounts, holdings_value_usd, cash_usd,
            net_new_money_usd
        from gold.mart_customer_days where as_of_date = date '{day}'
    """,
    "flows": """
        select customer_id, account_id, flow_date, trades_completed, cash_movement_usd, bought_usd,
            sold_usd, commission_usd + fee_usd + tax_usd, net_new_money_usd
        from gold.mart_money_flows where trades_completed > 0 or cash_movement_usd <> 0
    """,
    "trades": """
        select trade_id, placed_at, closed_at, status, type, is_sale, is_cash, quantity,
            bid_price_usd, trade_price_usd, traded_value_usd, commission_usd, fee_usd, tax_usd,
            account_id, customer_id,
            customer_last_name, customer_tier, broker_id, broker_last_name, branch, symbol,
            security_name, company_id, company_name, industry
        from gold.mart_trades
    """,
    "customers": """
        select customer_id, last_name, status, tier, agency_id, customer_since, broker_id, branch,
            accounts, trades_placed, trades_past_year, commission_paid_usd, last_trade_date,
            holdings_value_usd, cash_usd, alerts
        from gold.mart_customers
    """,
    "branches": """
        select branch, month_start_date, sum(commission_usd), sum(trades_completed), count(*)
        from gold.mart_broker_monthly_trading where trades_completed > 0 group by all
    """,
}


def differences(release: Path) -> dict[str, list[str]]:
    """Return by mart the first rows that it alone has (`+`) or lacks (`-`); "nothing" if empty.

    Marts by day are compared on seven days of the history: first, last and some between.
    """
    with duckdb.connect() as connection:
        connection.execute(f"attach '{release}' as release (read_only)")
        connection.execute("use release")
        connection.execute(";".join((DAYS, PARTS, FLOWS)))
        days = [day for (day,) in connection.execute("select day from asked").fetchall()]
        return {name: _compare(connection, name, days) for name in MARTS}


def _compare(connection: duckdb.DuckDBPyConnection, name: str, days: list) -> list[str]:
    own = [MARTS[name].format(day=day) for day in days] if "{day}" in MARTS[name] else [MARTS[name]]
    connection.execute("create or replace temp table mart as " + " union all ".join(own))
    connection.execute(f"create or replace temp table star as {REFERENCES[name]}")
    [(rows,)] = connection.execute("select count(*) from mart").fetchall()
    more = connection.execute("from mart except all from star limit 3").fetchall()
    less = connection.execute("from star except all from mart limit 3").fetchall()
    return [
        *(f"+ {row}" for row in more),
        *(f"- {row}" for row in less),
        *([] if rows else ["nothing"]),
    ]
