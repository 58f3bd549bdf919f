"""Loads in the ledger: numbers, what they count, when they are recorded; by value."""

from pathlib import Path
from typing import Any

import duckdb

from ingestion import loads
from ingestion.database import MIGRATIONS, migrate
from tests.ingestion.conftest import Source, error_trace, record, state, status, stream

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
