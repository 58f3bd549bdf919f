"""The raw database: one writer, schema versions, the ledger's snapshot, syncs that died."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingestion import database, ledger
from ingestion.database import MIGRATIONS, migrate, open_raw, schema_version
from ingestion.errors import SchemaVersionError
from tests.ingestion.conftest import Source, record, state, status, stream
from tradehouse.errors import BusyError
from tradehouse.home.files import write_json

HOLD = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1], read_only=True)
print("open", flush=True)
time.sleep(float(sys.argv[2]))
"""


def hold(path: Path, seconds: float) -> subprocess.Popen[bytes]:
    """Another process that has the database open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(seconds)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    return process


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    with open_raw(tmp_path / "raw.duckdb", tmp=tmp_path):
        return tmp_path / "raw.duckdb"


def test_a_reader_is_waited_for_and_named(raw: Path) -> None:
    reader = hold(raw, 1.0)
    said: list[str] = []
    with open_raw(raw, tmp=raw.parent, wait_seconds=30, on_wait=said.append) as connection:
        assert schema_version(connection) == len(MIGRATIONS)
    reader.wait()
    assert len(said) == 1
    assert str(reader.pid) in said[0]


def test_a_reader_that_stays_is_a_clear_error(raw: Path) -> None:
    reader = hold(raw, 30)
    try:
        with (
            pytest.raises(BusyError, match=rf"PID {reader.pid}\)\. Close it there") as caught,
            open_raw(raw, tmp=raw.parent, wait_seconds=0.3),
        ):
            pass
        assert f"(PID {reader.pid})" in caught.value.holder
    finally:
        reader.kill()
        reader.wait()


def test_the_same_process_cannot_open_it_twice(raw: Path) -> None:
    with (
        duckdb.connect(str(raw), read_only=True),
        pytest.raises(BusyError, match="is open in this process"),
        open_raw(raw, tmp=raw.parent, wait_seconds=0),
    ):
        pass


def test_an_older_schema_is_migrated_in_one_transaction(raw: Path) -> None:
    newer = (*MIGRATIONS, ("alter table _tradehouse.files add column added integer",))
    with duckdb.connect(str(raw)) as connection:
        migrate(connection, raw, newer)
        assert schema_version(connection) == len(newer)
        assert connection.execute("select added from _tradehouse.files").fetchall() == []


def test_a_migration_that_fails_changes_nothing(raw: Path) -> None:
    broken = (*MIGRATIONS, ("alter table _tradehouse.files add column added integer", "nonsense"))
    with duckdb.connect(str(raw)) as connection:
        with pytest.raises(duckdb.ParserException):
            migrate(connection, raw, broken)
        assert schema_version(connection) == len(MIGRATIONS)
        columns = connection.execute("describe _tradehouse.files").fetchall()
        assert "added" not in {column[0] for column in columns}


def test_a_newer_schema_is_refused(raw: Path) -> None:
    with duckdb.connect(str(raw)) as connection:
        connection.execute("insert into _tradehouse.schema_version values (99, now())")
    with (
        pytest.raises(SchemaVersionError, match="schema version 99, this Tradehouse knows"),
        open_raw(raw, tmp=raw.parent),
    ):
        pass


def test_time_zone_is_utc_on_every_connection(raw: Path) -> None:
    with open_raw(raw, tmp=raw.parent) as connection:
        zone = connection.cursor().execute("select current_setting('TimeZone')").fetchone()
        assert zone == ("UTC",)


def test_the_snapshot_answers_without_the_database(source: Source) -> None:
    assert ledger.read_status(source.paths)["syncs"] == []
    lines = [record("a", {"n": 1}), state("a", {"at": 1}), status("a")]
    source.plays(lines, streams=[stream("a", n="integer")])
    source.sync()
    with duckdb.connect(str(source.paths.raw_database)):
        found = ledger.read_status(source.paths)
    assert found["running"] == []
    [row] = found["syncs"]
    assert (row["stream"], row["status"], row["records"]) == ("a", "succeeded", 1)
    assert found["streams"][0]["records"] == 1
    assert not list(source.paths.state.glob(".*"))


def test_a_sync_that_died_is_closed_at_the_next_start(source: Source) -> None:
    source.plays([record("a", {"n": 1}), status("a")], streams=[stream("a", n="integer")])
    source.sync()
    leftover = source.paths.tmp / "sync-dead"
    leftover.mkdir()
    (leftover / "spool.jsonl").write_text("{}")
    with duckdb.connect(str(source.paths.raw_database)) as connection:
        connection.execute(
            """insert into _tradehouse.syncs by name select 'x' as sync_id, 'played' as source,
            'a' as stream, now() as started_at, 'running' as status, 0 as records, 0 as bytes,
            0 as nulled_values"""
        )
        connection.execute(
            "insert into _tradehouse.segments values ('x', 'played', null, 'a', 1, 7, 70, 0, now())"
        )
    source.sync()
    assert source.query("select status, records from _tradehouse.syncs where sync_id = 'x'") == [
        ("died", 7)
    ]
    assert not leftover.exists()


def test_a_running_sync_shows(source: Source) -> None:
    source.plays([status("a")], streams=[stream("a", n="integer")])
    source.paths.make()
    marker = source.paths.state / "sync-played.json"
    write_json(marker, {"sync_id": "x", "source": "played", "pid": os.getpid()})
    [running] = ledger.read_status(source.paths)["running"]
    assert running["sync_id"] == "x"
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    write_json(marker, {"sync_id": "x", "source": "played", "pid": process.pid})
    assert ledger.read_status(source.paths)["running"] == []
    # The number of a process that is gone may be another one's by now.
    write_json(marker, {"sync_id": "x", "source": "played", "pid": os.getpid(), "started": 1})
    assert ledger.read_status(source.paths)["running"] == []


def test_snapshots_are_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_json(path, {"a": 1})
    before = path.stat().st_ino
    write_json(path, {"a": 2})
    assert path.stat().st_ino != before
    assert list(tmp_path.iterdir()) == [path]


def test_memory_is_limited(raw: Path) -> None:
    with open_raw(raw, tmp=raw.parent) as connection:
        found = connection.execute("select current_setting('memory_limit')").fetchone()
        assert found is not None
        assert found[0].endswith("MiB")
        assert database.MEMORY_LIMIT == "256MB"


def test_large_states_of_many_commits_fit_into_memory(raw: Path) -> None:
    """A state of every delivery so far, for each of many deliveries, is more than memory holds."""
    with open_raw(raw, tmp=raw.parent) as connection:
        connection.execute(
            """insert into _tradehouse.syncs by name select 'x' as sync_id, 'played' as source,
            stream, now() as started_at, 'running' as status, 0 as records, 0 as bytes,
            0 as nulled_values from unnest(['a', 'b']) as streams(stream)"""
        )
        for position in range(1, 801):
            connection.execute(
                """insert into _tradehouse.states select 'played', 'STREAM', null,
                case when ?::bigint % 2 = 1 then 'a' else 'b' end,
                json_object('type', 'STREAM', 'stream', json_object('stream_state', json_object(
                    'at', ?::bigint, 'batches', (select string_agg(md5((i * ?::bigint)::text), '')
                        from range(2000) as t(i))))),
                ?, 'x', now()""",
                [position] * 4,
            )
    with open_raw(raw, tmp=raw.parent, memory_limit="40MB") as connection:
        found = ledger.current_states(connection, "played")
        assert [each["stream"]["stream_state"]["at"] for each in found] == [799, 800]
        streams: list[tuple[str | None, str]] = [(None, "a"), (None, "b")]
        ledger.end_sync(connection, "x", dict.fromkeys(streams, "succeeded"), None)
    with open_raw(raw, tmp=raw.parent) as connection:
        at = "'$.stream.stream_state.at'"
        kept = f"select stream, state ->> {at}, state_after ->> {at} from _tradehouse.states "
        kept += "join _tradehouse.syncs using (stream) order by all"
        assert connection.execute(kept).fetchall() == [("a", "799", "799"), ("b", "800", "800")]
