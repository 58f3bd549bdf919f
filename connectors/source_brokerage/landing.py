"""The landing directory: which batches and files lie there, and one pass over a file.

Nothing here knows what was loaded before (`state.py`) or what a batch must hold (`door.py`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from connectors.source_brokerage.faults import Fault
from connectors.source_brokerage.streams import STREAMS

CHUNK_BYTES = 1 << 18
_BATCH = re.compile(r"Batch([1-9]\d*)")


@dataclass(frozen=True)
class SourceFile:
    """A delivered file; `relative` is its path below the landing directory, with slashes."""

    path: str
    relative: str
    name: str
    batch: int
    size: int
    modified_ns: int


@dataclass(frozen=True)
class Content:
    """What one pass over a file tells: SHA-256 in hexadecimal, lines, and its last line's end.

    A last line without its end is counted.
    """

    digest: str
    lines: int
    is_terminated: bool
    is_ascii: bool


@dataclass(frozen=True)
class Batch:
    """The files of a directory BatchN by stream; number 0 is what lies beside the batches.

    `fault` says why the directory itself could not be listed.
    """

    number: int
    directory: str
    files: dict[str, tuple[SourceFile, ...]]
    unknown: tuple[str, ...]
    fault: Fault | None = None

    def of(self, stream: str) -> tuple[SourceFile, ...]:
        """The stream's files, by name; none when the batch has none."""
        return self.files.get(stream, ())


def find_batches(root: Path) -> dict[int, Batch]:
    """All batches of the landing directory by number, ascending.

    Raises `Fault` (`landing_missing`) when the directory does not exist or holds no batch.
    """
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError as error:
        raise Fault(
            "landing_missing",
            f"The landing directory {root} cannot be opened ({error.strerror}). Expected a "
            "directory that holds Batch1/, Batch2/, ...; set `landing` to it.",
        ) from None
    numbered = ((_BATCH.fullmatch(entry.name), entry) for entry in entries)
    found = {int(match[1]): entry for match, entry in numbered if match and entry.is_dir()}
    if not found:
        raise Fault(
            "landing_missing",
            f"The landing directory {root} holds no batch. Expected directories named Batch1, "
            "Batch2, ... in it; set `landing` to the directory above them.",
        )
    batches = {0: _batch(0, root, (entry for entry in entries if entry.is_file()))}
    for number in sorted(found):
        batches[number] = _read_directory(number, Path(found[number].path))
    return batches


def _read_directory(number: int, directory: Path) -> Batch:
    try:
        return _batch(number, directory, os.scandir(directory))
    except OSError as error:
        fault = Fault(
            "file_unreadable",
            f"{directory.name} cannot be opened ({error.strerror}). Give the account that runs "
            "Tradehouse the right to read it.",
            batch=number,
            file=directory.name,
        )
        return Batch(number, str(directory), {}, (), fault)


def _batch(number: int, directory: Path, entries: Iterable[os.DirEntry[str]]) -> Batch:
    files: dict[str, list[SourceFile]] = {}
    unknown = []
    for entry in sorted(entries, key=lambda entry: entry.name):
        streams = [s for s in STREAMS if s.in_batch(number) and s.matches(entry.name)]
        if not streams:
            unknown.append(entry.name)
            continue
        file = _source_file(
            entry, f"{directory.name}/{entry.name}" if number else entry.name, number
        )
        for stream in streams:
            files.setdefault(stream.name, []).append(file)
    return Batch(
        number,
        str(directory),
        {name: tuple(found) for name, found in files.items()},
        tuple(unknown),
    )


def _source_file(entry: os.DirEntry[str], relative: str, batch: int) -> SourceFile:
    try:
        stat = entry.stat()
    except OSError:  # said by `scan`, when it is the batch's turn
        return SourceFile(entry.path, relative, entry.name, batch, 0, 0)
    return SourceFile(entry.path, relative, entry.name, batch, stat.st_size, stat.st_mtime_ns)


def unreadable(relative: str, batch: int, error: OSError) -> Fault:
    """The fault of a file that cannot be opened or read."""
    return Fault(
        "file_unreadable",
        f"{relative} cannot be read ({error.strerror}). Expected a file that the account running "
        "Tradehouse may read; correct its rights or deliver it again.",
        batch=batch,
        file=relative,
    )


def scan(file: SourceFile) -> Content:
    """Read the file once: digest, lines, last line's end. Raises `Fault` when it cannot be read."""
    digest = hashlib.sha256()
    buffer = bytearray(CHUNK_BYTES)
    view = memoryview(buffer)
    lines, last, is_ascii = 0, 0x0A, True
    try:
        with open(file.path, "rb", buffering=0) as stream:  # noqa: PTH123 (speed)
            while count := stream.readinto(buffer):
                digest.update(view[:count])
                lines += buffer.count(b"\n", 0, count)
                last = buffer[count - 1]
                chunk = buffer if count == CHUNK_BYTES else buffer[:count]
                is_ascii = is_ascii and chunk.isascii()
    except OSError as error:
        raise unreadable(file.relative, file.batch, error) from None
    is_terminated = last == 0x0A
    return Content(digest.hexdigest(), lines + (not is_terminated), is_terminated, is_ascii)
