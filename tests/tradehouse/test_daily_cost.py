"""What a day's batch costs, in counts that are the same on every machine: no measurement, a guard.

A change that makes a daily build run more models, tests or statements or write more rows, or that
makes dbt itself do more, fails here and has to say why: the limits are what is needed now, with
little room.
"""

import hashlib
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.tradehouse.support import deliver, take
from tradehouse.home.paths import Home
from tradehouse.publish import releases

pytestmark = pytest.mark.xdist_group("run")

MODELS, TESTS, STATEMENTS, ROWS_WRITTEN = 45, 87, 385, 165
MESSAGES, TEMPLATES = 850, 660
# What stands on the optional sources beside the brokerage: a table that a day adds to, and a view.
APART = ("mart_customer_monthly_trading", "mart_branch_monthly_targets")
BLOCK = 262_144
REWRITTEN = 100 * BLOCK


@pytest.fixture
def statements(monkeypatch):
    """What dbt sends while a test runs: each statement, and the rows it added to a table.

    A table that is made anew is none of these, whether it is made `as` a query or filled after.
    """
    from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

    sent: list[tuple[str, int]] = []
    original = DuckDBCursorWrapper.execute

    def execute(self, sql, bindings=None):
        text = sql.strip().lower()
        # What `by_load` sends at once ends with a drop, which says nothing of rows.
        body, drop, table = sql.rpartition("drop table ")
        is_addition = "insert into" in text and not re.match(r"create\s+table", text)
        result = original(self, body if is_addition and drop else sql, bindings)
        rows = self.fetchone() if is_addition else None
        if is_addition and drop:
            original(self, drop + table)
        sent.append((text, rows[0] if rows else 0))
        return result

    monkeypatch.setattr(DuckDBCursorWrapper, "execute", execute)
    return sent


@pytest.fixture
def made(monkeypatch):
    """What dbt makes while a test runs: messages of events, and compiled templates."""
    import jinja2
    from dbt_common.events import base_types

    counted: Counter[str] = Counter()

    def counting(name, original):
        def call(*arguments, **options):
            counted[name] += 1
            return original(*arguments, **options)

        return call

    monkeypatch.setattr(base_types, "ParseDict", counting("messages", base_types.ParseDict))
    generate = counting("templates", jinja2.Environment._generate)
    monkeypatch.setattr(jinja2.Environment, "_generate", generate)
    return counted


def blocks(home: Path) -> dict[tuple[str, int], str]:
    """A digest of every block of warehouse and release, by file and number."""
    release = home / "releases" / "current" / "tradehouse.duckdb"
    found = {}
    for path in (home / "warehouse.duckdb", release):
        content = path.read_bytes()
        for number, start in enumerate(range(0, len(content), BLOCK)):
            digest = hashlib.blake2b(content[start : start + BLOCK]).hexdigest()
            found[path.name, number] = digest
    return found


def test_dbt_makes_no_more_than_it_has_to(published, made):
    deliver(published, days=2)
    take(published)
    assert 0 < made["messages"] <= MESSAGES
    assert 0 < made["templates"] <= TEMPLATES


def test_a_day_costs_no_more_than_it_has_to(published, statements):
    deliver(published, days=2)
    before = blocks(published)

    [build] = take(published).builds

    run = len(build.nodes) - build.untouched
    models_run = run - sum("count(*) as failures" in sql for sql, _ in statements)
    own = [one for one in statements if not any(name in one[0] for name in APART)]
    kinds = Counter(sql.split()[0] for sql, _ in own)
    assert models_run - 1 <= MODELS  # The table of APART is one.
    assert sum("count(*) as failures" in sql for sql, _ in own) <= TESTS
    assert len(own) <= STATEMENTS
    assert kinds["drop"] + kinds["alter"] <= 20
    assert 0 < sum(rows for _, rows in own) <= ROWS_WRITTEN
    assert [one.renewals for one in releases.list_releases(Home(published))] == [0, 1]
    after = blocks(published)
    rewritten = sum(before.get(one) != digest for one, digest in after.items()) * BLOCK
    assert 0 < rewritten <= REWRITTEN, f"{rewritten} bytes of {len(after) * BLOCK} were rewritten"
