"""From which columns a column is made, as the page of the docs says it."""

import json

import duckdb
import pytest

from tests.tradehouse.test_docs import shown
from tradehouse.home import state
from tradehouse.home.paths import Home
from tradehouse.home.records import Graph
from tradehouse.publish import lineage
from tradehouse.publish.lineage import without_by_name

pytestmark = pytest.mark.xdist_group("run")

UNITED = """
with a as (select 1 as x, 'one' as y), b as (select 'two' as y, true as z)

select x, y from a
union all by name
select y, z from b
union all by name
select z, x from (select false as z, 3 as x)
"""


def rows(query):
    with duckdb.connect() as connection:
        return connection.execute(f"select x, y, z from ({query}) order by all").fetchall()


def test_a_union_by_position_has_the_same_rows():
    positional = without_by_name(UNITED)

    assert "BY NAME" not in positional.upper()
    assert rows(positional) == rows(UNITED)
    assert rows(UNITED) == [(1, "one", None), (3, None, False), (None, "two", True)]


def test_a_star_is_known_from_the_schema_and_else_left_alone():
    query = "select * from w.s.t union all by name select b, a from w.s.t"

    known = without_by_name(query, {"w": {"s": {"t": {"a": "INT", "b": "INT"}}}})
    assert "BY NAME" not in known.upper()
    first, second = known.split("UNION ALL")
    assert first.index('"a"') < first.index('"b"')
    assert second.index('"a"') < second.index('"b"')
    assert "BY NAME" in without_by_name(query).upper()


@pytest.fixture(scope="module")
def edges(finished, tmp_path_factory):
    """Pairs of columns, each as model and column: what is made from what."""
    target = finished.home / "target"
    page = tmp_path_factory.mktemp("lineage") / lineage.PAGE
    found = lineage.make(target / "manifest.json", target / "catalog.json", page)
    names = {one: one.split(".", 2)[2] for one in found["nodes"]}
    return {
        (
            names[edge["target"]],
            edge["targetColumn"],
            names.get(edge["source"]),
            edge["sourceColumn"],
        )
        for edge in found["edges"]
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "column", "source", "expected"),
    [
        ("dim_account", "status", "silver_accounts", {"status"}),
        ("silver_accounts", "tax_status", "silver_account_events", {"tax_status"}),
        ("mart_security_performance", "company_name", "dim_company", {"name"}),
        ("bronze_brokerage__hr", "employeeid", "brokerage.hr", {"employeeid"}),
    ],
)
def test_a_column_is_traced_to_what_it_is_made_from(edges, model, column, source, expected):
    found = {edge[3] for edge in edges if edge[:3] == (model, column, source)}

    assert found >= expected


@pytest.mark.slow
def test_no_model_of_gold_is_left_out(edges, finished):
    with duckdb.connect(
        finished.home / "releases/current/tradehouse.duckdb", read_only=True
    ) as connection:
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()

    assert {name for (name,) in tables} - {edge[0] for edge in edges} == set()


def test_the_page_of_a_column_opens_without_a_network(finished, tmp_path):
    page = (finished.home / "releases" / "current" / "docs").resolve()
    address = lineage.link_to("model.tradehouse.dim_account", "status")

    text = shown(page / address, tmp_path)

    assert "One row per version of an account" in text
    assert "silver_accounts" in text
    assert "posthog" not in text


@pytest.mark.slow
def test_what_is_made_from_a_personal_column_is_as_personal(finished, edges):
    """Of columns of gold: of those that are traced to a source at all."""
    manifest = json.loads((finished.home / "target" / "manifest.json").read_text())
    declared = state.find(Home(finished.home), Graph).tables
    delivered = {
        (f"{source['source_name']}.{source['name']}", name): column["config"]["meta"]["class"]
        for source in manifest["sources"].values()
        for name, column in source["columns"].items()
        if "class" in column["config"]["meta"]
    }
    parents = {}
    for model, column, source, source_column in edges:
        parents.setdefault((model, column), set()).add((source, source_column))

    def origins(column, seen):
        if column in seen:
            return set()
        seen.add(column)
        found = {column} & delivered.keys()
        return found.union(*(origins(one, seen) for one in parents.get(column, ())))

    ranks = ("public", "internal", "personal", "sensitive")
    lower, traced = [], 0
    for model, table in declared.items():
        for column, own in table.classes.items():
            found = [ranks.index(delivered[one]) for one in origins((model, column), set())]
            traced += bool(found)
            if max(found, default=0) > max(ranks.index(own), ranks.index("internal")):
                lower.append((model, column, own))
    assert lower == []
    assert traced > 250
    assert declared["dim_customer"].key == ["sk_customer_id"]
