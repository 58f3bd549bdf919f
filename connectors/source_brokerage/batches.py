"""The landing directory: which batches and files are there, and one pass over a file.

Opening a file is in `opening.py`. Nothing here knows what was loaded before (`state.py`) or what a
batch must hold (`acceptance.py`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from connectors.source_brokerage.faults import Fault
from connectors.source_brokerage.opening import (
    SourceFile,
    open_file,
    outside,
    shown,
    stays_inside,
    unreadable,
)
from connectors.source_brokerage.streams import streams_of

CHUNK_BYTES = 1 << 18
LONGEST_LINE_BYTES = 16 << 20
MARK = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8, which is left out at the head of a file."""
_OTHER_MARKS = {
    b"\xff\xfe": "UTF-16 or UTF-32",
    b"\xfe\xff": "UTF-16",
    b"\0\0\xfe\xff": "UTF-32",
}
_BATCH = re.compile(r"Batch([1-9][0-9]{0,5})")
_OF_THE_GENERATOR = frozenset({"digen_report.txt", "simulation.json"})
"""What stands beside the batches and says how they were generated: no data, so never missed."""


@dataclass(frozen=True)
class Content:
    """What one pass over a file tells: SHA-256 in hexadecimal, lines, and its last line's end.

    A last line without its end is counted. `problem` says why the file is no text of UTF-8, as
    far as one can tell without decoding it; of an XML document only that it is none at all.
    """

    digest: str
    lines: int
    is_terminated: bool
    is_ascii: bool
    problem: str | None = None


@dataclass(frozen=True)
class Batch:
    """The files of a directory BatchN by stream; number 0 is what lies beside the batches.

    `unknown` is what belongs to no stream, beside the batches also directories that are no batch.
    `fault` says why the directory itself could not be listed.
    """

    number: int
    directory: str
    files: dict[str, tuple[SourceFile, ...]]
    unknown: tuple[os.DirEntry[str], ...]
    fault: Fault | None = None

    def of(self, stream: str) -> tuple[SourceFile, ...]:
        """The stream's files, by name; none when the batch has none."""
        return self.files.get(stream, ())

    def ignored(self) -> list[str]:
        """Paths below the landing directory of what belongs to no stream, each with what it is."""
        folder = f"{Path(self.directory).name}/" if self.number else ""
        return [folder + _describe(entry) for entry in self.unknown]


def find_batches(root: Path) -> dict[int, Batch]:
    """All batches of the landing directory by number, ascending.

    Raises `Fault` (`landing_missing`) when the directory does not exist or holds no batch.
    """
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError as error:
        said = f"The landing directory {root} cannot be opened ({error.strerror})"
        raise Fault(
            "landing_missing",
            f"{said}. Expected a directory that holds Batch1/, Batch2/, ...; set `landing` to it.",
            found=said,
        ) from None
    numbered = ((_BATCH.fullmatch(entry.name), entry) for entry in entries)
    found = {int(match[1]): entry for match, entry in numbered if match}
    if not found:
        said = f"The landing directory {root} holds no batch"
        raise Fault(
            "landing_missing",
            f"{said}. Expected directories named Batch1, Batch2, ... in it; set `landing` to the "
            "directory above them.",
            found=said,
        )
    beside = [
        entry
        for entry in entries
        if not _BATCH.fullmatch(entry.name) and entry.name not in _OF_THE_GENERATOR
    ]
    batches = {0: _batch(0, root, root, beside)}
    for number in sorted(found):
        batches[number] = _read_directory(number, root, Path(found[number].path))
    return batches


def _read_directory(number: int, root: Path, directory: Path) -> Batch:
    try:
        if stays_inside(str(root), str(directory)):
            return _batch(number, root, directory, os.scandir(directory))
        fault = outside(directory.name, number)
    except OSError as error:
        fault = Fault(
            "file_unreadable",
            f"{directory.name} cannot be opened ({error.strerror}). Expected a directory that the "
            "account running Tradehouse may read; correct it or deliver it again.",
            batch=number,
            file=directory.name,
        )
    return Batch(number, str(directory), {}, (), fault)


def _batch(number: int, root: Path, directory: Path, entries: Iterable[os.DirEntry[str]]) -> Batch:
    files: dict[str, list[SourceFile]] = {}
    unknown = []
    for entry in sorted(entries, key=lambda entry: entry.name):
        streams = streams_of(entry.name, number)
        if not streams:
            unknown.append(entry)
            continue
        relative = f"{directory.name}/{shown(entry.name)}" if number else shown(entry.name)
        file = source_file(entry, relative, number, root)
        for stream in streams:
            files.setdefault(stream.name, []).append(file)
    return Batch(
        number,
        str(directory),
        {name: tuple(found) for name, found in files.items()},
        tuple(unknown),
    )


def _describe(entry: os.DirEntry[str]) -> str:
    """The name of what belongs to no stream; a directory's with the number of its files."""
    name = shown(entry.name)
    if entry.is_symlink():
        return f"{name} (a link)"
    if not entry.is_dir(follow_symlinks=False):
        return name
    count = sum(len(files) for _, _, files in os.walk(entry.path))
    return f"{name}/ ({count} file{'s' if count != 1 else ''})"


def source_file(entry: os.DirEntry[str], relative: str, batch: int, root: Path) -> SourceFile:
    """A directory's entry as a delivered file, whatever it is: `open_file` looks at that."""
    size = modified = 0
    try:
        stat = entry.stat()
        size, modified = stat.st_size, stat.st_mtime_ns
    except OSError:  # said by `open_file`, when it is the batch's turn
        pass
    return SourceFile(entry.path, relative, entry.name, batch, size, modified, str(root))


def scan(file: SourceFile) -> Content:
    """Read the file once: digest, lines, last line's end. Raises `Fault` when it cannot be read."""
    digest = hashlib.sha256()
    buffer = bytearray(CHUNK_BYTES)
    view = memoryview(buffer)
    lines, last, is_ascii, head = 0, 0x0A, True, b""
    unbroken = 0
    try:
        with open_file(file) as stream:
            while count := stream.readinto(buffer):
                digest.update(view[:count])
                feeds = buffer.count(b"\n", 0, count)
                lines += feeds
                last = buffer[count - 1]
                chunk = buffer if count == CHUNK_BYTES else buffer[:count]
                is_ascii = is_ascii and chunk.isascii()
                head = head or bytes(chunk[:4])
                longest = unbroken + (buffer.index(b"\n", 0, count) if feeds else count)
                unbroken = count - 1 - buffer.rindex(b"\n", 0, count) if feeds else longest
                if longest > LONGEST_LINE_BYTES and (0 in chunk or not file.is_document):
                    problem = f"a line of more than {LONGEST_LINE_BYTES >> 20} MiB"
                    return Content("", lines + 1, False, is_ascii, problem)
    except OSError as error:
        raise unreadable(file, error) from None
    is_terminated = last == 0x0A or head == MARK
    marks = [] if file.is_document else [mark for mark in _OTHER_MARKS if head.startswith(mark)]
    problems = [f"the byte order mark of {_OTHER_MARKS[mark]}" for mark in marks]
    count = lines + (not is_terminated)
    return Content(digest.hexdigest(), count, is_terminated, is_ascii, *problems[:1])
