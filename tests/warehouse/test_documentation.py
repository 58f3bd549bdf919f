"""What the documentation promises: every table says what a row is, every column what it holds."""

import json

import duckdb
import pytest

pytestmark = pytest.mark.xdist_group("builds")

# What makes `di_messages` is tested there; the last node comes behind every test.
UNTESTED = ("built_loads", "messages", "validation_counts")


@pytest.fixture(scope="module")
def manifest(all_at_once):
    return json.loads((all_at_once / "target" / "manifest.json").read_text())


@pytest.fixture(scope="module")
def columns(all_at_once):
    """{(schema, table): {column, ...}} as the warehouse has them."""
    with duckdb.connect(str(all_at_once / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns()"
            " where database_name = 'warehouse' and schema_name in ('bronze', 'silver', 'gold')"
        ).fetchall()
    found: dict[tuple[str, str], set[str]] = {}
    for schema, table, column in rows:
        found.setdefault((schema, table), set()).add(column)
    return found


def nodes(manifest, *kinds):
    return [node for node in manifest["nodes"].values() if node["resource_type"] in kinds]


def test_every_model_opens_with_its_grain(manifest):
    silent = [
        node["name"]
        for node in nodes(manifest, "model", "seed")
        if not node["description"].startswith("One row per ")
    ]
    assert not silent


def test_every_column_is_described_and_no_other(manifest, columns):
    wrong = {}
    for node in nodes(manifest, "model", "seed"):
        described = {name for name, column in node["columns"].items() if column["description"]}
        existing = columns[(node["schema"], node["name"])]
        if described != existing:
            wrong[node["name"]] = sorted(described ^ existing)
    assert not wrong


def test_every_source_column_is_described(manifest):
    wrong = [
        f"{source['name']}.{name}"
        for source in manifest["sources"].values()
        for name, column in source["columns"].items()
        if not column["description"]
    ]
    assert not wrong
    assert all(source["description"] for source in manifest["sources"].values())


def test_every_model_has_an_owner_and_a_test_of_its_own(manifest):
    tested = {
        depends_on for node in nodes(manifest, "test") for depends_on in node["depends_on"]["nodes"]
    }
    models = nodes(manifest, "model")
    assert not [node["name"] for node in models if not node["group"]]
    assert not [
        node["name"]
        for node in models
        if node["unique_id"] not in tested and node["name"] not in UNTESTED
    ]


def test_the_last_node_waits_for_all_of_gold(manifest):
    [last] = [node for node in nodes(manifest, "model") if node["name"] == "built_loads"]
    gold = {node["unique_id"] for node in nodes(manifest, "model") if node["schema"] == "gold"}
    assert gold <= set(last["depends_on"]["nodes"])


def test_exposures_name_their_readers(manifest):
    exposures = manifest["exposures"].values()
    assert len(exposures) >= 3
    assert all(exposure["owner"]["email"] and exposure["description"] for exposure in exposures)
