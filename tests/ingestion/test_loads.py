"""Loads in the ledger: numbers, what they count, when they are recorded; by value."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion import ledger, loads
from ingestion.database import MIGRATIONS, migrate
from tests.ingestion.conftest import Source, error_trace, record, state, status, stream
from tradehouse.home import raw_queries, warehouse_queries
from tradehouse.home.paths import Home

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
    return [(one.source, one.number, set(one.tables)) for one in raw_queries.loads_waiting(home)]


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
    assert warehouse_queries.last_loads_built(home) == {"own": [1, 1_000_000]}
    assert raw_queries.has_loads(home)


def test_after_an_older_raw_the_whole_source_waits(tmp_path: Path) -> None:
    loads = [("own", 1, "a", None, 1), ("own", 2, "a", None, 9)]
    home = home_of(tmp_path, loads, [("own", 1, 1), ("own", 2, 2), ("gone", 1, 1)])
    assert waiting(home) == [("gone", 0, {"*"}), ("own", 0, {"*"})]


def numbered(source: Source, table: str = "a") -> list[Any]:
    return source.query(f"select n, _load from played.{table} order by all")


def rewriting(source: Source) -> list[Any]:
    """The loads that say that earlier rows are gone or others."""
    return source.query("select distinct load from _tradehouse.loads where rewrites order by all")


def declare(source: Source, mode: str, **more: Any) -> None:
    source.declared["streams"] = {"a": {"sync_mode": mode} | more}


def bring(source: Source, *lines: str, complete: bool = True, **arguments: Any) -> None:
    end = status("a") if complete else error_trace("gone")
    source.plays([*lines, state("a", 1), end], streams=STREAMS, exit_code=0 if complete else 1)
    assert (source.sync(**arguments).status == "succeeded") == complete


def test_every_row_says_which_load_brought_it(source: Source) -> None:
    play(source, *rows("a", 1, 2), state("a", 1), *rows("b", 1), state("b", 1))
    source.sync()
    play(source, *rows("a", 3), state("a", 2), *rows("a", 4), complete=False)
    source.sync()
    play(source, *rows("a", 5), state("a", 3), *rows("b", 2), state("b", 2))
    source.sync()
    assert numbered(source) == [(1, 1), (2, 1), (3, 2), (5, 3)]
    assert numbered(source, "b") == [(1, 1), (2, 3)]
    assert rewriting(source) == []


def test_a_full_copy_is_of_its_load_and_rewrites_the_one_before(source: Source) -> None:
    declare(source, "full_refresh_overwrite")
    bring(source, *rows("a", 1, 2))
    assert (numbered(source), rewriting(source)) == ([(1, 1), (2, 1)], [])
    bring(source, *rows("a", 1))
    assert (numbered(source), rewriting(source)) == ([(1, 2)], [(2,)])
    declare(source, "full_refresh_append")
    bring(source, *rows("a", 1))
    assert (numbered(source), rewriting(source)) == ([(1, 2), (1, 3)], [(2,), (3,)])
    declare(source, "incremental_append")
    bring(source, *rows("a", 2))
    bring(source, *rows("a", 7), reset=True)
    assert (numbered(source), rewriting(source)) == ([(7, 5)], [(2,), (3,), (5,)])


def test_of_a_key_the_load_is_that_of_the_version_that_is_there(source: Source) -> None:
    declare(source, "incremental_deduplicated", key="n", cursor="at")
    streams = [stream("a", n="integer", at="integer", _ab_cdc_deleted_at="string")]

    def deliver(*versions: tuple[int, int], deleted: str | None = None) -> None:
        lines = [
            record("a", {"n": n, "at": at, "_ab_cdc_deleted_at": deleted}) for n, at in versions
        ]
        source.plays([*lines, state("a", 1), status("a")], streams=streams)
        assert source.sync().status == "succeeded"

    deliver((1, 1), (2, 5), (3, 1))
    deliver((1, 2), (2, 4), (2, 3))  # Of 2 the version that is there is newer.
    assert numbered(source) == [(1, 2), (2, 1), (3, 1)]
    deliver((9, 9), deleted="2020-01-01")  # Of what never came.
    assert rewriting(source) == []
    deliver((3, 2), deleted="2020-01-01")
    assert (numbered(source), rewriting(source)) == ([(1, 2), (2, 1)], [(4,)])
    declare(source, "incremental_deduplicated", key="at", cursor="at")
    deliver((4, 9))
    assert (numbered(source), rewriting(source)) == ([(1, 5), (2, 5), (4, 5)], [(4,), (5,)])


def test_a_deletion_among_versions_rewrites(source: Source) -> None:
    declare(source, "incremental_append")
    streams = [stream("a", n="integer", _ab_cdc_deleted_at="string")]
    for deleted in (None, "2020-01-01"):
        line = record("a", {"n": 1, "_ab_cdc_deleted_at": deleted})
        source.plays([line, state("a", 1), status("a")], streams=streams)
        source.sync()
    assert (numbered(source), rewriting(source)) == ([(1, 1), (1, 2)], [(2,)])


def test_what_a_dead_sync_left_staged_is_of_the_load_that_merges_it(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged = {"sync_mode": "incremental_deduplicated", "key": "n"}
    source.declared["streams"] = {"a": merged, "b": {"sync_mode": "incremental_append"}}
    with monkeypatch.context() as patched:
        patched.setattr("ingestion.sync_modes.merge", lambda *_: [])
        play(source, *rows("a", 1, 2), state("a", 1), *rows("b", 1), state("b", 1))
        source.sync()
    assert (numbered(source), numbered(source, "b")) == ([], [(1, 1)])
    play(source, *rows("b", 2), state("b", 2))
    source.sync()
    assert numbered(source) == [(1, 2), (2, 2)]
    assert numbered(source, "b") == [(1, 1), (2, 2)]
    assert sorted(source.query(LOADS)) == [(1, "b", 1), (2, "a", 2), (2, "b", 1)]


def test_a_column_of_another_type_is_a_load_that_rewrites(source: Source) -> None:
    declare(source, "incremental_append")
    bring(source, *rows("a", 1))
    source.plays([status("a")], streams=[stream("a", n="string")])
    source.sync()
    assert (source.query(LOADS), rewriting(source)) == ([(1, "a", 1), (2, "a", 0)], [(2,)])


@pytest.mark.parametrize("mode", ["incremental_append", "incremental_deduplicated"])
def test_rows_of_a_home_of_before_have_no_load_and_a_field_may_be_called_so(
    source: Source, mode: str
) -> None:
    declare(source, mode, key="n")
    streams = [stream("a", n="integer", _load="string", _LOAD="string")]

    def deliver(n: int, word: str) -> None:
        line = record("a", {"n": n, "_load": word, "_LOAD": word})
        source.plays([line, state("a", n), status("a")], streams=streams)
        assert source.sync().status == "succeeded"

    deliver(1, "one")
    with duckdb.connect(str(source.paths.raw_database)) as raw:  # As the version before left it.
        for table in ('played."a"', '_tradehouse_staging."played.a"'):
            if "staging" not in table or mode == "incremental_deduplicated":
                raw.execute(f"alter table {table} drop column _load")
                raw.execute(f"alter table {table} rename column _load_2 to _load")
        raw.execute("update _tradehouse.names set name = '_load' where name = '_load_2'")
        raw.execute("alter table _tradehouse.loads drop column rewrites")
        raw.execute("alter table _tradehouse.judged drop column loses")
        newest = "(select max(version) from _tradehouse.schema_version)"
        raw.execute(f"delete from _tradehouse.schema_version where version = {newest}")
    deliver(2, "two")
    found = source.query("select n, _load, _load_2, _LOAD_3 from played.a order by all")
    assert found == [(1, None, "one", "one"), (2, 2, "two", "two")]
