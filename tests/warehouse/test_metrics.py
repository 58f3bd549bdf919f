"""Every metric beside bare SQL, written from its description and over the star, to the cent."""

import datetime
from decimal import Decimal
from types import SimpleNamespace

import duckdb
import pytest

from exposition.metrics.answers import Metrics
from exposition.metrics.definitions import ALL_CLASSES, TYPES
from exposition.metrics.questions import ask
from tests.documentation import PROJECT, blocks, fresh_project, run
from tests.warehouse.platform_run import release
from tradehouse.home.paths import Home
from tradehouse.publish.releases import read_release

pytestmark = pytest.mark.xdist_group("builds")

SINCE, UNTIL = "2017-03-14", "2017-09-30"

STAR = """
create macro day_of(id) as make_date(id // 10000, id // 100 % 100, id % 100);
create table who as
    select customer_id, country, tier, status from gold.dim_customer where is_current;
create table broker as select broker_id, branch from gold.dim_broker where is_current;
create table listed as select symbol, exchange_id from gold.dim_security where is_current;
create table issuer as select company_id, industry from gold.dim_company where is_current;

create table trade as
select
    t.status as state, tt_is_sell = 1 as is_sale, t.quantity * t.trade_price as traded,
    t.commission, t.fee, t.tax, a.account_id, s.symbol, c.customer_id,
    day_of(t.sk_create_date_id) as placed, day_of(t.sk_close_date_id) as closed,
    who.country, who.tier, who.status, broker.branch
from gold.dim_trade as t
join gold.dim_account as a using (sk_account_id)
join gold.dim_customer as c on c.sk_customer_id = t.sk_customer_id
join gold.dim_broker as b on b.sk_broker_id = t.sk_broker_id
join gold.dim_security as s on s.sk_security_id = t.sk_security_id
join gold.trade_type on tt_name = t.type
left join who on who.customer_id = c.customer_id
left join broker on broker.broker_id = b.broker_id;

create table flow as
select day, country, tier, status, money
from (
    select customer_id, day_of(sk_date_id) as day,
        cash - lag(cash, 1, 0) over (partition by account_id order by sk_date_id) as money
    from gold.fact_cash_balances as f
    join gold.dim_account as a using (sk_account_id)
    join gold.dim_customer as c on c.sk_customer_id = f.sk_customer_id
    union all
    select customer_id, closed, if(is_sale, -traded, traded) + commission + fee + tax
    from trade where state = 'Completed'
)
join who using (customer_id);

create table change as
select after.customer_id, after.effective_date as day, after.status as became, who.country,
    who.tier, who.status
from gold.dim_customer as after
left join gold.dim_customer as before
    on before.customer_id = after.customer_id and before.end_date = after.effective_date
join who on who.customer_id = after.customer_id
where (before.status is null and after.status = 'Active')
    or (before.status = 'Active' and after.status = 'Inactive');

create table watch as
select day_of(w.sk_date_id_date_placed) as day, who.country, who.tier, listed.exchange_id, exists(
    from trade where trade.customer_id = c.customer_id and trade.symbol = s.symbol
        and state = 'Completed' and not is_sale and closed >= day_of(w.sk_date_id_date_placed)
) as led
from gold.fact_watches as w
join gold.dim_customer as c using (sk_customer_id)
join gold.dim_security as s using (sk_security_id)
join who on who.customer_id = c.customer_id
join listed on listed.symbol = s.symbol;

create table person as
select day_of(sk_record_date_id) as day, country, state, is_customer from gold.prospect;

create table alert as
select audit.date as day, message_text as alert
from gold.di_messages
join gold.audit on audit.batch_id = di_messages.batch_id
    and data_set = 'Batch' and attribute = 'LastDay'
where message_type = 'Alert';
"""

