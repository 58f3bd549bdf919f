"""Loads in the ledger: numbers, what they count, when they are recorded; by value."""

from pathlib import Path
from typing import Any

import duckdb

from ingestion import ledger, loads
from ingestion.database import MIGRATIONS, migrate
from tests.ingestion.conftest import Source, error_trace, record, state, status, stream
from tradehouse import warehouse
from tradehouse.home import Home

STREAMS = [stream("a", n="integer"), stream("b", n="integer")]
LOADS = "select load, stream, records from _tradehouse.loads order by rowid"


def play(source: Source, *lines: str, complete: bool = True) -> None:
    ends = [status("a"), status("b")] if complete else [error_trace("gone")]
    source.plays([*lines, *ends], streams=STREAMS, exit_code=0 if complete else 1)


def rows(name: str, *numbers: int) -> list[str]:
    return [record(name, {"n": number}) for number in numbers]


def test_a_sync_that_brings_rows_is_a_load_and_one_without_is_none(source: Source) -> None:
    play(source, *rows("a", 1, 2), state("a", 1), *rows("b", 1), state("b", 1))
    source.sync()
    play(source)
    source.sync()
    play(source, *rows("b", 2), state("b", 2))
    source.sync()

    assert sorted(source.query(LOADS)) == [(1, "a", 2), (1, "b", 1), (2, "b", 1)]
    assert sorted(source.query("select distinct source, table_name from _tradehouse.loads")) == [
        ("played", "a"),
        ("played", "b"),
    ]


def test_what_a_failed_sync_committed_is_a_load(source: Source) -> None:
    play(source, *rows("a", 1), state("a", 1), *rows("a", 2), complete=False)
    assert source.sync().status == "failed"
    assert source.query(LOADS) == [(1, "a", 1)]


def test_an_overwrite_is_a_load_also_where_it_only_removes(source: Source) -> None:
    declared: dict[str, Any] = {"sync_mode": "full_refresh_overwrite"}
    source.declared["streams"] = {"a": declared, "b": declared}
    play(source, *rows("a", 1, 2))
    source.sync()
    assert source.query(LOADS) == [(1, "a", 2)]
    play(source, *rows("a", 3), complete=False)
    assert source.sync().status == "failed"
    assert source.query(LOADS) == [(1, "a", 2)]
    source.declared["streams"] = {"a": declared | {"allow_empty_overwrite": True}}
    source.plays([status("a")], streams=STREAMS)
    source.sync()
    assert source.query(LOADS) == [(1, "a", 2), (2, "a", 0)]
    assert source.query("select count(*) from played.a") == [(0,)]


def test_rows_of_a_deduplicated_stream_are_a_load_when_they_are_merged(source: Source) -> None:
    merged = {"sync_mode": "incremental_deduplicated", "key": "n"}
    source.declared["streams"] = {"a": merged}
    source.plays([*rows("a", 1, 1, 2), state("a", 1), status("a")], streams=STREAMS)
    source.sync()
    assert source.query(LOADS) == [(1, "a", 3)]
    assert source.query("select count(*) from played.a") == [(2,)]
    source.plays([status("a")], streams=STREAMS)
    source.sync()
    assert source.query(LOADS) == [(1, "a", 3)]


