"""Odd sources through scaffold: whatever they are called and say, dbt reads it as data."""

import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest
import yaml

from ingestion import bronze, catalog, inventory, repeated_records, scaffold, tables
from ingestion.declarations import Declaration
from ingestion.errors import DeclarationError
from ingestion.names import Names
from ingestion.tables import Table, literal, quoted
from tests.conftest import PROJECT
from tests.ingestion.conftest import Source, record, status
from tests.ingestion.modelling import Models

CODE = "{{ run_query(\"copy (select 'leaked') to '/tmp/leaked'\") }}"
ODD = [
    *(
        "Customer's orders",
        "{{ order.id }}",
        CODE,
        "{% if x %}",
        "{# note",
        "%}",
        "}}",
        "a-b",
        "a_b",
    ),
    *(
        "A_B",
        "a b",
        "a/b",
        'say "hi"',
        "back\\slash",
        "Ünïcode",
        "注文",
        "!!!",
        "...",
        "con",
        "nul",
    ),
    *("x" * 300, "x" * 301, "1st", "select", "left", "is", "line\nbreak", "line\r\nbreak", "tab\t"),
    *("# comment", "key: value", "- item", "&anchor", "*alias", "!!python/none", "'", '"', "''"),
    *("; drop table x; --", "/* open", "<script>alert(1)</script>", "raw_id", "extracted_at"),
    *("arrival_number", "chosen", "final", "source", "bronze", "null", "true", "~", "yes", "0x1F"),
    *(
        "{{ doc('__overview__') }}",
        "{{ env_var('HOME') }}",
        "$(touch /tmp/leaked)",
        "`id`",
        "\u202ebidi",
    ),
    *(
        "emoji 🎉",
        "e\u0301",
        "é",
        " leading",
        "trailing ",
        "a.b",
        "a..b",
        "created_at",
        "_airbyte_x",
    ),
]
PIECES = [*"{}%#'\"\\/:-&*!|>?@` \n\t", "{{", "}}", "{%", "doc(", "a", "B", "1", "_", "é", "注"]

INTEGER, TEXT = {"type": ["null", "integer"]}, {"type": ["null", "string"]}


def names(seed: int, number: int) -> list[str]:
    chance = random.Random(seed)
    made = {"".join(chance.choices(PIECES, k=chance.randint(1, 12))) for _ in range(number)}
    return list(dict.fromkeys([*ODD, *sorted(made)]))


def stream(name: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "json_schema": {"type": "object", "properties": fields},
        "supported_sync_modes": ["full_refresh", "incremental"],
        **more,
    }


def planned(streams: list[dict[str, Any]], modes: dict[str, Any] | None = None) -> Any:
    declared = Declaration.model_validate(
        {
            "name": "odd",
            "description": f"Odd: {CODE} # 'quoted' <b>",
            "owner": "A {{ team }} <a@b.example>",
            "connector": {"command": ["true"]},
            "streams": modes,
        }
    )
    called = Names("odd")
    called.add(catalog.keys(streams))
    selected = catalog.select(declared, streams, None)
    return declared, list(catalog.plan(declared, selected, called).values())


