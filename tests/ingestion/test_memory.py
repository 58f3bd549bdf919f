"""Memory stays bounded whatever the size of a stream, in every way of loading it."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion import reader, record_loading
from ingestion.errors import TooLargeError
from tests.ingestion.big_source import BLOCK
from tests.ingestion.conftest import Source, record, state, status, stream

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


def play_large_values(source: Source, count: int, size: int) -> None:
    """Records with a JSON value of a size each, and a field that the catalogue lacks."""
    lines = (record("a", {"id": i, "v": {"k": "é" + "y" * size}, "w": 1}) for i in range(count))
    source.plays([*lines, status("a")], streams=[stream("a", id="integer", v="object")])


@pytest.mark.parametrize(("count", "size"), [(1, 16_000_000), (40, 1_000_000)])
@pytest.mark.parametrize("mode", ["incremental_append", "incremental_deduplicated"])
def test_large_values_are_loaded(source: Source, count: int, size: int, mode: str) -> None:
    """The first takes more memory than the usual limit, of the second 40 at once do."""
    source.declared["streams"] = {"a": {"sync_mode": mode, "key": "id"}}
    play_large_values(source, count, size)
    result = source.sync()
    assert (result.status, result.records) == ("succeeded", count), result.errors
    [warning] = result.warnings
    assert f"not loaded: w ({count})." in warning
    found = source.query(
        "select id, length(v ->> 'k'), left(v ->> 'k', 2) from played.a order by 1"
    )
    assert found == [(i, size + 1, "éy") for i in range(count)]


@pytest.mark.slow
def test_a_stream_of_very_many_fields_is_loaded(source: Source) -> None:
    fields = [f"f{i}" for i in range(1000)]
    lines = [record("a", {field: f"{field}/{i}" for field in fields}) for i in range(3)]
    source.plays([*lines, status("a")], streams=[stream("a", **dict.fromkeys(fields, "string"))])
    result = source.sync()
    assert result.status == "succeeded", result.errors
    found = source.query("select columns('^f[0-9]+$') from played.a order by f0")
    assert found == [tuple(f"{field}/{i}" for field in fields) for i in range(3)]


def test_segments_that_fail_side_by_side_are_both_loaded(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one stream, both before either is known to be large."""
    monkeypatch.setattr(reader, "SPOOL_SEGMENT_BYTES", 1)
    beside, load, failed = threading.Barrier(2, timeout=20), record_loading.load, []

    def fail_first(connection: Any, table: Any, part: Any) -> Any:
        if not part.in_pieces:
            beside.wait()
            failed.append(part)
            raise TooLargeError("too large")
        return load(connection, table, part)

    monkeypatch.setattr(record_loading, "load", fail_first)
    lines = [line for i in (1, 2) for line in (record("a", {"id": i}), state("a", {"at": i}))]
    source.plays([*lines, status("a")], streams=[stream("a", id="integer")])

    result = source.sync()

    assert (result.status, len(failed)) == ("succeeded", 2), result.errors
    assert source.query("select id from played.a order by 1") == [(1,), (2,)]


def test_what_takes_more_memory_than_there_is_is_named(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEHOUSE_MEMORY_LIMIT", "250MB")
    play_large_values(source, 1, 16_000_000)
    [error] = source.sync().errors
    assert error.message.startswith(
        '"played"."a": 1 record of 16.0 MB in 2 columns, the first on line 1 of the connector\'s '
        "output, need more memory than loading may take, 250MB. Set TRADEHOUSE_MEMORY_LIMIT to more"
    )
