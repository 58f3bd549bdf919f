"""Opening a delivered file: regular files inside the landing directory only, and never blocking.

The landing directory may be a link itself, and links inside it may lead to other places inside. Any
file here may be replaced by somebody else at any moment, so only what an open descriptor says
counts. `batches.py` finds what is in the directory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, FileIO
from pathlib import Path

from connectors.source_brokerage.faults import Fault

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a link",
}
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True)
class SourceFile:
    """A delivered file as it was listed.

    `relative` is its path below the landing directory `root`, with slashes; what does not print,
    or is not UTF-8, stands in it as an escape.
    """

    path: str
    relative: str
    name: str
    batch: int
    size: int
    modified_ns: int
    root: str

    @property
    def is_document(self) -> bool:
        """Whether the file is XML, which need not have lines."""
        return self.name.endswith(".xml")


class OutsideError(OSError):
    """A path leads out of the landing directory."""


def shown(name: str) -> str:
    """A file's name for people and messages: what is not UTF-8 or does not print is escaped."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def stays_inside(root: str, path: str) -> bool:
    """Whether a path, links followed, is below the landing directory. Raises OSError for loops."""
    real_root, real = os.path.realpath(root), os.path.realpath(path, strict=True)
    return os.path.commonpath([real_root, real]) == real_root


@contextmanager
def open_file(file: SourceFile) -> Iterator[BufferedReader]:
    """The file, opened for reading, as long as it is the one that was listed.

    Raises `Fault`: `file_outside` when a link leads out of the landing directory,
    `file_unreadable` when it is no regular file, cannot be opened, or has a name that no message
    can carry, `file_changed` when its size or time is, or becomes, another one than listed.
    """
    is_pattern = not file.name.endswith("_audit.csv") and not {*"*?["}.isdisjoint(file.name)
    if file.relative.rpartition("/")[2] != file.name or is_pattern:
        raise _refused(file, "has a name with characters that no delivered file's name has")
    try:
        descriptor = _open_below(os.path.realpath(file.root), file.path)
    except OutsideError:
        raise outside(file.relative, file.batch) from None
    except OSError as error:
        raise unreadable(file, error) from None
    try:
        _check_unchanged(file, descriptor)
        yield BufferedReader(FileIO(descriptor, "rb", closefd=False))
        _check_unchanged(file, descriptor)
    finally:
        os.close(descriptor)


def _open_below(root: str, path: str) -> int:
    """A descriptor of what lies at `path`, no directory on the way being followed out of `root`."""
    real = os.path.realpath(path, strict=True)
    if not real.startswith(root.rstrip("/") + "/"):
        raise OutsideError
    if not stat.S_ISREG(mode := Path(real).stat().st_mode):
        # Opening a device may do something; a pipe would wait for its writer.
        raise OSError(0, f"it is {_KINDS.get(stat.S_IFMT(mode), 'no file')}")
    *folders, name = real[len(root.rstrip("/")) + 1 :].split("/")
    below = os.open(root, _FLAGS | os.O_DIRECTORY)
    try:
        for folder in folders:
            above, below = below, os.open(folder, _FLAGS | os.O_DIRECTORY, dir_fd=below)
            os.close(above)
        return os.open(name, _FLAGS | os.O_NONBLOCK, dir_fd=below)
    finally:
        os.close(below)


def _check_unchanged(file: SourceFile, descriptor: int) -> None:
    found = os.fstat(descriptor)
    is_same = (found.st_size, found.st_mtime_ns) == (file.size, file.modified_ns)
    if not (is_same and stat.S_ISREG(found.st_mode)):
        raise changed(file)


def changed(file: SourceFile) -> Fault:
    """The fault of a file that is not, or no longer, the one that was listed."""
    return Fault(
        "file_changed",
        f"{file.relative} changed while it was read. Run again when its delivery is complete.",
        batch=file.batch,
        file=file.relative,
    )


def outside(relative: str, batch: int) -> Fault:
    """The fault of a file or directory that is a link out of the landing directory."""
    return Fault(
        "file_outside",
        f"{relative} is a link that leads out of the landing directory. Expected the file itself; "
        "deliver it, or let the landing directory hold what the link leads to.",
        batch=batch,
        file=relative,
    )


def unreadable(file: SourceFile, error: OSError) -> Fault:
    """The fault of a file that cannot be opened or read."""
    return _refused(file, f"cannot be read ({error.strerror})")


def _refused(file: SourceFile, problem: str) -> Fault:
    return Fault(
        "file_unreadable",
        f"{file.relative} {problem}. Expected a regular file that the account running Tradehouse "
        "may read; correct it or deliver it again.",
        batch=file.batch,
        file=file.relative,
    )
