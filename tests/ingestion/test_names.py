"""Names: decided once, recorded, never in each other's way; whatever a source calls its things."""

import random
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from ingestion import catalog, database, names
from ingestion.declarations import Declaration, FileFormat
from ingestion.names import OWN_COLUMNS, OWN_SCHEMAS, Columns, Names, folded, lowered
from tests.ingestion.conftest import Source, record, state, status, stream

AWKWARD = [
    *OWN_COLUMNS,
    *("ROWID", "RowId", "_AIRBYTE_META", "_airbyte_meta_2", "_batch", "_line", "_raw_text"),
    *("", " ", "\0", "a\0b", "a_b", "x" * 300, "x" * 299 + "y", "a.b", "$.a", "a/b", "~0", "[0]"),
    *("record", "data", "meta", "emitted_at", "type", "stream", "lines", "typed", "t0", "v0"),
    *("select", "from", "null", "staged", "stored", "newest", "cursor", "key_0", "arrival"),
    *("p", "n", "c", "e", "w", "v", "t", "cursor_0", "extracted_at", "origin", "is_staged"),
    *('"', "'", "{", "}", "{of}", "{{ x }}", "\\", "id", "ID", "Id", "id_2", "ID_2"),
    *("é", "e\u0301", "É", "ß", "SS", "ss", "ẞ", "İ", "i̇", "K", "\u212a", "\u017f", "s"),
]
NAME = st.sampled_from(AWKWARD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEY = st.tuples(st.none() | st.sampled_from(["a", "b", "a__b", "A"]) | NAME, NAME)


@given(st.lists(NAME, unique=True, max_size=12), st.booleans())
@example(["Id", "id", "ID", "id_2"], False)
@example(["rowid", "rowid_2", "ROWID"], False)
def test_columns_never_meet_and_are_named_once(fields: list[str], provenance: bool) -> None:
    reserved = ["_batch", "_line"] if provenance else []
    columns = Columns()
    first = [columns.of(each, reserved=reserved) for each in fields]
    everything = [*first, *OWN_COLUMNS, *reserved]
    assert len({folded(each) for each in everything}) == len(everything)
    assert all(each and "\0" not in each for each in first)
    for shuffled in (sorted(fields), fields[::-1], fields[::2]):
        assert [columns.of(each, reserved=reserved) for each in shuffled] == [
            first[fields.index(each)] for each in shuffled
        ]


@given(st.lists(KEY, unique=True, max_size=10), st.randoms(use_true_random=False))
@example([("public", "users"), ("crm", "users")], random.Random(1))
@example([("a__b", "c"), ("a", "b__c"), (None, "a__b__c"), (None, "c"), (None, "b__c")], random)
def test_tables_never_meet_and_do_not_depend_on_order(
    keys: list[tuple[str | None, str]], chance: random.Random
) -> None:
    known = Names("s")
    known.add(keys)
    assert len({folded(name) for name in known.tables.values()}) == len(keys)
    assert all(name and "\0" not in name for name in known.tables.values())
    shuffled = list(keys)
    chance.shuffle(shuffled)
    other = Names("s")
    other.add(shuffled)
    assert other.tables == known.tables
    before = dict(known.tables)
    known.add([*shuffled, ("new", "users"), (None, "new")])
    assert {key: known.tables[key] for key in keys} == before


@given(st.lists(NAME, min_size=2, max_size=2, unique=True))
def test_names_are_compared_as_the_database_does(pair: list[str]) -> None:
    if any(not each or "\0" in each for each in pair):
        return
    with duckdb.connect() as connection:
        listed = ", ".join('"' + each.replace('"', '""') + '" integer' for each in pair)
        try:
            connection.execute(f"create table t ({listed})")
            is_same = False
        except duckdb.CatalogException:
            is_same = True
    assert is_same == (lowered(pair[0]) == lowered(pair[1]))
    assert not is_same or folded(pair[0]) == folded(pair[1])


def test_names_are_read_as_they_were_recorded() -> None:
    with duckdb.connect() as connection:
        database.migrate(connection, Path("x"))
        known = names.read(connection, "s")
        known.add([(None, "a"), ("x", "a"), (None, "\0")])
        columns = known.of((None, "a"))
        chosen = [columns.of(each) for each in AWKWARD]
        columns.of("id", "BOOLEAN")
        names.record(connection, known)
        again = names.read(connection, "s")
        assert (again.tables, again.of((None, "a")).names) == (known.tables, columns.names)
        assert [again.of((None, "a")).of(each) for each in AWKWARD] == chosen
        names.record(connection, again)
        assert names.read(connection, "s").tables == known.tables
        assert names.read(connection, "t").tables == {}


def test_awkward_names_are_loaded_with_their_values(source: Source) -> None:
    fields = list(dict.fromkeys(AWKWARD))
    rows = [{each: f"{n}.{i}" for i, each in enumerate(fields)} for n in range(3)]
    streams = [
        stream("a") | {"json_schema": {"properties": {f: {"type": "string"} for f in fields}}}
    ]
    source.declared["streams"] = {"a": {"sync_mode": "incremental_deduplicated", "key": [[""]]}}
    source.plays([*(record("a", row) for row in rows), status("a")], streams=streams)
    for _ in range(2):
        result = source.sync()
        assert result.status == "succeeded", result.errors
        assert result.warnings == []
    named = dict(source.query("select field, name from _tradehouse.names where field is not null"))
    listed = ", ".join('"' + named[each].replace('"', '""') + '"' for each in fields)
    stored = source.query(f"select {listed} from played.a order by all")
    assert stored == [tuple(row.values()) for row in rows]


@pytest.mark.parametrize(
    ("field", "values", "mode"),
    [
        ("rowid", ("A1", "B2"), "incremental_deduplicated"),
        ("rowid", (7, 8), "incremental_deduplicated"),
        ("ROWID", (None, None), "incremental_append"),
        ("record", (7, 8), "incremental_append"),
    ],
)
def test_a_field_called_like_something_of_the_database(
    source: Source, field: str, values: tuple[Any, Any], mode: str
) -> None:
    kind = "integer" if values[0] == 7 else "string"
    streams = [stream("parts", **{field: kind}, name="string", ver="integer")]
    source.declared["streams"] = {"parts": {"sync_mode": mode, "key": "name", "cursor": "ver"}}
    one, two = values
    rows = [(one, "x", 1), (one, "x", 2), (two, "y", 1)]
    lines = [record("parts", {field: a, "name": b, "ver": c}) for a, b, c in rows]
    source.plays([*lines, state("parts", 1), status("parts")], streams=streams)
    result = source.sync()
    assert (result.status, result.records) == ("succeeded", 3)
    source.plays([record("parts", {field: one, "name": "x", "ver": 3}), status("parts")])
    assert source.sync().status == "succeeded"
    name = field if field == "record" else f"{field}_2"
    stored = source.query(f'select "{name}", name, ver from played.parts order by name, ver')
    if mode == "incremental_deduplicated":
        assert stored == [(one, "x", 3), (two, "y", 1)]
    else:
        assert stored == [(one, "x", 1), (one, "x", 2), (one, "x", 3), (two, "y", 1)]


def users(namespace: str) -> dict[str, Any]:
    return stream("users", id="integer") | {"namespace": namespace}


def play_users(source: Source, **ids: list[int]) -> None:
    lines = []
    for namespace, numbers in ids.items():
        lines += [record("users", {"id": n}, namespace=namespace) for n in numbers]
        lines.append(status("users", namespace=namespace))
    source.plays(lines, streams=[users(namespace) for namespace in ids])


def test_a_stream_keeps_its_table_when_another_of_its_name_comes(source: Source) -> None:
    play_users(source, public=[1, 2, 3])
    assert source.sync().records == 3
    play_users(source, public=[4], crm=[77, 78])
    result = source.sync()
    assert {name: each.records for name, each in result.streams.items()} == {
        "public.users": 1,
        "crm.users": 2,
    }
    play_users(source, crm=[79])
    assert source.sync().records == 1
    assert source.query("select id from played.users order by id") == [(1,), (2,), (3,), (4,)]
    assert source.query("select id from played.crm__users order by id") == [(77,), (78,), (79,)]


def test_names_do_not_depend_on_what_is_selected_first(source: Source) -> None:
    streams = [stream(name, n="integer") for name in ("Orders", "orders", "ORDERS")]
    for name in ("orders", "ORDERS", "Orders"):
        source.declared["streams"] = {name: {}}
        source.plays([record(name, {"n": 1}), status(name)], streams=streams)
        assert source.sync().status == "succeeded"
    tables = dict(source.query("select stream, name from _tradehouse.names where field is null"))
    assert tables == {"ORDERS": "ORDERS", "Orders": "Orders_2", "orders": "orders_3"}


def test_a_variant_of_a_column_does_not_meet_another_field(source: Source) -> None:
    source.declared["streams"] = {"a": {"on_type_change": "new_column"}}
    for kind, value in (("integer", 1), ("boolean", True), ("integer", 2)):
        streams = [stream("a", x=kind, x_boolean="boolean")]
        source.plays([record("a", {"x": value, "x_boolean": False}), status("a")], streams=streams)
        assert source.sync().status == "succeeded"
    stored = source.query("select x, x_boolean, x_boolean_2 from played.a order by all")
    assert stored == [(1, False, None), (2, False, None), (None, False, True)]


def test_deletions_of_two_sources_do_not_meet(source: Source) -> None:
    """`a__b` of one source and `b` of another one called `x__a`."""
    deleted = {"n": 1, "v": 2, "_ab_cdc_deleted_at": "2026-01-01"}
    for name, table in (("x", "a__b"), ("x__a", "b")):
        source.declared |= {"name": name}
        source.declared["streams"] = {
            table: {"sync_mode": "incremental_deduplicated", "key": "n", "cursor": "v"}
        }
        streams = [stream(table, n="integer", v="integer", _ab_cdc_deleted_at="string")]
        first = [deleted] if name == "x" else [{"n": 1, "v": 1}]
        source.plays([*(record(table, row) for row in first), status(table)], streams=streams)
        assert source.sync().status == "succeeded"
    assert source.query("select n from x__a.b") == [(1,)]


@pytest.mark.parametrize("name", sorted(OWN_SCHEMAS))
def test_a_source_called_like_a_schema_is_refused(source: Source, name: str) -> None:
    source.declared |= {"name": name}
    with pytest.raises(ValidationError, match=f"cannot be called {name}"):
        source.declaration()


@pytest.mark.parametrize("columns", [["rowid"], ["a", "A"], ["filename"], ["", "b"]])
def test_columns_of_files_are_called_as_declared_or_refused(columns: list[str]) -> None:
    with pytest.raises(ValidationError, match="called like another one"):
        FileFormat(delimiter=",", columns=columns)


def test_only_where_provenance_is_kept_are_its_names_taken(source: Source) -> None:
    stream = {"file": {"delimiter": ",", "columns": ["_LINE", "a"]}}
    source.declared |= {"streams": {"n": stream}}
    assert source.declaration().streams

    source.declared |= {"provenance": True}
    with pytest.raises(ValidationError, match=r"called like another one.*: _LINE"):
        source.declaration()


def test_a_home_of_the_version_before_keeps_its_names(source: Source) -> None:
    """Its columns `rowid` get another name, and what stands beside the tables goes along."""
    source.declaration()
    database_path = source.paths.raw_database
    source.paths.make()
    columns = '{"rowid": ["rowid", "VARCHAR"], "Id": ["Id", "BIGINT"], "id": ["id_2", "VARCHAR"]}'
    with duckdb.connect(str(database_path)) as connection:
        database.migrate(connection, database_path, database.MIGRATIONS[:2])
        for statement in (
            "create schema played",
            "create schema _tradehouse_deleted",
            """create table played.crm__a (rowid varchar, "Id" bigint, id_2 varchar,
                _airbyte_raw_id varchar, _airbyte_extracted_at timestamptz, _airbyte_meta json,
                _airbyte_generation_id bigint)""",
            "insert into played.crm__a values ('r', 1, 'x', 'raw', now(), null, 1)",
            "create table _tradehouse_deleted.played__crm__a as from played.crm__a",
        ):
            connection.execute(statement)
        connection.execute(
            "insert into _tradehouse.streams values ('played', 'crm', 'a', 'crm__a', 1, 0, ?)",
            [columns],
        )
    streams = [stream("a", id="string", Id="integer", rowid="string") | {"namespace": "crm"}]
    row = {"id": "y", "Id": 2, "rowid": "s"}
    source.plays([record("a", row, namespace="crm"), status("a", namespace="crm")], streams=streams)
    result = source.sync()
    assert (result.status, result.warnings) == ("succeeded", [])
    stored = source.query('select rowid_2, "Id", id_2 from played.crm__a order by all')
    assert stored == [("r", 1, "x"), ("s", 2, "y")]
    assert source.query('select rowid_2 from _tradehouse_deleted."played.crm__a"') == [("r",)]


def test_a_declaration_may_be_called_like_anything_else() -> None:
    content = {"description": "x", "owner": "x", "connector": {"command": ["x"]}}
    for name in ("select", "tables", "raw_", "trades__daily"):
        assert Declaration.model_validate(content | {"name": name}).name == name


def test_streams_are_told_apart_in_the_summary() -> None:
    keys = [("a", "b"), ("c", "b"), (None, "a.b"), (None, "d")]
    assert list(catalog.labels(keys).values()) == ["b of a", "c.b", "a.b", "d"]
    keys = [("", "b"), (None, "b")]
    assert list(catalog.labels(keys).values()) == ["b of an empty namespace", "b"]
