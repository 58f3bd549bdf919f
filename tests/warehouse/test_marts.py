"""Every mart says what its description promises of the star schema, row by row, in bare SQL."""

import datetime
import json

import duckdb
import pytest

from tests.warehouse import star_marts
from tests.warehouse.platform_run import release

pytestmark = pytest.mark.xdist_group("builds")


@pytest.fixture(scope="module")
def found(all_at_once):
    return star_marts.differences(release(all_at_once))


@pytest.mark.parametrize("mart", star_marts.MARTS)
def test_a_mart_is_what_the_star_schema_says(found, mart):
    assert found[mart] == []


@pytest.mark.parametrize("view", ["mart_positions", "mart_customer_days", "mart_trades"])
def test_a_release_answers_by_itself_and_beside_others(all_at_once, tmp_path, view):
    """What stays a view reads the file it is in: alone, attached, and beside another gold."""
    question = "select count(*), max(rows) from (select *, 1 as rows from {}gold.{} where {})"
    condition = "placed_date is not null" if view == "mart_trades" else "is_last_day"
    with duckdb.connect(str(release(all_at_once)), read_only=True) as alone:
        answer = alone.execute(question.format("", view, condition)).fetchall()
        kind = alone.execute(
            "select table_type from information_schema.tables where table_name = ?", [view]
        ).fetchall()
    assert answer[0][0] > 0
    assert kind == [("VIEW",)]
    with duckdb.connect() as connection:
        connection.execute(f"attach '{release(all_at_once)}' as partner (read_only)")
        connection.execute("create schema gold; create table gold.mart_days (as_of_date date)")
        assert connection.execute(question.format("partner.", view, condition)).fetchall() == answer


@pytest.mark.parametrize("view", ["mart_positions", "mart_customer_days"])
def test_a_day_is_answered_without_the_other_days(all_at_once, view):
    """A condition on the day reaches every part: nothing on the way has rows of many days."""
    with duckdb.connect(str(release(all_at_once)), read_only=True) as connection:
        [(last,)] = connection.execute("select max(as_of_date) from gold.mart_days").fetchall()
        rows = connection.execute("select count(*) from gold.fact_market_history").fetchone()[0]
        for condition in ("is_last_day", f"as_of_date = date '{last - datetime.timedelta(30)}'"):
            connection.execute("pragma enable_profiling = 'no_output'")
            connection.execute(f"select * from gold.{view} where {condition}").fetchall()
            profile = json.loads(connection.get_profiling_information())
            assert 0 < _most_rows(profile) <= 10 * rows, condition


def _most_rows(node: dict) -> int:
    own = node.get("operator_cardinality", 0)
    return max([own, *(_most_rows(child) for child in node.get("children", []))])
