"""What the documentation says: what a row of every table is, what every column holds.

Also the page on querying a release: its commands and queries run, the keys of its diagram exist.
"""

import json
import re

import duckdb
import pytest

from tests.documentation import PROJECT, blocks, fresh_project, run
from tests.warehouse.platform_run import release

pytestmark = pytest.mark.xdist_group("builds")

QUERYING = PROJECT / "docs" / "querying.md"
ENTITY = re.compile(r"^    (?P<table>\w+) \{\n(?P<columns>(?:        .+\n)+)    \}$", re.MULTILINE)
# What makes `di_messages` is tested there; the last node comes behind every test.
UNTESTED = ("built_loads", "messages", "validation_counts")
# Equal rows may occur in these, as their descriptions say.
KEYLESS = {"audit", "batch_counts", "di_messages", "fact_watches", "mart_watches"}
STOP_WORDS = re.compile(
    "an?|and|are|as|at|be|been|by|for|from|has|have|in|is|it|its|of|on|or|that|the|this|to|was|were"
    "|which|who|whose|with|without"
)
FEWEST_WORDS = 4


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


def gold_models(manifest):
    return [node for node in nodes(manifest, "model") if node["schema"] == "gold"]


def said_beyond(name, description):
    """The words of a description that the column's name does not have, not even as a part."""
    named = name.lower().split("_")
    return {
        word
        for word in re.findall(r"[a-z0-9]+", description.lower())
        if not STOP_WORDS.fullmatch(word) and not any(word.startswith(part) for part in named)
    }


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("broker_first_name", "First name of the broker."),
        ("trades_placed", "Trades that were placed."),
        ("sk_company_id", "Surrogate key of the version."),
        ("city", "City."),
    ],
)
def test_a_description_that_repeats_its_name_is_found(name, description):
    assert len(said_beyond(name, description)) < FEWEST_WORDS


def test_descriptions_of_gold_say_more_than_the_name(manifest):
    repeating = [
        f"{node['name']}.{name}: {column['description']}"
        for node in gold_models(manifest)
        for name, column in node["columns"].items()
        if len(said_beyond(name, column["description"])) < FEWEST_WORDS
    ]
    assert not repeating


def test_every_model_of_gold_has_a_contract_that_names_its_types(manifest):
    models = gold_models(manifest)
    assert len(models) >= 25
    assert not [node["name"] for node in models if not node["contract"]["enforced"]]
    assert not [
        f"{node['name']}.{name}"
        for node in models
        for name, column in node["columns"].items()
        if not column["data_type"]
    ]


def test_every_model_of_gold_has_a_key_that_its_tests_hold(manifest):
    promised = {}
    for node in gold_models(manifest):
        [*keys] = [one["columns"] for one in node["constraints"]]
        required = {
            name
            for name, column in node["columns"].items()
            if "not_null" in {one["type"] for one in column["constraints"]}
        }
        for key, one in zip(keys, node["constraints"], strict=True):
            # A key with a column that may be NULL is no primary one.
            assert (one["type"] == "primary_key") == (set(key) <= required), node["name"]
        promised[node["name"]] = keys
    tested = {
        node["attached_node"].split(".")[-1]: [
            [key] if isinstance(key, str) else key
            for key in node["test_metadata"]["kwargs"].get("unique", [])
        ]
        for node in nodes(manifest, "test")
        if node.get("test_metadata") and node["test_metadata"]["name"] == "keeps_rules"
    }
    assert {name for name, keys in promised.items() if len(keys) != 1} == KEYLESS
    assert not [
        name for name, keys in promised.items() if any(key not in tested[name] for key in keys)
    ]


def test_the_tests_of_gold_and_its_contracts_agree_on_what_is_never_null(manifest):
    models = {node["unique_id"]: node for node in gold_models(manifest)}
    missing = [
        f"{models[node['attached_node']]['name']}.{name}"
        for node in nodes(manifest, "test")
        if node.get("attached_node") in models and node.get("test_metadata")
        for name in node["test_metadata"]["kwargs"].get("not_null", [])
        if not models[node["attached_node"]]["columns"][name]["constraints"]
    ]
    assert not missing


def test_what_the_contracts_require_is_there(manifest, published):
    wrong = {}
    for node in gold_models(manifest):
        required = [name for name, column in node["columns"].items() if column["constraints"]]
        counts = ", ".join(f'count(*) - count("{name}")' for name in required)
        # Views with a row for every day take long over all of them.
        days = "is_month_end" if "is_month_end" in node["columns"] else "true"
        missing = published.execute(
            f"select {counts} from gold.{node['name']} where {days}"
        ).fetchone()
        wrong |= {
            f"{node['name']}.{name}": rows
            for name, rows in zip(required, missing, strict=True)
            if rows
        }
    assert not wrong


def test_a_release_explains_every_table_and_column(manifest, published):
    written = published.execute(
        "select table_name, '', comment from duckdb_tables() where schema_name = 'gold' union all"
        " select view_name, '', comment from duckdb_views() where schema_name = 'gold' union all"
        " select table_name, column_name, comment from duckdb_columns() where schema_name = 'gold'"
    ).fetchall()
    described = {
        (node["name"], name): " ".join(one["description"].split())
        for node in gold_models(manifest)
        for name, one in {"": node, **node["columns"]}.items()
    }
    assert {(table, column): comment for table, column, comment in written} == described


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


@pytest.fixture(scope="module")
def published(all_at_once):
    with duckdb.connect(str(release(all_at_once)), read_only=True) as connection:
        yield connection


def test_every_query_of_the_page_finds_rows(published):
    queries = blocks(QUERYING, languages=("sql",))
    assert len(queries) >= 12
    assert not [query.place for query in queries if not published.execute(query.text).fetchall()]


def test_a_filter_on_the_current_version_drops_trades_as_the_page_says(published):
    [query] = blocks(QUERYING, "Traps", ("sql",))
    [(trades, filtered, joined_twice)] = published.execute(query.text).fetchall()
    assert filtered < joined_twice == trades


def test_the_keys_of_the_diagram_are_columns_and_unique(published):
    entities = {entity["table"]: entity["columns"] for entity in ENTITY.finditer(page_text())}
    assert len(entities) >= 14
    for table, text in entities.items():
        described = [line.split() for line in text.splitlines()]
        existing = {
            name: str(data_type).lower()
            for name, data_type in published.execute(
                "select column_name, data_type from duckdb_columns()"
                " where schema_name = 'gold' and table_name = ?",
                [table],
            ).fetchall()
        }
        assert {name: data_type for data_type, name, *_ in described}.items() <= existing.items()
        keys = [name for _, name, *more in described if more[:1] == ["PK"]]
        if keys:
            repeated = published.execute(
                f"select {', '.join(keys)} from gold.{table} group by all having count(*) > 1"
            ).fetchall()
            assert not repeated, table


def test_every_table_of_a_release_is_on_the_page(published):
    tables = published.execute(
        "select table_name from information_schema.tables where table_schema = 'gold'"
    ).fetchall()
    assert len(tables) >= 30
    assert not [table for (table,) in tables if not re.search(rf"\b{table}\b", page_text())]


def test_the_commands_of_the_page_run(all_at_once, tmp_path):
    commands = blocks(QUERYING)
    assert len([block for block in commands if block.not_run]) == 1
    said = run(commands, fresh_project(tmp_path / "project"), TRADEHOUSE_HOME=str(all_at_once))
    assert "trades" in said
    assert "No row is in quarantine." in said


def page_text():
    return QUERYING.read_text(encoding="utf-8")