def test_a_home_of_before_gets_its_loads_from_syncs_and_files(tmp_path: Path) -> None:
    at = MIGRATIONS.index(loads.MIGRATION)
    raw, before = tmp_path / "raw.duckdb", MIGRATIONS[:at]
    with duckdb.connect(str(raw)) as connection:
        migrate(connection, raw, before)
        connection.execute(
            """insert into _tradehouse.syncs by name
            select * from (values
                ('s1', 'shop', 'a', timestamptz '2020-01-01 00:00:00+00', 'succeeded', 3, 0, 0),
                ('s1', 'shop', 'b', timestamptz '2020-01-01 00:00:00+00', 'succeeded', 0, 0, 0),
                ('s2', 'shop', 'a', timestamptz '2020-01-02 00:00:00+00', 'failed', 0, 0, 0),
                ('s3', 'shop', 'a', timestamptz '2020-01-03 00:00:00+00', 'succeeded', 1, 0, 0),
                ('s3', 'shop', 'b', timestamptz '2020-01-03 00:00:00+00', 'succeeded', 2, 0, 0),
                ('d1', 'bank', 'x', timestamptz '2020-01-01 00:00:00+00', 'succeeded', 9, 0, 0)
            ) as found(sync_id, source, stream, started_at, status, records, bytes,
                nulled_values)"""
        )
        connection.execute(
            """insert into _tradehouse.files by name
            select * from (values
                ('bank', 'x', 1, 1, 'one', 4, 0, 'd1', timestamptz '2020-01-01 00:00:00+00'),
                ('bank', 'x', 1, 1, 'two', 2, 0, 'd1', timestamptz '2020-01-01 00:01:00+00'),
                ('bank', 'y', 1, 1, 'three', 1, 0, 'd1', timestamptz '2020-01-01 00:02:00+00'),
                ('bank', 'x', 2, 1, 'four', 3, 0, 'd2', timestamptz '2020-01-02 00:00:00+00'),
                ('bank', 'x', 1, 2, 'one', 5, 0, 'd3', timestamptz '2020-01-03 00:00:00+00')
            ) as found(source, stream, batch, delivery, file, records, malformed_records, sync_id,
                committed_at)"""
        )
        migrate(connection, raw)
        found = connection.execute(
            "select source, load, stream, batch, delivery, records from _tradehouse.loads"
            " order by all"
        ).fetchall()
    assert found == [
        ("bank", 1, "x", 1, 1, 6),
        ("bank", 1, "y", 1, 1, 1),
        ("bank", 2, "x", 2, 1, 3),
        ("bank", 3, "x", 1, 2, 5),
        ("shop", 1, "a", None, None, 3),
        ("shop", 2, "a", None, None, 1),
        ("shop", 2, "b", None, None, 2),
    ]


def test_a_sync_that_still_runs_is_not_called_failed(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "raw.duckdb")) as connection:
        migrate(connection, tmp_path / "raw.duckdb")
        connection.execute(
            """insert into _tradehouse.syncs by name select 's1' as sync_id, 'shop' as source,
            'a' as stream, timestamptz '2020-01-01 00:00:00+00' as started_at,
            'running' as status, 0 as records, 0 as bytes, 0 as nulled_values"""
        )
        for source in ("shop", "bank"):
            ledger.fail_sync(connection, source, ledger.now(), "the server is away")
        found = connection.execute(
            "select source, status from _tradehouse.syncs order by all"
        ).fetchall()
    assert found == [("bank", "failed"), ("shop", "running")]


def home_of(folder: Path, loads: list[tuple[Any, ...]], built: list[tuple[Any, ...]]) -> Home:
    """A home whose raw has these loads and whose warehouse says that it holds those."""
    home = Home(folder)
    with duckdb.connect(str(home.raw)) as connection:
        migrate(connection, home.raw)
        for source, load, table, batch, second in loads:
            connection.execute(
                """insert into _tradehouse.loads by name select ? as source, ? as load,
                ? as stream, ? as table_name, ? as batch, 1 as delivery, 1 as records,
                's' as sync_id, timestamptz 'epoch' + ? * interval 1 second as committed_at""",
                [source, load, table, table, batch, second],
            )
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute(
            """create schema silver; create table silver.built_loads (source varchar, load bigint,
            batch_id integer, delivery integer, committed_at timestamptz)"""
        )
        for source, load, second in built:
            connection.execute(
                """insert into silver.built_loads
                values (?, ?, null, null, timestamptz 'epoch' + ? * interval 1 second)""",
                [source, load, second],
            )
    return home


def waiting(home: Home) -> list[tuple[str, int, set[str]]]:
    return [(one.source, one.number, set(one.tables)) for one in warehouse.loads_waiting(home)]


def test_what_is_not_built_waits_with_the_tables_it_changed(tmp_path: Path) -> None:
    home = home_of(
        tmp_path,
        [
            ("own", 1, "a", None, 1),
            ("own", 2, "a", None, 2),
            ("own", 2, "b", None, 2),
            ("files", 1, "c", 7, 3),
            ("brokerage", 1, "trade", 1, 1),
        ],
        [("own", 1, 1)],
    )
    assert waiting(home) == [("files", 1, {"c"}), ("own", 2, {"a", "b"})]
    assert warehouse.last_loads_built(home) == {"own": [1, 1_000_000]}
    assert warehouse.has_loads(home)


def test_after_an_older_raw_the_whole_source_waits(tmp_path: Path) -> None:
    loads = [("own", 1, "a", None, 1), ("own", 2, "a", None, 9)]
    home = home_of(tmp_path, loads, [("own", 1, 1), ("own", 2, 2), ("gone", 1, 1)])
    assert waiting(home) == [("gone", 0, {"*"}), ("own", 0, {"*"})]
