"""The marts beside bare SQL that counts days and months by dates alone, without an interval.

DuckDB 1.5 takes `day - interval 1 month` and `day - interval 30 days` in one SELECT for the same.
"""

import json
import random
import re
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from tests.tradehouse.support import PROJECT

pytestmark = pytest.mark.xdist_group("run")

MONTHS = ("MONTH", "QUARTER", "YEAR", "DECADE", "CENTURY", "MILLENNIUM")

MONTHS_BEFORE = """
create macro first_of(day, months) as make_date(
    (year(day) * 12 + month(day) - 1 - months) // 12,
    (year(day) * 12 + month(day) - 1 - months) % 12 + 1,
    1
);
create macro months_before(day, months) as
    least(first_of(day, months) + (day(day)::integer - 1), last_day(first_of(day, months)));
"""

PERFORMANCE = """
with prices as (
    select * from warehouse.silver.silver_prices
    where sk_company_id is not null and price_date >= (
        select months_before(max(price_date), 12) - 7 from warehouse.silver.silver_prices)
),
last as (select symbol, max(price_date) as day from prices group by symbol),
close_of as (
    select
        symbol, day,
        max(close_price) filter (price_date = day) as now,
        arg_max(close_price, price_date) filter (price_date < day) as day_before,
        arg_max(close_price, price_date) filter (price_date <= month_ago) as month_before,
        arg_max(close_price, price_date) filter (price_date <= quarter_ago) as quarter_before,
        arg_max(close_price, price_date) filter (price_date <= year_ago) as year_before,
        avg(volume) filter (datediff('day', price_date, day) < 30) as volume
    from (
        select prices.*, day, months_before(day, 1) as month_ago,
            months_before(day, 3) as quarter_ago, months_before(day, 12) as year_ago
        from prices inner join last using (symbol)
    )
    group by all
)
select
    symbol, day, now,
    (100 * (now - day_before) / day_before).round(2)::decimal(12, 2),
    (100 * (now - month_before) / month_before).round(2)::decimal(12, 2),
    (100 * (now - quarter_before) / quarter_before).round(2)::decimal(12, 2),
    (100 * (now - year_before) / year_before).round(2)::decimal(12, 2),
    volume.round()::bigint
from warehouse.gold.dim_security as securities left join close_of using (symbol)
where securities.is_current
order by all
"""
PERFORMANCE_COLUMNS = """
select symbol, last_trading_date, close_price_usd, return_day_percent, return_month_percent,
    return_quarter_percent, return_year_percent, average_volume
from ({}) order by all
"""

READ = (
    *("silver.silver_trades", "silver.silver_holdings", "silver.silver_watches"),
    *("silver.silver_prices", "gold.dim_security", "gold.dim_company"),
)

WORTH = """
select
    owner.customer_id,
    (select count(*) from accounts where accounts.customer_id = owner.customer_id),
    coalesce((select sum(shares * coalesce(price, 0)) from positions inner join accounts
        using (account_id) where accounts.customer_id = owner.customer_id), 0)::decimal(18, 2),
    coalesce((select sum(amount) from warehouse.silver.silver_cash_balances as cash inner join
        accounts using (account_id) where accounts.customer_id = owner.customer_id), 0)
        ::decimal(18, 2),
    (select count(*) from warehouse.silver.silver_trades inner join accounts using (account_id)
        where is_published and accounts.customer_id = owner.customer_id)
from warehouse.gold.dim_customer as owner
where owner.is_current
order by all
"""
WORTH_PARTS = """
create temp view accounts as
select account_id, owners.customer_id
from warehouse.gold.dim_account as account
inner join warehouse.gold.dim_customer as owners using (sk_customer_id)
where account.is_current;
create temp view positions as
select
    account_id, symbol, sum(quantity_after - quantity_before) as shares,
    (select arg_max(close_price, price_date) from warehouse.silver.silver_prices as prices
        where prices.symbol = held.symbol and sk_company_id is not null) as price
from warehouse.silver.silver_holdings as held where is_published group by all;
"""

MONTHLY = """
with trades as (
    select broker_id, created_at, closed_at, status_type_id, trades.quantity,
        trades.quantity * trade_price as traded, commission
    from warehouse.silver.silver_trades as trades
    inner join warehouse.gold.dim_broker using (sk_broker_id) where is_published
),
months as (
    select broker_id, make_date(year(created_at), month(created_at), 1) as month from trades
    union
    select broker_id, make_date(year(closed_at), month(closed_at), 1) from trades
    where closed_at is not null
)
select
    broker_id, month,
    (select count(*) from trades where trades.broker_id = months.broker_id
        and strftime(created_at, '%Y-%m') = strftime(month, '%Y-%m')),
    (select count(*) from trades where trades.broker_id = months.broker_id
        and status_type_id = 'CMPT' and strftime(closed_at, '%Y-%m') = strftime(month, '%Y-%m')),
    coalesce((select sum(traded) from trades where trades.broker_id = months.broker_id
        and strftime(closed_at, '%Y-%m') = strftime(month, '%Y-%m')), 0)::decimal(18, 2),
    coalesce((select sum(commission) from trades where trades.broker_id = months.broker_id
        and strftime(closed_at, '%Y-%m') = strftime(month, '%Y-%m')), 0)::decimal(18, 2)
from months
where broker_id in (select broker_id from warehouse.gold.dim_broker where is_current)
order by all
"""


