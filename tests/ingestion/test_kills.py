"""Killed at any moment and run again: every record exactly once."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from ingestion import sync
from ingestion.declarations import Declaration
from ingestion.paths import Paths

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
TOTAL, EVERY = 4000, 250
STREAMS = ("apples", "pears", "plums")

SYNC = """
import sys
from pathlib import Path
import ingestion.reader
from tests.ingestion.test_kills import declaration
from ingestion import sync

ingestion.reader.SPOOL_SEGMENT_BYTES = 4096
print("started", flush=True)
result = sync(declaration(), Path(sys.argv[1]))
sys.exit(0 if result.status == "succeeded" else 1)
"""


def declaration() -> Declaration:
    script = str(HERE / "counting_source.py")
    return Declaration.model_validate(
        {
            "name": "counting",
            "description": "Counts.",
            "owner": "tests",
            "connector": {"command": [sys.executable, script, str(TOTAL), str(EVERY)]},
        }
    )


def start(home: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(
        [sys.executable, "-c", SYNC, str(home)],
        stdout=subprocess.PIPE,
        env=environment,
        cwd=PROJECT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    return process


def connector_of(process: subprocess.Popen[bytes]) -> int | None:
    """The process id of the sync's running connector."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:
        found = children.read_text().split()
    except OSError:
        return None
    return int(found[0]) if found else None


def kill_once(home: Path, delay: float, *, connector: bool) -> str:
    """One sync that is killed after a delay, itself or its connector; returns how it ended."""
    process = start(home)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        victim = connector_of(process) if connector else process.pid
        if victim is not None:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                return "ended"
        code = process.wait(60)
        if connector and code == -signal.SIGKILL:
            raise AssertionError("the sync died with its connector") from None
        return "killed"
    return "ended"


def assert_whole(home: Path) -> None:
    with duckdb.connect(str(home / "raw.duckdb"), read_only=True) as connection:
        for stream in STREAMS:
            found = connection.execute(
                f"""select count(*), count(distinct number), min(number), max(number),
                    count(*) filter (where text = '{stream} ' || number) from counting.{stream}"""
            ).fetchone()
            assert found == (TOTAL, TOTAL, 1, TOTAL, TOTAL)


def rounds(tmp_path: Path, count: int, seed: int) -> int:
    chance = random.Random(seed)
    killed = 0
    for number in range(count):
        home = tmp_path / f"home{number}"
        for _ in range(2):
            how = kill_once(home, chance.uniform(0.1, 1.2), connector=chance.random() < 0.5)
            killed += how == "killed"
        result = sync(declaration(), home)
        assert result.status == "succeeded", result.errors
        assert_whole(home)
        assert list(Paths.below(home).tmp.iterdir()) == []
    return killed


def test_a_few_kills(tmp_path: Path) -> None:
    def kill(number: int) -> bool:
        folder = tmp_path / str(number)
        folder.mkdir()
        return rounds(folder, 1, seed=time.time_ns() % 1000) > 0

    # On a fast machine a sync may have ended before the moment comes: then once more.
    assert any(kill(number) for number in range(10))


@pytest.mark.slow
def test_many_kills(tmp_path: Path) -> None:
    assert rounds(tmp_path, 25, seed=time.time_ns() % 1000) > 25


def test_an_undisturbed_sync(tmp_path: Path) -> None:
    assert sync(declaration(), tmp_path).records == len(STREAMS) * TOTAL
    assert sync(declaration(), tmp_path).records == 0
    assert_whole(tmp_path)
