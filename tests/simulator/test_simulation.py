"""The same request gives the same bytes; days are appended; bad requests leave nothing behind."""

import datetime
import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulator import SimulationError
from simulator.__main__ import app
from simulator.brokerage import Brokerage
from tests.conftest import PROJECT
from tests.simulator.conftest import DEFAULT_START, QUARTER_START, Simulated, simulate


def digests(landing: Path) -> dict[str, str]:
    """Content of every file below a directory, by its path."""
    return {
        str(path.relative_to(landing)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(landing.rglob("*"))
        if path.is_file()
    }


def test_bytes_do_not_depend_on_workers_and_chunks(quarter: Simulated, tmp_path: Path) -> None:
    simulate(0.1, 3, 1, QUARTER_START, tmp_path / "again", workers=1, chunk_rows=1_777)
    assert digests(tmp_path / "again") == digests(quarter.landing)


def test_appended_days_equal_days_in_one_go(quarter: Simulated, tmp_path: Path) -> None:
    landing = tmp_path / "appended"
    assert simulate(0.1, 0, 1, QUARTER_START, landing) == [1]
    before = {path: path.stat().st_mtime_ns for path in landing.glob("Batch1/*")}
    assert simulate(0.1, 1, 1, QUARTER_START, landing) == [2]
    assert simulate(0.1, 3, 1, QUARTER_START, landing) == [3, 4]
    assert simulate(0.1, 2, 1, QUARTER_START, landing) == []
    assert {path: path.stat().st_mtime_ns for path in landing.glob("Batch1/*")} == before
    assert digests(landing) == digests(quarter.landing)


def test_another_seed_is_another_brokerage(default: Simulated, tmp_path: Path) -> None:
    simulate(0.1, 1, 2, DEFAULT_START, tmp_path / "other")
    first, other = digests(default.landing), digests(tmp_path / "other")
    same = {name for name in other if first[name] == other[name] and "audit" not in name}
    assert same == {
        "Batch1/BatchDate.txt", "Batch1/Date.txt", "Batch1/Industry.txt", "Batch1/StatusType.txt",
        "Batch1/TaxRate.txt", "Batch1/Time.txt", "Batch1/TradeType.txt", "Batch2/BatchDate.txt",
    }  # fmt: skip


def test_newswire_history_leaves_newswire_and_employees_to_the_history(
    quarter: Simulated, tmp_path: Path
) -> None:
    """Nothing else differs by a byte, but that deactivated securities are traded on."""
    simulate(0.1, 3, 1, QUARTER_START, tmp_path / "history", newswire="history")
    first, other = digests(quarter.landing), digests(tmp_path / "history")
    assert set(first) - set(other) == {
        "Batch3/HR.csv", "Batch3/HR_audit.csv", "Batch4/FINWIRE2017Q4",
        "Batch4/FINWIRE2017Q4_audit.csv",
    }  # fmt: skip
    assert set(other) <= set(first)
    assert {name for name in other if first[name] != other[name]} == {
        "simulation.json", "digen_report.txt", "Batch4/Trade.txt",
    }  # fmt: skip
    wire = (quarter.landing / "Batch4" / "FINWIRE2017Q4").read_text().splitlines()
    deactivated = {line[18:33] for line in wire if line[15:18] == "SEC" and line[39:43] == "INAC"}
    continuing, history = (
        [row.split("|") for row in (landing / "Batch4" / "Trade.txt").read_text().splitlines()]
        for landing in (quarter.landing, tmp_path / "history")
    )
    different = [(a, b) for a, b in zip(continuing, history, strict=True) if a != b]
    assert different
    for row, other_row in different:
        assert row[:7] + row[8:] == other_row[:7] + other_row[8:]
        assert row[7] not in deactivated


def test_newswire_history_never_brings_anything_new_later(tmp_path: Path) -> None:
    """Across the start of a quarter and two employee lists: whoever is named is in the archive."""
    named, lists = {}, {}
    for newswire in ("history", "continuing"):
        landing = tmp_path / newswire
        simulate(0.1, 33, 1, QUARTER_START, landing, newswire=newswire)
        lists[newswire] = sorted(
            str(path.relative_to(landing))
            for pattern in ("HR.csv", "FINWIRE????Q?")
            for path in landing.glob(f"Batch*/{pattern}")
            if path.parent.name != "Batch1"
        )
        archive = b"".join(path.read_bytes() for path in landing.glob("Batch1/FINWIRE????Q?"))
        known = {line[18:33] for line in archive.split(b"\r\n") if line[15:18] == b"SEC"}
        traded = {
            row.split(b"|")[column]
            for name, column in (("DailyMarket.txt", 3), ("Trade.txt", 7), ("WatchHistory.txt", 3))
            for path in landing.glob(f"Batch*/{name}")
            if path.parent.name != "Batch1"
            for row in path.read_bytes().split(b"\r\n")[:-1]
        }
        named[newswire] = len(traded - known)
    assert lists == {
        "history": [],
        "continuing": ["Batch3/HR.csv", "Batch33/HR.csv", "Batch4/FINWIRE2017Q4"],
    }
    assert named["history"] == 0
    assert named["continuing"] > 0


def test_a_day_that_is_missing_is_written_alone(quarter: Simulated, tmp_path: Path) -> None:
    landing = tmp_path / "holed"
    shutil.copytree(quarter.landing, landing)
    shutil.rmtree(landing / "Batch3")
    before = {path: path.stat().st_mtime_ns for path in landing.glob("Batch*/*")}
    assert simulate(0.1, 3, 1, QUARTER_START, landing) == [3]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert digests(landing) == digests(quarter.landing)


def test_a_killed_simulation_leaves_whole_batches_and_goes_on(tmp_path: Path) -> None:
    landing, days = tmp_path / "killed", 60
    program = (
        "import datetime, sys; from simulator import simulate; "
        f"simulate(0.1, {days}, 1, datetime.date(2017, 7, 8), sys.argv[1], profile='official')"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(landing)], cwd=PROJECT)
    while not (landing / "Batch5").is_dir() and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()
    simulate(0.1, days, 1, DEFAULT_START, tmp_path / "whole")
    expected = digests(tmp_path / "whole")
    present = {path.name for path in landing.iterdir() if path.is_dir() and path.name[0] != "."}
    assert 5 <= len(present) < days + 1
    whole = {name for name in expected if name.split("/")[0] in present and "/" in name}
    found = {name: one for name, one in digests(landing).items()
             if "/" in name and name[0] != "."}  # fmt: skip
    assert found == {name: expected[name] for name in whole}
    written = simulate(0.1, days, 1, DEFAULT_START, landing)
    assert written == list(range(len(present) + 1, days + 2))
    assert digests(landing) == expected


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_effort_at_scale_one(tmp_path: Path) -> None:
    simulate(1, 2, 5, DEFAULT_START, tmp_path / "one", workers=1, chunk_rows=7_919)
    simulate(1, 2, 5, DEFAULT_START, tmp_path / "other", workers=4, chunk_rows=200_000)
    assert digests(tmp_path / "one") == digests(tmp_path / "other")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"scale": 0.0}, "The scale must lie above 0"),
        ({"scale": -3.0}, "The scale must lie above 0"),
        ({"scale": float("nan")}, "The scale must lie above 0"),
        ({"days": -1}, "The days must be 0 or more, but -1 was given"),
        ({"start": datetime.date(1950, 1, 1)}, "The start must lie between 1985-01-01"),
        ({"start": datetime.date(2050, 12, 31), "days": 2}, "the calendar ends on 2050-12-31"),
        ({"days": 99_999_999}, "the calendar ends on 2050-12-31: from 2017-07-08 on, 12230 are"),
        ({"newswire": "never"}, "The newswire must be one of continuing, history"),
    ],
)
def test_bad_requests_are_one_sentence(
    tmp_path: Path, arguments: dict[str, object], expected: str
) -> None:
    request = {"scale": 0.1, "days": 1, "seed": 1, "start": DEFAULT_START} | arguments
    with pytest.raises(SimulationError, match=expected) as raised:
        simulate(out=tmp_path / "out", **request)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_directory_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(SimulationError, match=r"holds something else \(precious.txt\)"):
        simulate(0.1, 1, 1, DEFAULT_START, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
    with pytest.raises(SimulationError, match="is a file"):
        simulate(0.1, 1, 1, DEFAULT_START, tmp_path / "precious.txt")


def test_another_brokerage_is_not_extended(default: Simulated) -> None:
    with pytest.raises(SimulationError, match=r"its scale is 0\.1, its seed is 1"):
        simulate(0.2, 4, 2, DEFAULT_START, default.landing)


def test_two_simulations_do_not_write_at_once(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    descriptor = os.open(landing, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(SimulationError, match="Another process is writing into"):
        simulate(0.1, 0, 1, DEFAULT_START, landing)
    assert list(landing.iterdir()) == []
    os.close(descriptor)
    assert simulate(0.1, 0, 1, DEFAULT_START, landing) == [1]


def test_a_full_disk_leaves_no_half_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Brokerage, day: int, directory: Path) -> None:
        (directory / "Trade.txt").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Brokerage, "write_day", fail)
        with pytest.raises(SimulationError, match="There is no space left"):
            simulate(0.1, 2, 1, DEFAULT_START, tmp_path / "out")
        arguments = ["simulate", "--scale", "0.1", "--days", "2", "--profile", "official",
                     "--out", str(tmp_path / "out")]  # fmt: skip
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 1
        assert "There is no space left for the batch" in result.output
    assert sorted(path.name for path in (tmp_path / "out").glob("*Batch*")) == [
        "Batch1", "Batch1_audit.csv",
    ]  # fmt: skip
    assert simulate(0.1, 2, 1, DEFAULT_START, tmp_path / "out") == [2, 3]


def test_the_command_writes_and_complains(tmp_path: Path) -> None:
    runner = CliRunner()
    out = str(tmp_path / "out")
    arguments = ["simulate", "--scale", "0.1", "--days", "1", "--start", "2020-02-29", "--out", out]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "Batch2" / "BatchDate.txt").read_text() == "2020-02-29\n"
    result = runner.invoke(app, arguments)
    assert "All batches are there already" in result.output
    result = runner.invoke(app, ["simulate", "--scale", "-1", "--out", out])
    assert result.exit_code == 2
    assert "The scale must lie above 0" in result.output