def compiled(home: Path) -> dict[str, str]:
    """The SQL of every model and test of the project, as the last build compiled it."""
    manifest = json.loads((home / "target" / "manifest.json").read_text())
    nodes = [*manifest["nodes"].values(), *manifest.get("unit_tests", {}).values()]
    return {node["name"]: node["compiled_code"] for node in nodes if node.get("compiled_code")}


def warehouse_of(home: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(MONTHS_BEFORE)
    connection.execute(f"attach '{home / 'warehouse.duckdb'}' as warehouse (read_only)")
    return connection


def test_no_select_mixes_intervals_of_months_with_intervals_of_days(finished):
    queries = compiled(finished.home)
    assert len(queries) > 150

    mixed = []
    for name, code in queries.items():
        statements = [tree for tree in sqlglot.parse(code, dialect="duckdb") if tree is not None]
        intervals = [one for tree in statements for one in tree.find_all(exp.Interval)]
        units = {str(one.unit).upper().removesuffix("S") in MONTHS for one in intervals}
        if len(units) > 1:
            mixed.append(name)

    assert mixed == []


def test_no_code_of_the_project_counts_days_with_an_interval():
    """Increments and macros too, which a build from nothing does not compile."""
    files = [*(PROJECT / "models").rglob("*.sql"), *(PROJECT / "macros").rglob("*.sql")]
    files += [*(PROJECT / "tests" / "data").rglob("*.sql")]
    counted = re.compile(r"\binterval\s+'?\(?\d+\)?\s*(day|week|hour|minute|second)", re.IGNORECASE)

    found = [path.name for path in files if counted.search(path.read_text())]

    assert found == []


@pytest.mark.parametrize("seed", range(3))
def test_security_performance_counts_days_and_months_by_the_calendar(finished, seed):
    """Random prices with gaps, whose last days fall on all ends of months."""
    code = compiled(finished.home)["mart_security_performance"]
    chance = random.Random(seed)
    rows = []
    for symbol in range(200):
        last = date(2017, 7, 31) - timedelta(days=chance.randrange(190))
        for before in {0, *(day for day in range(450) if chance.random() < 0.4)}:
            price, volume = chance.randrange(100, 10_000) / 100, chance.randrange(1, 1_000_000)
            rows.append((f"S{symbol}", last - timedelta(days=before), price, volume))
    with warehouse_of(finished.home) as built:
        tables = {name: built.execute(f"describe warehouse.{name}").fetchall() for name in READ}
    connection = duckdb.connect()
    connection.execute(MONTHS_BEFORE)
    connection.execute("attach ':memory:' as warehouse")
    connection.execute("create schema warehouse.silver; create schema warehouse.gold")
    for table, columns in tables.items():
        listed = ", ".join(f"{name} {kind}" for name, kind, *_ in columns)
        connection.execute(f"create table warehouse.{table} ({listed})")
    connection.execute("insert into warehouse.gold.dim_company (sk_company_id) values (1)")
    connection.execute(
        "insert into warehouse.gold.dim_security by name select 'S' || i as symbol,"
        " 1 as sk_company_id, true as is_current from range(200) as numbers (i)"
    )
    names = ("symbol", "price_date", "close_price", "volume")
    arrow = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    connection.register("delivered", arrow)
    connection.execute(
        "insert into warehouse.silver.silver_prices by name select *, 1 as sk_company_id"
        " from delivered"
    )

    found = connection.execute(PERFORMANCE_COLUMNS.format(code)).fetchall()

    assert len(found) == 200
    assert found == connection.execute(PERFORMANCE).fetchall()


def test_the_marts_of_a_home_are_what_bare_sql_gives(finished):
    marts = {
        PERFORMANCE: PERFORMANCE_COLUMNS.format("from warehouse.gold.mart_security_performance"),
        WORTH: "select customer_id, accounts, holdings_value_usd, cash_usd, trades_placed"
        " from warehouse.gold.mart_customers order by all",
        MONTHLY: "select broker_id, month_start_date, trades_placed, trades_completed,"
        " traded_value_usd, commission_usd"
        " from warehouse.gold.mart_broker_monthly_trading order by all",
    }
    with warehouse_of(finished.home) as connection:
        connection.execute(WORTH_PARTS)
        for bare, mart in marts.items():
            found = connection.execute(mart).fetchall()
            assert found, mart
            assert found == connection.execute(bare).fetchall()
