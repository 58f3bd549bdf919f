"""When streams that are declared last are committed, and what is committed with them."""

from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from ingestion import reader
from ingestion.protocol import Message, RecordRun, StreamKey
from ingestion.reader import Reader
from ingestion.segments import Segment

DATA: StreamKey = (None, "data")
MARKER: StreamKey = (None, "marker")


class Played:
    """A reader of two streams, the second one last, and what it sealed."""

    def __init__(self, spool: Path) -> None:
        self.sealed: list[Segment] = []
        self.reader = Reader(
            {DATA: False, MARKER: False},
            last=[MARKER],
            spool=spool,
            submit=self.sealed.append,
            log=lambda *_: None,
            save_config=lambda _: None,
        )

    def file(self, key: StreamKey, size: int) -> None:
        """Hand over a file of some size; the stream's state follows."""
        reference = {
            "staging_file_url": "/x",
            "source_file_relative_path": "x",
            "file_size_bytes": size,
        }
        record = {"stream": key[1], "file_reference": reference, "data": {}, "emitted_at": 1}
        line = orjson.dumps({"type": "RECORD", "record": record}) + b"\n"
        self.reader.read(RecordRun(key, line, 1, 1))
        stream = {"stream_descriptor": {"name": key[1]}, "stream_state": {"at": 1}}
        state = {"type": "STATE", "state": {"type": "STREAM", "stream": stream}}
        self.reader.read(Message(state, 1))

    def complete(self, key: StreamKey) -> None:
        """Say that the stream is complete."""
        status = {"stream_descriptor": {"name": key[1]}, "status": "COMPLETE"}
        trace = {"type": "STREAM_STATUS", "stream_status": status}
        self.reader.read(Message({"type": "TRACE", "trace": trace}, 1))

    def streams(self) -> list[set[str]]:
        """The streams of each segment."""
        return [{part.key[1] for part in segment.parts} for segment in self.sealed]


def test_a_large_last_stream_waits_for_what_came_before_it(tmp_path: Path) -> None:
    played = Played(tmp_path)
    played.file(DATA, 3_000_000)
    played.file(MARKER, 5_000_000)
    played.complete(MARKER)
    played.complete(DATA)
    played.reader.finish(succeeded=True)
    assert played.streams() == [{"data", "marker"}]


def test_large_streams_beside_do_not_hold_up_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are sealed by themselves, at 4 MB; their bytes and their time count all the same."""
    now = 0.0
    monkeypatch.setattr(reader, "time", SimpleNamespace(monotonic=lambda: now))
    played = Played(tmp_path)
    for _ in range(12):
        now += 1
        played.file(DATA, 5_000_000)
        played.file(MARKER, 100)
    # Every 16 MB: with the fourth, the eighth and the twelfth.
    assert sum("marker" in streams for streams in played.streams()) == 3
    for _ in range(4):
        now += 20
        played.file(DATA, 100)
        played.file(MARKER, 100)
    assert sum("marker" in streams for streams in played.streams()) == 5
    for segment in played.sealed:
        if any(part.key == MARKER for part in segment.parts):
            assert segment.follows == played.sealed[: segment.number - 1]
