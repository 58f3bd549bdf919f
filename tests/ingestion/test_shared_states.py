"""One state for all streams (GLOBAL, LEGACY): resets, refreshes, failures and selections."""

import json
from typing import Any

import pytest

from ingestion import reader
from ingestion.errors import IngestionError
from tests.ingestion.conftest import Source, record, state, status, stream

AB = [stream(name, n="integer") | {"source_defined_primary_key": [["n"]]} for name in "ab"]
ENDS = [status("a"), status("b")]


def shared(kind: str, at: int, *, names: str = "ab") -> str:
    """A state of all streams; a GLOBAL one has an entry for each."""
    body: dict[str, Any] = {"type": kind, "data": {"at": at}}
    if kind == "GLOBAL":
        entries = [
            {"stream_descriptor": {"name": name, "namespace": None}, "stream_state": {"at": at}}
            for name in names
        ]
        body = {"type": kind, "global": {"shared_state": {"at": at}, "stream_states": entries}}
    return json.dumps({"type": "STATE", "state": body})


def content(line: str) -> Any:
    return json.loads(line)["state"]


def rows(name: str, *numbers: int) -> list[str]:
    return [record(name, {"n": n}) for n in numbers]


def declare(source: Source, a: str, b: str) -> None:
    source.declared["streams"] = {"a": {"sync_mode": a}, "b": {"sync_mode": b}}


def load(source: Source, kind: str = "GLOBAL") -> None:
    """A first sync: two rows of each stream."""
    source.plays([*rows("a", 1, 2), *rows("b", 1, 2), shared(kind, 2), *ENDS], streams=AB)
    assert source.sync().status == "succeeded"


def numbers(source: Source) -> list[list[int]]:
    return [
        [row[0] for row in source.query(f"select n from played.{name} order by n")] for name in "ab"
    ]


@pytest.mark.parametrize(
    ("kind", "mode"), [("GLOBAL", "incremental_append"), ("LEGACY", "incremental_deduplicated")]
)
def test_a_reset_reads_everything_from_the_start(source: Source, kind: str, mode: str) -> None:
    declare(source, mode, mode)
    load(source, kind)
    source.plays([*rows("a", 1, 2, 3), *rows("b", 4), shared(kind, 4), *ENDS])
    assert source.sync(reset=True).status == "succeeded"
    assert source.got("state") is None
    assert numbers(source) == [[1, 2, 3], [4]]
    source.sync()
    assert source.got("state") == [content(shared(kind, 4))]


def test_a_full_refresh_reads_everything_from_the_start(source: Source) -> None:
    load(source)
    source.plays([*rows("a", 1, 2, 3), shared("GLOBAL", 3), *ENDS])
    assert source.sync(full_refresh=True).status == "succeeded"
    assert source.got("state") is None
    assert numbers(source) == [[1, 1, 2, 2, 3], [1, 2]]


@pytest.mark.parametrize(("kind", "spool"), [("GLOBAL", 1), ("LEGACY", reader.SPOOL_SEGMENT_BYTES)])
def test_a_reset_that_fails_leaves_rows_and_state(
    source: Source, kind: str, spool: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its states came before the first one is due, at once, or after a stream's end."""
    monkeypatch.setattr(reader, "SPOOL_SEGMENT_BYTES", spool)
    load(source, kind)
    anew = [*rows("a", 7), status("a"), shared(kind, 7), *rows("b", 8), shared(kind, 8)]
    source.plays(anew, exit_code=1)
    assert source.sync(reset=True).status == "failed"
    assert numbers(source) == [[1, 2], [1, 2]]
    source.plays([*rows("a", 3), shared(kind, 3), *ENDS])
    source.sync()
    assert source.got("state") == [content(shared(kind, 2))]
    assert numbers(source) == [[1, 2, 3], [1, 2]]


def test_streams_that_are_copied_whole_get_no_entry_of_the_shared_state(source: Source) -> None:
    declare(source, "incremental_append", "full_refresh_overwrite")
    load(source)
    source.plays([*rows("a", 3), *rows("b", 9), shared("GLOBAL", 3)], exit_code=1)
    assert source.sync().status == "failed"
    assert source.got("state") == [content(shared("GLOBAL", 2, names="a"))]
    assert numbers(source) == [[1, 2, 3], [1, 2]]
    source.plays([*rows("b", 9), shared("GLOBAL", 4), *ENDS])
    source.sync()
    assert source.got("state") == [content(shared("GLOBAL", 3, names="a"))]
    assert numbers(source) == [[1, 2, 3], [9]]
    declare(source, "full_refresh_append", "full_refresh_overwrite")
    source.sync()
    assert source.got("state") is None


def test_some_streams_of_a_shared_state_are_refused(source: Source) -> None:
    load(source)
    for reset in (False, True):
        with pytest.raises(IngestionError, match=r"one state for all .* records of b: "):
            source.sync(streams=["a"], reset=reset)
    assert source.query("select distinct status from _tradehouse.syncs") == [("succeeded",)]
    source.plays([*rows("a", 3), shared("GLOBAL", 3), *ENDS])
    assert source.sync(streams=["b", "a"]).status == "succeeded"
    declare(source, "incremental_append", "full_refresh_overwrite")
    assert source.sync(streams=["a"]).status == "succeeded"
    assert numbers(source) == [[1, 2, 3, 3], [1, 2]]


def test_a_reset_ends_a_shared_state_that_does_not_come_again(source: Source) -> None:
    """After a connector went over to a state for each stream."""
    load(source)
    each = [*rows("a", 5), state("a", {"at": 5}), *rows("b", 6), state("b", {"at": 6}), *ENDS]
    source.plays(each)
    source.sync(reset=True)
    source.sync()
    assert [one["stream"]["stream_state"] for one in source.got("state")] == [{"at": 5}, {"at": 6}]


def test_a_reset_without_records_keeps_the_state_of_the_rows_that_stay(source: Source) -> None:
    load(source)
    source.plays(ENDS)
    assert source.sync(reset=True).status == "succeeded"
    source.sync()
    assert source.got("state") == [content(shared("GLOBAL", 2))]
    assert numbers(source) == [[1, 2], [1, 2]]


@pytest.mark.parametrize("known", [False, True])
def test_a_large_stream_is_not_kept_before_the_state_that_covers_it(
    source: Source, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its records would come again with the next sync."""
    monkeypatch.setattr(reader, "FILE_SEGMENT_BYTES", 1)
    if known:
        load(source)
    before = [[1, 2], [1, 2]] if known else [[], []]
    source.plays([*rows("a", 3), status("a"), *rows("b", 3)], streams=AB, exit_code=1)
    assert source.sync().status == "failed"
    assert numbers(source) == before
