"""Small files written atomically: to a temporary file, then renamed into place.

Every file that Tradehouse keeps between two commands is read and written through one model with a
version, so a damaged file can be distinguished from one written by a newer Tradehouse. The modules
that own the files decide which there are; this one needs nothing else of the project.
"""

import itertools
import json
import os
import re
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from tradehouse.errors import TradehouseError
from tradehouse.home import processes

BEGUN = ".begun-"
DAMAGED = ".damaged"
MODE = 0o600

_OWNER = re.compile(re.escape(BEGUN) + r"(\d+)-(?:(\d+)-)?")
_counter = itertools.count(1)
_told: set[str] = set()


class DamagedError(TradehouseError):
    """A file is there and is not what its model says; `reason` says why."""

    def __init__(self, path: Path, reason: str) -> None:
        """`path` is the file."""
        super().__init__(f"{path} is damaged ({reason}).")
        self.path, self.reason = path, reason


class NewerError(TradehouseError):
    """A file was written by a newer Tradehouse."""

    def __init__(self, path: Path, found: object, known: int) -> None:
        """`found` is the file's version, `known` the newest that this Tradehouse knows."""
        super().__init__(
            f"{path} was written by a newer Tradehouse (version {found} of its form, this one "
            f"knows {known}). Use that Tradehouse for this home, or give this one a home of its "
            "own: TRADEHOUSE_HOME=<another directory>."
        )


class UnconfirmedError(OSError):
    """A file has taken its place, and the disk does not confirm it."""


class Kept(BaseModel):
    """What a file holds.

    A file without `version` is of version 1. Fields that the model does not name are kept.
    """

    model_config = ConfigDict(extra="allow")

    VERSION: ClassVar[int] = 1


K = TypeVar("K", bound=Kept)