AS_OF = """
create or replace table owner as
select account_id, customer_id, who.country, who.tier, who.status, broker.branch
from gold.dim_account as a
join gold.dim_customer as c using (sk_customer_id)
join gold.dim_broker as b using (sk_broker_id)
left join who using (customer_id)
left join broker using (broker_id)
where date '{day}' >= a.effective_date and date '{day}' < a.end_date;

create or replace table price as
select symbol, arg_max(close_price, sk_date_id) as price
from gold.fact_market_history join gold.dim_security using (sk_security_id)
where day_of(sk_date_id) <= date '{day}' group by symbol;

create or replace table held as
with lot as (
    select trade_id, account_id, symbol, current_holding as shares
    from gold.fact_holdings
    join gold.dim_account using (sk_account_id)
    join gold.dim_security using (sk_security_id)
    where day_of(sk_date_id) <= date '{day}'
    qualify row_number() over (
        partition by trade_id order by sk_date_id desc, sk_time_id desc, current_trade_id desc) = 1
),
share as (
    select account_id, symbol, sum(shares) as shares from lot group by all having sum(shares) <> 0
)
select account_id, customer_id, share.symbol, owner.country, tier, owner.status, branch,
    issuer.industry,
    (shares * coalesce(price, 0))::decimal(18, 2) as value
from share
join gold.dim_security as s on s.symbol = share.symbol
    and date '{day}' >= s.effective_date and date '{day}' < s.end_date
join gold.dim_company as i using (sk_company_id)
join issuer using (company_id)
left join price on price.symbol = share.symbol
left join owner using (account_id);

create or replace table had as
select customer_id, country, tier, status, sum(cash) as cash, sum(value) as value
from (
    select customer_id, country, tier, status, 0 as cash, value from held
    where customer_id is not null
    union all
    select customer_id, country, tier, owner.status, arg_max(cash, f.sk_date_id), 0
    from owner
    join gold.dim_account as a using (account_id)
    join gold.fact_cash_balances as f using (sk_account_id)
    where day_of(f.sk_date_id) <= date '{day}'
    group by customer_id, country, tier, owner.status, account_id
    union all
    select c.customer_id, who.country, who.tier, who.status, 0, 0
    from gold.dim_customer as c join who using (customer_id)
    where date '{day}' >= c.effective_date and date '{day}' < c.end_date
)
group by all;

create or replace table active as
select who.* from gold.dim_customer as c join who using (customer_id)
where date '{day}' >= c.effective_date and date '{day}' < c.end_date and c.status = 'Active';
"""

OF_CUSTOMERS = {
    "customer__country = Canada": "country = 'Canada'",
    "customer__tier in 1, 2": "tier in (1, 2)",
    "customer__status = Active": "status = 'Active'",
}
OF_TRADES = {**OF_CUSTOMERS, "broker__branch is not null": "branch is not null"}
OF_WATCHES = {
    "customer__country = Canada": "country = 'Canada'",
    "customer__tier >= 2": "tier >= 2",
    "security__exchange not in NYSE, PCX": "exchange_id not in ('NYSE', 'PCX')",
}
OF_PEOPLE = {
    "prospect__country = United States of America": "country = 'United States of America'",
    "prospect__country is not null": "country is not null",
    "prospect__state != 'TX'": "state <> 'TX'",
}
COUNTRY = ("customer__country", "country")
BRANCH = ("broker__branch", "branch")
COMPLETED = "filter (state = 'Completed')"