def fill(raw: duckdb.DuckDBPyConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Make the raw table as the loader does, and insert rows as if all came at one moment."""
    columns = [f"{quoted(each.name)} {each.type}" for each in table.columns]
    columns += ["_airbyte_raw_id varchar default uuid()", "_airbyte_meta json"]
    columns += ["_airbyte_extracted_at timestamptz default timestamptz '2024-01-01 00:00:00Z'"]
    columns += ["_airbyte_generation_id bigint default 1", "_load bigint"]
    raw.execute("create schema if not exists odd")
    raw.execute(f"create table {table.sql_name} ({', '.join(columns)})")
    stored = {each.field: each.name for each in table.columns}
    for row in rows:
        listed = ", ".join(quoted(stored.get(name, name)) for name in row)
        values = ", ".join(map(literal, row.values()))
        raw.execute(f"insert into {table.sql_name} ({listed}) values ({values})")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in ("models", "macros", "seeds", "tests/data"):
        shutil.copytree(PROJECT / name, folder / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, folder / name)
    return folder


def test_odd_names_are_data_in_every_model() -> None:
    """Hundreds of odd streams and fields: each model gives the values that raw holds."""
    chosen = names(seed=3, number=60)
    streams = [stream(name, {"value": TEXT, name: TEXT}) for name in chosen]
    declared, tables = planned([*streams, stream("wide", dict.fromkeys(chosen, TEXT))])
    models = Models(declared, tables)
    called = models.called
    assert len({bronze.model_name(each, called[each.name]) for each in tables}) == len(tables)
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name) for name in called.values())
    with duckdb.connect() as raw:
        for table in tables:
            values = {each.field: f"{table.name}/{each.field}" for each in table.columns}
            fill(raw, table, [values])
            [found] = models.rows(raw, table).rows
            assert list(found[:-3]) == list(values.values())


def test_odd_texts_are_data_in_every_description(tmp_path: Path) -> None:
    texts = [*names(5, 200), "{{ doc('x') }}", "x" * 100_000, "a: b # c", "\x00\x1b[31m", "\ud800"]
    fields = {f"f{i}": {"type": "string", "description": text} for i, text in enumerate(texts)}
    declared, tables = planned([stream("t", fields)])

    scaffold.scaffold(declared, tables, tmp_path)

    folder = tmp_path / "models" / "bronze" / "odd"
    described = yaml.safe_load((folder / "_odd.yml").read_text())["models"][0]["columns"]
    for text, column in zip(texts, described, strict=False):
        shown = jinja2.Template(column["description"]).render()
        assert len(shown) < 700
        assert "\n" not in shown
        assert not re.search(r"(?<!\\)<", shown)
        if text.isalnum() and len(text) < 50:
            assert text in shown
    source = yaml.safe_load((folder / "sources.yml").read_text())["sources"][0]
    assert CODE in jinja2.Template(source["description"]).render().replace("\\", "")


def build(project: Path, home: Path) -> str:
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "build"),
            *("--target", "main", "--select", "path:models/bronze/odd"),
        ],
        cwd=project,
        env=os.environ | {"TRADEHOUSE_HOME": str(home), "DBT_PROFILES_DIR": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return done.stdout


@pytest.mark.slow
def test_odd_streams_and_fields_become_models_with_the_values_that_raw_holds(
    project: Path, tmp_path: Path
) -> None:
    """One project of hundreds of odd names and texts, read by dbt, built and compared."""
    chosen = names(seed=14, number=40)
    fields = {name: {"type": ["null", "string"], "description": name * 3} for name in chosen}
    streams = [stream(name, {"value": {"type": "string", "description": name}}) for name in chosen]
    streams.append(stream("wide", fields))
    declared, tables = planned(streams)
    home = tmp_path / "home"
    home.mkdir()
    with duckdb.connect(str(home / "raw.duckdb")) as raw:
        for table in tables:
            values = {each.field: f"{table.name}/{each.field}" for each in table.columns}
            fill(raw, table, [values])

    scaffold.scaffold(declared, tables, project)
    said = build(project, home)

    assert "WARN=0 ERROR=0" in said
    assert "eprecat" not in said
    assert not Path("/tmp/leaked").exists()
    called = bronze.stream_names(tables)
    models = {bronze.model_name(table, called[table.name]) for table in tables}
    assert len(models) == len(tables)
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        for table in tables:
            model = bronze.model_name(table, called[table.name])
            found = connection.execute(f"from bronze.{quoted(model)}").fetchall()
            expected = tuple(f"{table.name}/{each.field}" for each in table.columns)
            assert [row[:-3] for row in found] == [expected]


VERSIONED = {"id": INTEGER, "v": TEXT}
HISTORY: list[dict[str, Any]] = [{"id": i, "v": v} for i in range(100) for v in ("first", "last")]
CDC = VERSIONED | {"_ab_cdc_deleted_at": TEXT, "_ab_cdc_lsn": INTEGER}
CHANGES: list[dict[str, Any]] = [
    {"id": 1, "v": "alive", "_ab_cdc_deleted_at": None, "_ab_cdc_lsn": 1},
    {"id": 2, "v": "x", "_ab_cdc_deleted_at": None, "_ab_cdc_lsn": 2},
    {"id": 2, "v": None, "_ab_cdc_deleted_at": "2024-01-01T00:00:00Z", "_ab_cdc_lsn": 3},
    {"id": 3, "v": "gone", "_ab_cdc_deleted_at": "2024-01-01T00:00:00Z", "_ab_cdc_lsn": 4},
    {"id": 3, "v": "back", "_ab_cdc_deleted_at": None, "_ab_cdc_lsn": 5},
]
NESTED = {"meta": {"type": "object"}, "v": TEXT}
NESTED_ROWS: list[dict[str, Any]] = [
    {"meta": '{"id": 1}', "v": "old"},
    {"meta": '{"id": 1}', "v": "new"},
    {"meta": '{"id": 2}', "v": "only"},
]
KEYLESS: list[dict[str, Any]] = [
    {"id": None, "v": "a"},
    {"id": None, "v": "b"},
    {"id": 1, "v": "c"},
    {"id": 1, "v": "d"},
]
GENERATIONS: list[dict[str, Any]] = [
    {"id": 1, "v": "before", "_airbyte_generation_id": 1},
    {"id": 1, "v": "now", "_airbyte_generation_id": 2},
]
BY_ID: dict[str, Any] = {"source_defined_primary_key": [["id"]]}


def test_the_rows_in_force_are_those_that_the_loader_would_keep() -> None:
    streams = [
        stream("same_moment", VERSIONED, **BY_ID),
        stream("changes", CDC, **BY_ID, default_cursor_field=["_ab_cdc_lsn"]),
        stream("nested", NESTED, source_defined_primary_key=[["meta", "id"]]),
        stream("keyless", VERSIONED, **BY_ID),
        stream("no_key", VERSIONED),
        stream("deduplicated", VERSIONED, **BY_ID),
        stream("refreshed", VERSIONED),
        stream("overwritten", VERSIONED),
    ]
    append = {"sync_mode": "incremental_append"}
    modes: dict[str, Any] = dict.fromkeys((each["name"] for each in streams), append)
    modes |= {"deduplicated": {"sync_mode": "incremental_deduplicated"}}
    modes |= {"refreshed": {"sync_mode": "full_refresh_append"}}
    modes |= {"overwritten": {"sync_mode": "full_refresh_overwrite"}}
    rows: dict[str, list[dict[str, Any]]] = {
        **{"same_moment": HISTORY, "changes": CHANGES, "nested": NESTED_ROWS, "keyless": KEYLESS},
        **{"no_key": KEYLESS, "deduplicated": HISTORY[1::2], "refreshed": GENERATIONS},
        "overwritten": KEYLESS,
    }
    declared, tables = planned(streams, modes)
    models = Models(declared, tables)
    by_name = {table.name: table for table in tables}
    with duckdb.connect() as raw:
        for table in tables:
            fill(raw, table, rows[table.name])

        def held(name: str, *columns: str) -> list[Any]:
            found = models.rows(raw, by_name[name])
            wanted = [found.columns.index(one) for one in columns or ("id", "v")]
            return sorted((tuple(row[i] for i in wanted) for row in found.rows), key=repr)

        newest = sorted(((i, "last") for i in range(100)), key=repr)
        assert held("same_moment") == newest
        assert held("deduplicated") == newest
        assert held("changes") == [(1, "alive"), (3, "back")]
        assert held("nested", "meta_id", "v") == [("1", "new"), ("2", "only")]
        assert held("keyless") == [(1, "d"), (None, "a"), (None, "b")]
        assert held("no_key") == [(1, "c"), (1, "d"), (None, "a"), (None, "b")]
        assert held("refreshed") == [(1, "now")]
        assert held("overwritten") == [(1, "c"), (1, "d"), (None, "a"), (None, "b")]


MOMENT = {"type": ["null", "string"], "format": "date-time"}
ANY_NUMBER = {"type": ["null", "number"]}
OBJECT = {"type": "object"}


def an_object(**fields: Any) -> dict[str, Any]:
    return OBJECT | {"properties": fields}


COMPARED: dict[str, tuple[dict[str, Any], Any, Any, list[Any]]] = {
    "nested cursor": (
        {"k": INTEGER, "c": an_object(v=INTEGER)},
        [["k"]],
        ["c", "v"],
        [(1, {"v": v}) for v in (8, 11, 9, 10)],
    ),
    "nested moment": (
        {"k": INTEGER, "c": an_object(v=MOMENT)},
        [["k"]],
        ["c", "v"],
        [(1, {"v": f"2024-01-01T0{h}:00:00-0{h}:00"}) for h in (5, 9, 6)],
    ),
    "numbers": ({"k": ANY_NUMBER, "c": TEXT}, [["k"]], None, [(2**53 + n, n) for n in (0, 1, 1)]),
    "moments": (
        {"k": MOMENT, "c": TEXT},
        [["k"]],
        None,
        [(f"2024-01-01T00:00:00.000000{n}Z", n) for n in (1, 2, 20)],
    ),
    "close": (
        {"k": INTEGER, "c": ANY_NUMBER},
        [["k"]],
        ["c"],
        [(1, 2**53 + 1), (1, 2**53), (2, 1), (2, 0.5)],
    ),
    "beyond": ({"k": INTEGER, "c": INTEGER}, [["k"]], ["c"], [(1, 2**63), (1, 2**63 - 1), (1, 1)]),
    "odd": (
        {"k": INTEGER, "c": MOMENT},
        [["k"]],
        ["c"],
        [(1, "2024-01-02T00:00:00Z"), (1, "noon"), (2, "noon"), (2, "2024-01-01T00:00:00Z")],
    ),
    "in part": ({"k": INTEGER, "c": INTEGER}, [["k"], ["c"]], None, [(1, None), (1, None), (1, 2)]),
    "nested key": (
        {"k": an_object(id=ANY_NUMBER), "c": TEXT},
        [["k", "id"]],
        None,
        [({"id": 1}, "a"), ({"id": 1.0}, "b"), ({"id": None}, "c"), ({}, "d")],
    ),
    "no number": ({"k": INTEGER, "c": TEXT}, [["k"]], None, [("a", 1), ("a", 2), ("b", 3)]),
    "it's {{ odd }}": ({"k'\0{{": INTEGER, "c": TEXT}, None, None, [("a", 1), ("a", 2), (3, 3)]),
    "deleted": (
        {"k": INTEGER, "_ab_cdc_deleted_at": MOMENT},
        [["k"]],
        None,
        [(1, None), (2, None), (2, "May 05"), (3, True), (4, "2024-05-05T00:00:00Z"), (5, None)],
    ),
}


def refuse_nothing(stream: dict[str, Any]) -> None:
    """Let a contract take whatever is delivered, by columns that were delivered as they were."""
    for name, column in stream["columns"].items():
        if column["type"] != "text" and name != "n":
            column |= {"type": "text", "delivered": column["type"]}


def test_versions_are_compared_as_the_loader_compares_them(source: Source) -> None:
    """The same records, appended and then chosen by the model, and merged by the loader."""
    lines, streams = [], []
    for name, (fields, key, cursor, rows) in COMPARED.items():
        more = {"source_defined_primary_key": key or [[next(iter(fields))]]}
        streams.append(stream(name, fields | {"n": INTEGER}, default_cursor_field=cursor, **more))
        for number, row in enumerate(rows):
            lines.append(record(name, dict(zip(fields, row, strict=True)) | {"n": number}))
        lines.append(status(name))
    source.plays(lines, streams=streams)
    stored = []
    for mode in ("incremental_deduplicated", "incremental_append"):
        declared = {name: {"sync_mode": mode} for name in COMPARED}
        source.declared |= {"name": mode, "streams": declared}
        assert source.sync().status == "succeeded"
    tables = inventory.discover_tables(source.declaration(), source.home)
    models = Models(source.declaration(), tables, refuse_nothing)
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        for table in tables:
            found = models.rows(raw, table)
            at = found.columns.index("n")
            merged = f"incremental_deduplicated.{quoted(table.name)}"
            expected = raw.execute(f"select n from {merged} order by n").fetchall()
            assert sorted((row[at],) for row in found.rows) == expected, table.name
            stored.append(len(expected))
    assert stored == [1, 1, 2, 2, 2, 1, 2, 2, 3, 2, 2, 2]


def test_values_that_did_not_fit_are_recognised_by_what_was_delivered() -> None:
    _, [planned_table] = planned([stream("t", {"id": INTEGER, "v": TEXT}, **BY_ID)])

    def change(delivered: str) -> str:
        entry = (
            f'{{"field": "id", "reason": "DESTINATION_TYPECAST_ERROR", "original": "{delivered}"}}'
        )
        return f'{{"changes": [{entry}]}}'

    with duckdb.connect() as raw:
        table, _ = tables.prepare(raw, replace(planned_table, recognises=True))
        for name, metas in (
            (table.sql_name, [change("big-1")]),
            (table.target, [change("big-1"), change("big-2")]),
        ):
            for meta in metas:
                raw.execute(f"insert into {name} (v, _airbyte_meta) values ('x', ?)", [meta])
        repeated_records.append_unseen(raw, table)
        found = raw.execute(f"select _airbyte_meta from {table.sql_name} order by rowid").fetchall()
    assert found == [(change("big-1"),), (change("big-2"),)]


@pytest.mark.slow
def test_what_dbt_cannot_read_is_not_written(project: Path) -> None:
    (project / "models" / "bronze" / "other.yml").write_text(
        "sources: [{name: odd, tables: [{name: orders}]}]"
    )
    declared, tables = planned([stream("orders", VERSIONED)])

    with pytest.raises(DeclarationError, match=r"nothing was written: .*odd.orders"):
        scaffold.scaffold(declared, tables, project)

    assert not (project / "models" / "bronze" / "odd").exists()


def test_the_name_of_a_stream_does_not_depend_on_the_order_of_streams() -> None:
    streams = [stream(name, VERSIONED) for name in ("a-b", "a_b", "A b")]

    called = bronze.stream_names(planned(streams)[1])

    assert called == bronze.stream_names(planned(streams[::-1])[1])
    assert called["a_b"] == "a_b"
    assert len(set(called.values())) == 3
    assert bronze.stream_names(planned(streams[1:2])[1], {"bronze_odd__a_b"}) != {"a_b": "a_b"}
