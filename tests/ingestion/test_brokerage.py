"""The brokerage source end to end: its declaration, its connector, the loader."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from connectors.source_brokerage.streams import STREAMS
from ingestion import SyncResult, declarations, reader, sync
from ingestion.paths import Paths
from tests.landing import small_files, write_landing

PROJECT = Path(__file__).resolve().parents[2]
SYNC = """
import sys
from pathlib import Path
from ingestion import reader, sync

reader.LAST_SEGMENT_BYTES = int(sys.argv[3])
print("started", flush=True)
sync("brokerage", Path(sys.argv[1]), landing=Path(sys.argv[2]))
"""


def query(home: Path, statement: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "raw.duckdb"), read_only=True) as connection:
        return connection.execute(statement).fetchall()


def contents(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, without what differs from sync to sync."""
    names = query(home, "select table_name from duckdb_tables() where schema_name = 'brokerage'")
    left_out = "_airbyte_raw_id, _airbyte_extracted_at"
    return {
        str(name): query(home, f"select * exclude ({left_out}) from brokerage.{name} order by all")
        for (name,) in names
    }


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    write_landing(tmp_path / "landing", small_files())
    return tmp_path / "landing"


def load(home: Path, landing: Path) -> SyncResult:
    result = sync("brokerage", home, landing=landing)
    assert result.status == "succeeded", result.errors
    return result


def test_the_declaration_names_every_stream_of_the_connector() -> None:
    declared = declarations.read("brokerage").streams
    assert declared is not None
    assert set(declared) == {stream.name for stream in STREAMS}
    for stream in STREAMS:
        form = declared[stream.name].file
        if form is not None:
            columns = [name for name in form.table_columns() if not name.startswith("_")]
            assert set(columns) >= set(stream.columns), stream.name


def test_a_landing_directory_arrives_whole(tmp_path: Path, landing: Path) -> None:
    home = tmp_path / "home"
    result = load(home, landing)
    batches = len(list(landing.glob("Batch?")))
    assert result.new_batches == list(range(1, batches + 1))
    for path in landing.rglob("Trade.txt"):
        expected = path.read_bytes().decode().splitlines()
        name = path.relative_to(landing).as_posix()
        columns = "cdc_flag, cdc_dsn, " if expected[0].split("|")[0] in "IUD" else ""
        stored = query(
            home,
            f"""select _line, concat_ws('|', {
                ", ".join(
                    f"coalesce({c.strip()}, '')" for c in (columns + TRADE).split(",") if c.strip()
                )
            }) from brokerage.trade where _file = '{name}' order by _line""",
        )
        assert stored == list(enumerate(expected, start=1))
    again = sync("brokerage", home, landing=landing)
    assert (again.status, again.records, again.new_batches) == ("succeeded", 0, [])


TRADE = (
    "t_id, t_dts, t_st_id, t_tt_id, t_is_cash, t_s_symb, t_qty, t_bid_price, t_ca_id, t_exec_name,"
    " t_trade_price, t_chrg, t_comm, t_tax"
)


def test_files_and_records_give_the_same_tables(tmp_path: Path, landing: Path) -> None:
    load(tmp_path / "files", landing)
    config = {"delivery_method": {"delivery_type": "use_records_transfer"}}
    result = sync("brokerage", tmp_path / "records", landing=landing, config=config)
    assert result.status == "succeeded", result.errors
    assert contents(tmp_path / "files") == contents(tmp_path / "records")


def test_killed_and_run_again_gives_the_same_tables(tmp_path: Path, landing: Path) -> None:
    load(tmp_path / "whole", landing)
    expected = contents(tmp_path / "whole")
    chance = random.Random(len(expected))
    for number in range(4):
        home = tmp_path / f"killed{number}"
        committed_together = "1" if number % 2 else "1000000"
        process = subprocess.Popen(
            [sys.executable, "-c", SYNC, str(home), str(landing), committed_together],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            cwd=PROJECT,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        try:
            process.wait(chance.uniform(0.2, 1.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        load(home, landing)
        assert contents(home) == expected


def test_every_batch_has_its_marker_and_its_files_in_the_ledger(
    tmp_path: Path, landing: Path
) -> None:
    home = tmp_path / "home"
    load(home, landing)
    files = {
        row[0] for row in query(home, "select file from _tradehouse.files where stream <> 'audit'")
    }
    delivered = {
        path.relative_to(landing).as_posix()
        for path in landing.glob("Batch?/*")
        if not path.name.endswith("_audit.csv") and path.stat().st_size
    }
    assert files == delivered
    wrong = query(
        home,
        """select * from _tradehouse.files as files where digest is not null and records <> (
            select count(*) from brokerage.trade as trade where trade._file = files.file)
            and stream = 'trade'""",
    )
    assert wrong == []
    assert list(Paths.below(home).tmp.iterdir()) == []


def test_small_batches_are_committed_together(
    tmp_path: Path, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit costs statements, a write to disk, and a state of every stream."""
    batches = len(list(landing.glob("Batch?")))
    commits = "select count(distinct committed_at) from _tradehouse.files"
    load(tmp_path / "home", landing)
    assert query(tmp_path / "home", commits) == [(1,)]
    monkeypatch.setattr(reader, "LAST_SEGMENT_BYTES", 1)
    load(tmp_path / "other", landing)
    assert query(tmp_path / "other", commits) >= [(batches,)]
    assert contents(tmp_path / "home") == contents(tmp_path / "other")


@pytest.mark.slow
@pytest.mark.sample
def test_the_real_sample_arrives_whole(tmp_path: Path, sample_landing: Path) -> None:
    result = load(tmp_path, sample_landing)
    counts = dict(
        query(
            tmp_path,
            """select stream, sum(records)::bigint from _tradehouse.files
            where batch > 0 group by all""",
        )
    )
    assert counts["trade"] == 390_978 + 570 + 546
    assert counts["daily_market"] == 1_282_768 + 2 * 1_788
    assert counts["finwire"] == 102_476
    assert counts["customer_mgmt_action"] == 14_572
    assert result.new_batches == [1, 2, 3]
    assert query(tmp_path, "select sum(malformed_records) from _tradehouse.files") == [(0,)]
    names = query(
        tmp_path,
        "select employeelastname from brokerage.hr where employeelastname in ('Nan', 'Gale ')",
    )
    assert sorted(str(name[0]) for name in names) == ["Gale "] * 2 + ["Nan"] * 3
