"""What a day's batch costs, in counts that are the same on every machine: no measurement, a guard.

A change that makes a daily build run more models, tests or statements, or write more rows, fails
here and has to say why: the limits are what is needed now, with little room.
"""

from collections import Counter

import pytest

from tests.tradehouse.support import deliver, take
from tradehouse import releases
from tradehouse.home import Home

pytestmark = pytest.mark.xdist_group("run")

MODELS, TESTS, STATEMENTS, ROWS_WRITTEN = 43, 73, 420, 200


@pytest.fixture
def statements(monkeypatch):
    """What dbt sends while a test runs: each statement, and the rows that it inserted."""
    from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

    sent: list[tuple[str, int]] = []
    original = DuckDBCursorWrapper.execute

    def execute(self, sql, bindings=None):
        result = original(self, sql, bindings)
        text = sql.strip().lower()
        rows = self.fetchone() if "insert into" in text else None
        sent.append((text, rows[0] if rows else 0))
        return result

    monkeypatch.setattr(DuckDBCursorWrapper, "execute", execute)
    return sent


def test_a_day_costs_no_more_than_it_has_to(published, statements):
    deliver(published, days=2)

    [build] = take(published).builds

    run = len(build["nodes"]) - build["untouched"]
    tests_run = sum("count(*) as failures" in sql for sql, _ in statements)
    kinds = Counter(sql.split()[0] for sql, _ in statements)
    assert run - tests_run <= MODELS
    assert tests_run <= TESTS
    assert len(statements) <= STATEMENTS
    assert kinds["drop"] + kinds["alter"] <= 20
    assert 0 < sum(rows for _, rows in statements) <= ROWS_WRITTEN
    assert [one["renewals"] for one in releases.list_releases(Home(published))] == [0, 1]