# Metric: table, day, what is computed, conditions, what to group by.
FLOWS = {
    "orders_placed": ("trade", "placed", "count(*)", OF_TRADES, BRANCH),
    "trades": ("trade", "closed", f"count(*) {COMPLETED}", OF_TRADES, BRANCH),
    "orders_canceled": (
        *("trade", "closed", "count(*) filter (state = 'Canceled')", OF_TRADES, BRANCH),
    ),
    "traded_value": ("trade", "closed", "coalesce(sum(traded), 0)", OF_TRADES, BRANCH),
    "commission": ("trade", "closed", "coalesce(sum(commission), 0)", OF_TRADES, BRANCH),
    "average_trade": (
        *("trade", "closed", f"round(sum(traded) / count(*) {COMPLETED}, 2)", OF_TRADES, COUNTRY),
    ),
    "take_rate": (
        *("trade", "closed", "round(100 * sum(commission) / sum(traded), 4)", OF_TRADES, COUNTRY),
    ),
    "active_customers": (
        *("trade", "closed", f"count(distinct customer_id) {COMPLETED}", OF_TRADES, BRANCH),
    ),
    "net_new_money": ("flow", "day", "coalesce(sum(money), 0)", OF_CUSTOMERS, COUNTRY),
    "new_customers": ("change", "day", "count_if(became = 'Active')", OF_CUSTOMERS, COUNTRY),
    "lost_customers": ("change", "day", "count_if(became = 'Inactive')", OF_CUSTOMERS, COUNTRY),
    "watches_placed": ("watch", "day", "count(*)", OF_WATCHES, COUNTRY),
    "watches_bought": ("watch", "day", "count_if(led)", OF_WATCHES, COUNTRY),
    "watch_conversion": (
        *("watch", "day", "round(100 * count_if(led) / count(*), 4)", OF_WATCHES, COUNTRY),
    ),
    "prospects": ("person", "day", "count(*)", OF_PEOPLE, ("prospect__state", "state")),
    "prospects_won": (
        *(
            "person",
            "day",
            "count(*) filter (is_customer)",
            OF_PEOPLE,
            ("prospect__state", "state"),
        ),
    ),
    "prospect_conversion": (
        *("person", "day", "round(100 * count_if(is_customer) / count(*), 4)", OF_PEOPLE),
        ("prospect__country", "country"),
    ),
    "alerts": (
        *("alert", "day", "count(*)"),
        {"batch__alert in Invalid customer tier, x": "alert in ('Invalid customer tier', 'x')"},
        ("batch__alert", "alert"),
    ),
}
# Level: table of a day, what is computed, conditions, what to group by.
LEVELS = {
    "assets_under_custody": ("had", "coalesce(sum(cash + value), 0)", OF_CUSTOMERS, COUNTRY),
    "cash": ("had", "coalesce(sum(cash), 0)", OF_CUSTOMERS, COUNTRY),
    "cash_share": ("had", "round(100 * sum(cash) / sum(cash + value), 4)", OF_CUSTOMERS, COUNTRY),
    "customers": ("active", "count(*)", OF_CUSTOMERS, COUNTRY),
    "assets_per_customer": (
        *("had", "round(sum(cash + value) / (select count(*) from active {}), 2)"),
        *(OF_CUSTOMERS, None),
    ),
    "holdings_value": (
        *("held", "coalesce(sum(value), 0)"),
        {**OF_TRADES, "company__industry is not null": "industry is not null"},
        BRANCH,
    ),
    "positions_held": ("held", "count(*)", OF_TRADES, ("security__symbol", "symbol")),
    "largest_customers_share": (
        *("had", "round(100 * list_sum(max(cash + value, 10)) / sum(cash + value), 4)", {}, None),
    ),
    "largest_securities_share": (
        "(select symbol, sum(value) as value from held group by symbol)",
        *("round(100 * list_sum(max(value, 10)) / sum(value), 4)", {}, None),
    ),
}
ELSEWHERE = {"churn", "rows_delivered", "rows_quarantined", "quarantine_share"}
ELSEWHERE |= {"days_since_last_batch"}


@pytest.fixture(scope="module")
def metrics(all_at_once):
    found = Metrics(release(all_at_once).parent)
    yield found
    found.close()


