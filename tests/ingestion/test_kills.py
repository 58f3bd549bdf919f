"""Killed at any moment and run again: every record exactly once; the rounds are a benchmark's."""

import random
import time
from pathlib import Path

import duckdb
import pytest

from benchmarks.ingestion.kills import TOTAL, Subject, differences, rounds, rows
from ingestion import sync

STREAMS = ("apples", "pears", "plums")
COUNTING = Subject("counting")


def assert_whole(home: Path) -> None:
    with duckdb.connect(str(home / "raw.duckdb"), read_only=True) as connection:
        for stream in STREAMS:
            found = connection.execute(
                f"""select count(*), count(distinct number), min(number), max(number),
                    count(*) filter (where text = '{stream} ' || number),
                    count(distinct _airbyte_raw_id) from counting.{stream}"""
            ).fetchone()
            assert found == (TOTAL, TOTAL, 1, TOTAL, TOTAL, TOTAL)


def test_a_few_kills(tmp_path: Path) -> None:
    def kill(number: int) -> bool:
        folder = tmp_path / str(number)
        folder.mkdir()
        return rounds(COUNTING, folder, 1, random.Random(time.time_ns() % 1000)).killed > 0

    # A load may have ended before the moment came: then once more.
    assert any(kill(number) for number in range(10))


@pytest.mark.slow
def test_many_kills(tmp_path: Path) -> None:
    tally = rounds(COUNTING, tmp_path, 20, random.Random(time.time_ns() % 1000))
    assert sum(tally.homes.values()) == 20
    assert tally.killed > 5


def test_an_undisturbed_sync(tmp_path: Path) -> None:
    assert sync(COUNTING.declaration(), tmp_path).records == len(STREAMS) * TOTAL
    assert sync(COUNTING.declaration(), tmp_path).records == 0
    assert_whole(tmp_path)


def test_lost_doubled_and_changed_rows_are_seen(tmp_path: Path) -> None:
    whole, home = tmp_path / "whole", tmp_path / "home"
    for each in (whole, home):
        sync(COUNTING.declaration(), each)
    assert rows(home) == len(STREAMS) * TOTAL
    assert differences(home, whole) == []
    for change, too_many, missing in (
        ("delete from counting.plums where number = 7", 0, 1),
        ("insert into counting.plums select * from counting.plums where number = 8", 1, 1),
        ("update counting.plums set text = 'x' where number = 9", 2, 2),
    ):
        with duckdb.connect(str(home / "raw.duckdb")) as connection:
            connection.execute(change)
        assert differences(home, whole) == [
            f"counting.plums: ({too_many}, {missing}) rows too many and missing"
        ]
