"""Locks of the operating system, and who has held one since when; first of all a home's writer.

A lock belongs to a descriptor that child processes may inherit, so it is held until the last
process that may write is gone, however the first one ended. No caller continues without its lock:
it waits, or gets an error that names the holder.
"""

import fcntl
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tradehouse.errors import BusyError, TradehouseError
from tradehouse.home import files
from tradehouse.home.files import Kept
from tradehouse.home.paths import Home
from tradehouse.home.processes import is_alive, started_at

LOCK = "writer.lock"
POLL_SECONDS = 0.2
# Whoever asks who is writing holds the lock for a moment; only a writer leaves its name.
LOOK_SECONDS = 1.0


class Holder(Kept):
    """Who holds the lock, as its file says; `started` tells the process from another one."""

    pid: int | str = "unknown"
    command: str = "unknown"
    since: str = "just now"
    started: int = 0


def take(
    path: Path,
    wait_seconds: float | None = None,
    *,
    refuse: Callable[[str], str] = str,
    on_wait: Callable[[str], None] | None = None,
) -> int:
    """Take the lock on a file, which is made where it is missing, until the descriptor is closed.

    Args:
        path: the file.
        wait_seconds: how long to wait while somebody else holds it; default: until it is free.
        refuse: gives the error's sentence for a holder.
        on_wait: gets one sentence that names the holder; default: printed to standard error.

    Raises:
        BusyError: when somebody else holds it after `wait_seconds`.
    """
    descriptor = _open(path)
    try:
        if wait_seconds is None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            _wait(path, descriptor, wait_seconds, refuse, on_wait)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _wait(
    path: Path,
    descriptor: int,
    wait_seconds: float,
    refuse: Callable[[str], str],
    on_wait: Callable[[str], None] | None,
) -> None:
    begun, is_told = time.monotonic(), False
    while not _try(descriptor, fcntl.LOCK_EX):
        waited = time.monotonic() - begun
        is_look = not os.fstat(descriptor).st_size
        if is_look and waited < LOOK_SECONDS:
            time.sleep(LOOK_SECONDS / 50)
            continue
        found = _read_holder(descriptor)
        holder = describe(found) + _describe_children(path, found)
        if waited >= wait_seconds:
            raise BusyError(refuse(holder), holder)
        if not is_told:
            (on_wait or say)(f"Waiting for {holder} ...")
            is_told = True
        time.sleep(POLL_SECONDS)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock that is taken for moments: who reads a file to change it holds it meanwhile."""
    descriptor = take(path)
    try:
        yield
    finally:
        os.close(descriptor)


def name_holder(descriptor: int, command: str | None = None) -> None:
    """Write into a lock's file that this process holds it; default: with its command line."""
    said = command or " ".join(["tradehouse", *sys.argv[1:]])
    holder = Holder(
        pid=os.getpid(),
        command=said.encode("utf-8", "backslashreplace").decode(),  # Paths need not be UTF-8.
        since=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        started=started_at(os.getpid()),
    )
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, holder.model_dump_json().encode("utf-8", "replace"), 0)


def give_back(descriptor: int) -> None:
    """Let a lock go whose file names its holder."""
    try:
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def describe(holder: dict[str, Any]) -> str:
    """Return a holder in words: its command, process and since when."""
    return f"`{holder['command']}` (process {holder['pid']}, since {holder['since']})"


def lock_path(home: Home) -> Path:
    """Return the file the writer's lock lies on; its content names the holder."""
    return home.state / LOCK


def find_holder(home: Home) -> dict[str, Any] | None:
    """Return who is writing (`pid`, `command`, `since`), or None when nobody is."""
    return _look(home)[0]


def find_dead(home: Home) -> dict[str, Any] | None:
    """Return who held the lock last (as `find_holder` does) if that process died holding it."""
    return _look(home)[1]


def _look(home: Home) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return who is writing, and, where nobody is, who died doing it."""
    try:
        descriptor = os.open(lock_path(home), os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None, None  # No writer was here yet, or what is there is no lock.
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None, None
        if _try(descriptor, fcntl.LOCK_SH):
            return None, _read_dead(descriptor)
        return _read_holder(descriptor), None
    finally:
        os.close(descriptor)


@contextmanager
def writing(
    home: Home,
    wait_seconds: float = 0.0,
    *,
    command: str | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[dict[str, Any] | None]:
    """Hold the home's lock while the block runs; yields who died holding it before, if anybody.

    Args:
        home: the home.
        wait_seconds: how long to wait while another process holds it.
        command: what others read about the holder; default: this command line.
        on_wait: gets one sentence that names the holder; default: printed to standard error.

    Raises:
        BusyError: when another process holds it after `wait_seconds`.
    """

    def refuse(holder: str) -> str:
        return (
            f"Another process is writing into {home.root}: {holder}. "
            "Wait until it has ended, or let this command wait: --wait SECONDS."
        )

    home.prepare()
    descriptor = take(lock_path(home), wait_seconds, refuse=refuse, on_wait=on_wait)
    try:
        os.set_inheritable(descriptor, True)
        dead = _read_dead(descriptor)
        name_holder(descriptor, command)
        home.tidy()
        try:
            yield dead
        finally:
            home.give_to_owner()
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def say(sentence: str) -> None:
    """Say on standard error who is waited for."""
    print(sentence, file=sys.stderr)


def _describe_children(path: Path, holder: dict[str, Any]) -> str:
    """Name who holds the lock in place of a holder that died; empty while the holder lives."""
    if not isinstance(holder["pid"], int) or is_alive(holder["pid"], holder["started"]):
        return ""
    found = ", ".join(f"process {pid}" for pid in _find_processes(path)) or "a process"
    return f", which was killed; {found} that it started still runs and may write"


def _find_processes(path: Path) -> list[int]:
    """Return the processes that have the lock's file open, where the system tells (Linux)."""
    found = []
    target = str(path.resolve())
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) != os.getpid() and _has_open(folder / "fd", target):
            found.append(int(folder.name))
    return sorted(found)


def _has_open(folder: Path, target: str) -> bool:
    try:
        return any(str(link.readlink()) == target for link in folder.iterdir())
    except OSError:
        return False


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            files.set_aside(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, files.MODE)
    files.give(path, path.parent.stat())
    return descriptor


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_holder(descriptor: int) -> dict[str, Any]:
    """Return who the lock's file names; what it does not say is unknown."""
    try:
        return files.check(Path(LOCK), Holder, os.pread(descriptor, 65536, 0))
    except TradehouseError:
        return Holder().model_dump()


def _read_dead(descriptor: int) -> dict[str, Any] | None:
    """Return who held the lock and did not give it back, if its file names anybody."""
    holder = _read_holder(descriptor) if os.fstat(descriptor).st_size else Holder().model_dump()
    return None if holder["pid"] == "unknown" else holder