@pytest.fixture(scope="module")
def star(all_at_once):
    """The release's star, with what the bare SQL reads."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{release(all_at_once).resolve()}' as star (read_only)")
        connection.execute("create schema gold")
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'star'"
        ).fetchall()
        for (name,) in tables:
            connection.execute(f'create view gold."{name}" as from star.gold."{name}"')
        connection.execute(STAR)
        yield connection


def asked(metrics, name, **question):
    return metrics.answer(ask(metrics.definitions, [name], may_see=ALL_CLASSES, **question)).rows


def same(found, expected):
    """Whether rows are the same, whatever stands in them for a number, in any order."""

    def plain(rows):
        return sorted(
            (
                tuple(
                    Decimal(str(value)).quantize(Decimal("0.0001"))
                    if isinstance(value, int | float | Decimal)
                    else value
                    for value in row
                )
                for row in rows
            ),
            key=str,
        )

    return plain(found) == plain(expected)


def test_every_metric_is_compared(metrics):
    assert set(metrics.definitions.metrics) == {*FLOWS, *LEVELS, *ELSEWHERE}


@pytest.mark.parametrize("name", FLOWS)
def test_what_happens_is_as_bare_sql_counts_it(metrics, star, name):
    table, day, computed, conditions, (dimension, column) = FLOWS[name]
    whole = star.sql(f"select {computed} from {table}").fetchall()
    assert whole[0][0], "nothing to compare"
    assert same(asked(metrics, name), whole)

    where = " and ".join(conditions.values())
    found = asked(metrics, name, where=list(conditions))
    assert same(found, star.sql(f"select {computed} from {table} where {where}").fetchall())

    until = str(metrics.definitions.last_day) if table == "person" else UNTIL
    found = asked(metrics, name, by=[dimension], since=SINCE, until=until, grain="month")
    assert found
    by_month = f"""
        select date_trunc('month', {day})::date, {column}, {computed} from {table}
        where {day} between date '{SINCE}' and date '{until}' group by 1, 2
    """
    assert same(found, star.sql(by_month).fetchall())


@pytest.mark.parametrize("name", LEVELS)
def test_levels_are_those_of_the_last_day(metrics, star, name):
    table, computed, conditions, by = LEVELS[name]
    last_day = metrics.definitions.last_day
    where = " and ".join(conditions.values()) or "true"

    def expected(day, grouped="", where="true"):
        star.execute(AS_OF.format(day=day))
        shown = f"{grouped}, " if grouped else ""
        ending = f"group by {grouped}" if grouped else ""
        what = computed.format(f"where {where}")
        return star.sql(f"select {shown}{what} from {table} where {where} {ending}").fetchall()

    assert expected(last_day)[0][0], "nothing to compare"
    assert same(asked(metrics, name), expected(last_day))
    assert same(asked(metrics, name, until="2099-12-31"), expected(last_day))
    if conditions:
        found = asked(metrics, name, where=list(conditions), until=UNTIL)
        assert same(found, expected(UNTIL, where=where))

    dimension, column = by or (None, "")
    found = asked(
        metrics, name, by=[dimension] if by else [], since=SINCE, until=UNTIL, grain="quarter"
    )
    ends = {"2017-01-01": "2017-03-31", "2017-04-01": "2017-06-30", "2017-07-01": UNTIL}
    rows = [
        (datetime.date.fromisoformat(first), *row)
        for first, last in ends.items()
        for row in expected(last, column)
    ]
    assert same(found, rows)


def test_a_position_that_was_sold_is_not_taken_from_the_day_before(metrics, star):
    """A level is nothing where there is no row on its day, and not the last that there was."""
    last_day = metrics.definitions.last_day
    star.execute(AS_OF.format(day=last_day))
    [(symbol, closed)] = star.sql("""
        select symbol, max(closed) from trade
        where state = 'Completed' and symbol not in (select symbol from held)
        group by symbol order by all limit 1
    """).fetchall()
    where = [f"security__symbol = {symbol}"]

    assert asked(metrics, "positions_held", where=where) == [(0,)]
    assert asked(metrics, "positions_held", where=where, since=str(closed)) == [(0,)]


def test_levels_that_are_read_in_another_way_are_refused(metrics, monkeypatch):
    """A version of MetricFlow that writes SQL otherwise must not add up days."""
    from metricflow.engine.metricflow_engine import MetricFlowEngine

    explain = MetricFlowEngine.explain

    def otherwise(self, request):
        sql = str(explain(self, request).sql_statement.sql).replace("FROM ", "FROM\n")
        return SimpleNamespace(sql_statement=SimpleNamespace(sql=sql))

    monkeypatch.setattr(MetricFlowEngine, "explain", otherwise)
    with pytest.raises(ValueError, match="its days would be added up"):
        asked(Metrics(metrics.release), "cash")


def test_churn_is_of_those_who_could_leave(metrics, star):
    star.execute(AS_OF.format(day=UNTIL))
    [(expected,)] = star.sql(f"""
        with lost as (select count(*) as lost from change where became = 'Inactive'
            and country = 'Canada' and day between date '{SINCE}' and date '{UNTIL}')
        select round(100 * lost / (lost + there), 4)
        from lost, (select count(*) as there from active where country = 'Canada')
    """).fetchall()
    found = asked(metrics, "churn", since=SINCE, until=UNTIL, where=["customer__country = Canada"])
    assert same(found, [(expected,)])


def test_quality_is_as_the_release_says(metrics, all_at_once):
    home = Home(all_at_once)
    batches = read_release(home, metrics.definitions.release_id).batches
    delivered = sum(one.rows_delivered for one in batches)
    refused = sum(one.rows_quarantined for one in batches)
    share = round(Decimal(100) * refused / delivered, 4)

    assert same(asked(metrics, "rows_delivered"), [(delivered,)])
    assert same(asked(metrics, "rows_quarantined"), [(refused,)])
    assert same(asked(metrics, "quarantine_share"), [(share,)])
    first = batches[1].batch_date
    by_day = asked(metrics, "rows_delivered", grain="day", since=str(first))
    assert by_day == [
        (datetime.date.fromisoformat(one.batch_date), one.rows_delivered) for one in batches[1:]
    ]


def test_freshness_counts_days_until_today(metrics):
    before = datetime.datetime.now(datetime.UTC).date()
    [(found,)] = asked(metrics, "days_since_last_batch")
    after = datetime.datetime.now(datetime.UTC).date()
    last_day = metrics.definitions.last_day
    assert (before - last_day).days <= found <= (after - last_day).days
    assert metrics.definitions.metrics["days_since_last_batch"].is_of_now


def test_every_dimension_has_the_type_that_it_declares(metrics):
    kinds = {"text": str, "number": int | Decimal, "date": datetime.date, "boolean": bool}
    assert set(kinds) == set(TYPES)
    tried = {}
    for metric in metrics.definitions.metrics.values():
        for name in metric.dimensions:
            tried.setdefault(name, metric.name)
    assert set(tried) == set(metrics.definitions.dimensions)
    for name, metric in tried.items():
        rows = asked(metrics, metric, by=[name], limit=50)
        values = [row[0] for row in rows if row[0] is not None]
        kind = kinds[metrics.definitions.dimensions[name].type]
        assert values, name
        assert all(isinstance(value, kind) for value in values), name


def test_every_metric_can_be_asked_by_each_of_its_dimensions(metrics):
    for metric in metrics.definitions.metrics.values():
        assert metric.unit
        assert len(metric.description) > 40
        rows = asked(metrics, metric.name, by=metric.dimensions, grain="year", limit=2)
        assert rows, metric.name


@pytest.mark.slow
def test_the_commands_of_the_page_run(all_at_once, tmp_path):
    page = PROJECT / "docs" / "metrics.md"
    said = run(blocks(page), fresh_project(tmp_path / "project"), TRADEHOUSE_HOME=str(all_at_once))
    for heading in ("take_rate", "company__industry", "assets_under_custody", "account_id"):
        assert heading in said
    board = (tmp_path / "project" / "board.csv").read_text().splitlines()
    assert board[0] == "broker__branch,commission,take_rate"
    assert len(board) == 6