def begun_beside(path: Path) -> Path:
    """Return where to write what will take the place of `path`; its name says who writes it."""
    pid = os.getpid()
    owner = f"{pid}-{processes.started_at(pid)}-{next(_counter)}"
    return path.with_name(f"{BEGUN}{owner}-{path.name}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` when the block ends.

    A file, a link, or a directory whose files are on the disk: after a crash the old one is there
    or the new one. When the block raises, what was written is removed and `path` stays as it was.
    What root writes belongs to whom its directory belongs to.

    Raises:
        UnconfirmedError: when it has taken the place, and the disk does not confirm it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = begun_beside(path)
    try:
        yield begun
        if path.is_dir() and not path.is_symlink():
            set_aside(path)
        give(begun, path.parent.stat())
        if not begun.is_symlink():
            sync_to_disk(begun)
        begun.replace(path)
    finally:
        with suppress(OSError):  # Swept later; what went wrong before is what counts.
            remove(begun)
    try:
        sync_to_disk(path.parent)
    except OSError as error:
        raise UnconfirmedError(error.errno, error.strerror, str(path.parent)) from error


def give(path: Path, owner: os.stat_result) -> None:
    """Give a file that root made to its proper owner, who would be locked out of it otherwise."""
    if os.geteuid() == 0 and owner.st_uid != 0:
        with suppress(OSError):
            if path.lstat().st_uid == 0:
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def write(path: Path, model: type[Kept], content: Mapping[str, Any]) -> None:
    """Write a file of a model."""
    write_json(path, {"version": model.VERSION, **content})


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON, readable by its owner only."""
    write_bytes(path, _text_of(content))


def write_bytes(path: Path, text: bytes) -> None:
    """Write a file, readable by its owner only."""
    with replacing(path) as begun:
        descriptor = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)


def _text_of(content: Any) -> bytes:
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    try:
        return orjson.dumps(content, default=str, option=options)
    except TypeError:  # numbers beyond 64 bits, text that is not UTF-8
        text = json.dumps(content, indent=2, default=str, ensure_ascii=False)
        return text.encode(errors="replace") + b"\n"


def read(path: Path, model: type[Kept]) -> dict[str, Any] | None:
    """Return what a file of a model holds as a dictionary; otherwise as `load`."""
    record = load(path, model)
    return None if record is None else record.model_dump()


def load(path: Path, model: type[K]) -> K | None:
    """Return the record in a file of a model, or None when there is no such file.

    Raises:
        DamagedError: when it is empty, cut off, of another shape, or no file at all.
        NewerError: when a newer Tradehouse wrote it.
    """
    text = read_bytes(path)
    return None if text is None else parse(path, model, text)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file that has no model, or None when there is no such file.

    Raises:
        DamagedError: when something else is there.
    """
    text = read_bytes(path)
    return None if text is None else _object_in(path, text)


def check(path: Path, model: type[Kept], text: bytes | str) -> dict[str, Any]:
    """Return what a text of a model says; raises as `read` does."""
    return parse(path, model, text).model_dump()


def parse(path: Path, model: type[K], text: bytes | str) -> K:
    """Return the record that a text of a model says; raises as `read` does."""
    content = _object_in(path, text)
    version = content.pop("version", 1)
    if type(version) is not int or version < 1:
        raise DamagedError(path, "its version is no number")
    if version > model.VERSION:
        raise NewerError(path, version, model.VERSION)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DamagedError(path, f"{where}: {first['msg']}") from error


def _object_in(path: Path, text: bytes | str) -> dict[str, Any]:
    try:
        content = from_json(text)
    except ValueError as error:
        raise DamagedError(path, f"no JSON: {error}" if text else "empty") from error
    if not isinstance(content, dict):
        raise DamagedError(path, "not what is kept there")
    return content


def read_bytes(path: Path) -> bytes | None:
    """Return a regular file's content, None when there is none; never waits for a pipe.

    Raises:
        DamagedError: when something else than a file is there.
        OSError: when this user, or the machine, cannot read it now.
    """
    from tradehouse.terminal.system_faults import advise

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        if path.is_symlink():
            raise DamagedError(path, "a link to nothing") from None
        return None
    except OSError as error:
        if advise(error) is not None:
            raise
        raise DamagedError(path, str(error.strerror)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DamagedError(path, "not a file")
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def load_or_tell(path: Path, model: type[K], anew: str) -> K | None:
    """Return the record in a file; None for a damaged one, which is reported once.

    Args:
        path: the file.
        model: its model.
        anew: how it is recreated, for the report.

    Raises:
        NewerError: when a newer Tradehouse wrote it.
    """
    try:
        return load(path, model)
    except DamagedError as error:
        tell(f"{error} {anew}")
        return None


def stamp_file(path: Path) -> list[int] | None:
    """Return what changes whenever a file is written: size, time of change, inode."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def crc32(path: Path) -> int:
    """Return the CRC-32 of a file's content."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            value = zlib.crc32(block, value)
    return value


def tell(sentence: str) -> None:
    """Say something on standard error, once in the life of this process."""
    if sentence not in _told:
        _told.add(sentence)
        print(sentence, file=sys.stderr)


def set_aside(path: Path) -> Path:
    """Rename what is in the way of a file, and return its new name; the last one is kept."""
    aside = path.with_name(f"{path.name}{DAMAGED}")
    remove(aside)
    path.rename(aside)
    return aside


def remove(path: Path) -> None:
    """Remove a file, a link or a directory, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync_to_disk(path: Path) -> None:
    """Wait until a file or a directory's entries are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_begun(folder: Path) -> list[Path]:
    """Return what processes that are gone began to write in `folder` and never finished."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.glob(f"{BEGUN}*")) if not _is_being_written(path)]


def remove_begun(folder: Path) -> list[Path]:
    """Remove what `find_begun` finds, and return it; what a living process writes is left alone."""
    found = find_begun(folder)
    for path in found:
        with suppress(FileNotFoundError):
            remove(path)
    return found


def _is_being_written(path: Path) -> bool:
    owner = _OWNER.match(path.name)
    return owner is not None and processes.is_alive(int(owner[1]), int(owner[2] or 0))
