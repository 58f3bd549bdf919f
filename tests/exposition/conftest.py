"""Homes with a small release that is made in a moment, and a client of the API of one."""

import duckdb
import pytest
from fastapi.testclient import TestClient

from exposition import tokens
from exposition.api.app import create_app
from tests.tradehouse.conftest import finished, published
from tradehouse.home import state
from tradehouse.home.paths import Home
from tradehouse.home.records import Build, Outcome, Tests
from tradehouse.publish import publishing

__all__ = ["finished", "published"]

CUSTOMERS = 2_500
TABLES = {
    "customers": {
        "key": ["customer_id"],
        "classes": {
            **dict.fromkeys(["customer_id", "branch", "since", "worth_usd", "is_open"], "internal"),
            "last_name": "personal",
            "tax_id": "sensitive",
        },
    },
    "months": {
        "key": ["branch", "month"],
        "classes": dict.fromkeys(["branch", "month", "trades", "seen_at", "shares"], "public"),
    },
    "notes": {"classes": {"note": "internal"}},
    "dim_date": {"key": ["sk_date_id"], "classes": {"sk_date_id": "public"}},
    "secrets": {"key": ["last_name"], "classes": {"last_name": "personal"}},
    "by_name": {"key": ["last_name"], "classes": {"last_name": "personal", "n": "internal"}},
}


def fill(home, rows=CUSTOMERS):
    """Let the warehouse hold `rows` customers, and what the project declares of gold."""
    home.prepare()
    home.warehouse.unlink(missing_ok=True)
    with duckdb.connect(home.warehouse) as connection:
        connection.execute("create schema gold")
        connection.execute(
            f"""
            create table gold.customers as
            select
                range as customer_id,
                case when range % 10 <> 3 then 'Branch ' || range % 4 end as branch,
                date '2020-01-01' + cast(range % 1000 as integer) as since,
                cast(range * 0.25 - 100 as decimal(18, 2)) as worth_usd,
                range % 2 = 0 as is_open,
                'Name ' || range as last_name,
                '000-00-' || range as tax_id,
                'nobody knows' as of_unknown_class
            from range({rows})
            order by hash(range)
            """
        )
        connection.execute(
            """
            create table gold.months as
            select 'Branch ' || b.range as branch, date '2024-01-01' + to_months(m.range) as month,
                cast(b.range * m.range as integer) as trades,
                timestamp '2024-01-01 12:30:00' + to_hours(m.range) as seen_at,
                cast(1180591620717411303424 as hugeint) as shares
            from range(4) as b, range(12) as m
            """
        )
        connection.execute("alter table gold.months alter month type date")
        texts = [
            "plain",
            "=1+1",
            "+4",
            "-5",
            "@sum",
            "\t=2",
            "\uff1d3",
            'a "quote", commas',
            None,
        ]
        connection.execute("create table gold.notes (note varchar)")
        connection.executemany("insert into gold.notes values (?)", [[one] for one in texts])
        connection.execute("create table gold.dim_date as select range as sk_date_id from range(9)")
        connection.execute("create table gold.secrets as select 'Doe' as last_name")
        connection.execute(
            "create table gold.by_name as select 'N' || range as last_name, range % 3 as n"
            " from range(10)"
        )
    comments = {"customers": {"": "One row per customer.", "worth_usd": "In US dollars."}}
    graph = {"project_digest": "0", "nodes": {}, "comments": comments, "tables": TABLES}
    state.write(home, "graph", graph)


def publish(home, number=1):
    """Publish the warehouse as the release of a build; returns its id."""
    build = Build(
        status=Outcome.PASSED,
        id=f"build-{number}",
        tests=Tests(passed=7),
        batches=[{"batch": number, "is_accepted": True, "batch_date": "2024-01-31"}],
    )
    return publishing.publish(home, build).release.id


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A home that tests only read."""
    return make_home(tmp_path_factory.mktemp("exposition") / "home")


@pytest.fixture(scope="session")
def client(home):
    """A client with a token that sees no personal column."""
    with client_of(home, tokens.create(home, "partner")[1]) as found:
        yield found


@pytest.fixture(scope="session")
def personal(home):
    """A client whose token sees every column."""
    token = tokens.create(home, "compliance", may_see_personal=True)[1]
    with client_of(home, token) as found:
        yield found


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """A home of the test's own."""
    found = make_home(tmp_path / "home")
    monkeypatch.setenv("TRADEHOUSE_HOME", str(found.root))
    return found


@pytest.fixture
def own_client(own_home):
    """A client of the test's own home."""
    with client_of(own_home, tokens.create(own_home, "partner")[1]) as found:
        yield found


def make_home(root):
    home = Home(root)
    fill(home)
    publish(home)
    return home


def client_of(home, token=None, metrics=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return TestClient(
        create_app(home, metrics),
        headers=headers,
        raise_server_exceptions=False,
        base_url="http://127.0.0.1",
    )
