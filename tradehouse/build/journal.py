"""The progress of a build: one line for every node that dbt has finished.

What remains of a killed build. A line is written after the node's transaction was committed, so
every node listed here is in the warehouse; one in the warehouse may be missing here.
`tradehouse.build.partial_build` and `tradehouse.build.resume` decide which entries still count.
"""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tradehouse.home import files, records
from tradehouse.home.files import Kept, replacing
from tradehouse.home.paths import Home

ANEW = "What a build did that was interrupted is built again."


class Head(Kept):
    """The first line: of which build the others are."""

    build: str


class Line(Kept):
    """What came of a node."""

    id: str
    node: records.Node
    file: int | None


@dataclass(frozen=True)
class Progress:
    """What a journal says: of which build it is, and what came of each node, by unique id.

    `file` is the inode of the warehouse after the last node, None before the first.
    """

    build_id: str | None = None
    nodes: dict[str, records.Node] = field(default_factory=dict)
    file: int | None = None


def begin(home: Home, build_id: str) -> None:
    """Start the journal of a build."""
    with replacing(_path(home)) as begun:
        begun.write_text(json.dumps({"version": Head.VERSION, "build": build_id}) + "\n")


def note(home: Home, unique_id: str, node: records.Node) -> None:
    """Add what came of a node; called from dbt's threads, so a line is one write.

    A line that the disk has no room for is left out: the node is finished, and is built again.
    """
    try:
        inode = home.warehouse.stat().st_ino
    except FileNotFoundError:
        inode = None
    line = Line(id=unique_id, node=node, file=inode).model_dump_json()
    with suppress(OSError):
        descriptor = os.open(_path(home), os.O_WRONLY | os.O_APPEND | os.O_CREAT, files.MODE)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)


def find_damage(home: Home) -> files.DamagedError | None:
    """Return what is wrong with the journal, None when it can be read or there is none.

    Raises:
        NewerError: when a newer Tradehouse wrote it.
    """
    path = _path(home)
    try:
        content = files.read_bytes(path)
        if content is not None:
            files.check(path, Head, content.partition(b"\n")[0])
    except files.DamagedError as error:
        return error
    return None


def mend(home: Home) -> None:
    """Set a journal aside that cannot be read, and say so; for the holder of the lock.

    Raises:
        NewerError: when a newer Tradehouse wrote it.
    """
    if error := find_damage(home):
        files.tell(f"{error} It is {files.set_aside(error.path).name} now. {ANEW}")


def read(home: Home) -> Progress:
    """Return what the journal says; lines that are no whole lines of a journal are left out.

    Raises:
        NewerError: when a newer Tradehouse wrote it.
    """
    inode: int | None = None
    nodes: dict[str, records.Node] = {}
    path = _path(home)
    try:
        first, *lines = (files.read_bytes(path) or b"").splitlines()
        build_id = files.parse(path, Head, first).build
    except (files.DamagedError, ValueError):
        return Progress()
    for text in lines:
        with suppress(files.DamagedError):
            line = files.parse(path, Line, text)
            nodes[line.id], inode = line.node, line.file or inode
    return Progress(build_id, nodes, inode)


def complete(home: Home, record: records.Build) -> records.Build:
    """Return the record of a build with what it did before it was killed, if it was.

    To be called by the holder of the home's lock, who knows that it is not running.
    """
    if record.status is not records.Outcome.BEGUN:
        return record
    progress = read(home)
    nodes = record.nodes | progress.nodes if progress.build_id == record.id else {}
    return record.model_copy(update={"nodes": nodes})


def _path(home: Home) -> Path:
    return home.state / "build.jsonl"
