"""Segments: what is committed in one transaction, and how a sync's records are collected in them.

A part is what one stream brought since its last segment: lines spooled to disk and references to
files. Not here: reading messages (`reader`) and loading a segment (`committer`).
"""

import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from ingestion.protocol import RecordRun, StreamKey

PIECE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class FileReference:
    """A file a source handed over: where it lies, what it is, and what is known of its contents."""

    path: Path
    relative_path: str
    bytes: int
    batch: int | None
    delivery: int | None
    layout: str | None
    digest: str | None
    emitted_at: int
    modified_ns: int | None = None


@dataclass(frozen=True)
class LoadedFile:
    """A loaded file for the ledger."""

    reference: FileReference
    digest: str | None
    records: int
    malformed: int


@dataclass
class _Mark:
    """How much of a part a state covers."""

    records: int = 0
    bytes: int = 0
    references: int = 0
    runs: int = 0


@dataclass
class Part:
    """One stream's share of a segment. `runs` holds (record, line of the output) per run."""

    key: StreamKey
    spool: Path
    records: int = 0
    spool_bytes: int = 0
    references: list[FileReference] = field(default_factory=list)
    runs: list[tuple[int, int]] = field(default_factory=list)
    covered: _Mark = field(default_factory=_Mark)
    object_bytes: int = 4 * 1024 * 1024
    is_repaired: bool = False
    mark: str | None = None
    """What stands in front of numbers that are written as texts in the spool (`numbers`)."""
    is_marked: bool = False
    is_plain: bool = False
    """Whether the records are seen to have no field that the table lacks (`shapes`)."""
    in_pieces: bool = False
    """Whether it is loaded in pieces, because it takes too much memory at once."""
    _handle: BinaryIO | None = None

    @property
    def bytes(self) -> int:
        """Bytes of the spooled lines and of the referenced files."""
        return self.spool_bytes + sum(reference.bytes for reference in self.references)

    def append(self, run: RecordRun) -> None:
        """Add records to the spool."""
        if self._handle is None:
            self._handle = self.spool.open("wb")
        self._handle.write(run.lines)
        self.runs.append((self.records, run.line))
        self.records += run.count
        self.spool_bytes += len(run.lines)

    def cover(self) -> None:
        """A state covers everything up to here."""
        self.covered = _Mark(self.records, self.spool_bytes, len(self.references), len(self.runs))

    @property
    def is_covered(self) -> bool:
        """Whether nothing came after the last state."""
        return (self.covered.records, self.covered.references) == (
            self.records,
            len(self.references),
        )

    def cut_to_covered(self) -> None:
        """Forget what came after the last state."""
        self.close()
        if self.covered.bytes < self.spool_bytes:
            with self.spool.open("r+b") as handle:
                handle.truncate(self.covered.bytes)
        self.records, self.spool_bytes = self.covered.records, self.covered.bytes
        del self.references[self.covered.references :]
        del self.runs[self.covered.runs :]

    def close(self) -> None:
        """Write the spool out; the part is complete."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()

    def pieces(self) -> Iterator["Part"]:
        """The part itself, or parts of few of its records; each is gone when the next is made."""
        if not self.in_pieces:
            yield self
            return
        spool, first = self.spool.with_suffix(".piece"), 0
        with self.spool.open("rb") as file:
            while lines := file.readlines(PIECE_BYTES):
                spool.write_bytes(b"".join(lines))
                yield replace(
                    self,
                    spool=spool,
                    records=len(lines),
                    spool_bytes=sum(map(len, lines)),
                    runs=[(0, self.output_line(first))],
                    in_pieces=False,
                )
                first += len(lines)
        spool.unlink(missing_ok=True)

    def output_line(self, record: int) -> int:
        """The line of the connector's output that holds the part's record of this index."""
        start, line = self.runs[bisect_right(self.runs, record, key=lambda run: run[0]) - 1]
        return line + record - start


@dataclass(frozen=True)
class State:
    """A state to be kept: `content` is the whole message, as the next run gets it."""

    kind: str
    key: StreamKey | None
    content: dict[str, Any] | None
    position: int


@dataclass
class Segment:
    """Parts and states that are committed together, after the segments it follows."""

    number: int
    parts: list[Part]
    states: list[State]
    follows: list["Segment"]
    complete: list[StreamKey] = field(default_factory=list)
    started: bool = False
    settled: threading.Event = field(default_factory=threading.Event)
    committed: bool = False

    @property
    def bytes(self) -> int:
        """Bytes to load."""
        return sum(part.bytes for part in self.parts)

    @property
    def spool_bytes(self) -> int:
        """Bytes on disk that go when the segment is committed."""
        return sum(part.spool_bytes for part in self.parts)
