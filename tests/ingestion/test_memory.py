"""Memory stays bounded whatever the size of a stream, in every way of loading it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.ingestion.big_source import BLOCK

PROJECT = Path(__file__).resolve().parents[2]
SYNC = """
import re, sys
from pathlib import Path
from ingestion import sync
from ingestion.declarations import Declaration

result = sync(Declaration.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
print(result.errors, file=sys.stderr)
# Of this program alone: what getrusage says starts with the peak of the process that started it.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(result.status, result.records, int(peak) * 1024)
"""


def peak(home: Path, megabytes: int, stream: dict[str, Any]) -> float:
    """The loader's peak memory in MB for a stream of a size; all of it has to arrive."""
    declared = {
        "name": "big",
        "description": "One big stream.",
        "owner": "tests",
        "connector": {
            "command": [
                sys.executable,
                str(PROJECT / "tests/ingestion/big_source.py"),
                str(megabytes),
            ]
        },
        "streams": {"a": stream},
    }
    done = subprocess.run(
        [sys.executable, "-c", SYNC, json.dumps(declared), str(home)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        cwd=PROJECT,
    )
    assert done.returncode == 0, done.stderr
    status, records, size = done.stdout.split()
    expected = megabytes // 16 * BLOCK
    assert (status, int(records)) == ("succeeded", expected), done.stderr
    with duckdb.connect(str(home / "raw.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select count(*), count(distinct n), sum(price - n) from big.a"
        ).fetchone()
    assert found == (expected, expected, expected * 0.25)
    return int(size) / 1e6


@pytest.mark.slow
@pytest.mark.parametrize(
    "stream",
    [
        {"sync_mode": "incremental_append"},
        {"sync_mode": "full_refresh_overwrite"},
        {"sync_mode": "incremental_deduplicated", "key": "n", "cursor": "n"},
    ],
    ids=["append", "overwrite", "deduplicated"],
)
def test_memory_does_not_grow_with_the_stream(tmp_path: Path, stream: dict[str, Any]) -> None:
    small, big = (peak(tmp_path / f"{size}", size, stream) for size in (64, 320))
    print(f"peak memory: {small:.0f} MB for 64 MB, {big:.0f} MB for 320 MB")
    assert big < 500
    assert big - small < 200
