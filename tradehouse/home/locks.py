"""One writer per home: a lock of the operating system, and who has held it since when.

The lock lies on a descriptor that child processes can inherit, so that it is held until the last
process that may write is gone, however the first one ended.
"""

import fcntl
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def lock_path(home: Home) -> Path:
    """Return the file the lock lies on; its content names the holder."""
    return home.state / LOCK


def find_holder(home: Home) -> dict[str, Any] | None:
    """Return who is writing (`pid`, `command`, `since`), or None when nobody is."""
    descriptor = _open_to_look(home)
    if descriptor is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def find_dead(home: Home) -> dict[str, Any] | None:
    """Return who held the lock last (as `find_holder` does) if that process died holding it."""
    descriptor = _open_to_look(home)
    if descriptor is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return _read_dead(descriptor)
    except BlockingIOError:
        return None
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
        on_wait: is told once, in a sentence, who is waited for; default: standard error says it.

    Raises:
        BusyError: when another process holds it after `wait_seconds`.
    """
    home.prepare()
    descriptor = files.open_lock(lock_path(home))
    try:
        _acquire(home, descriptor, wait_seconds, on_wait or _print)
        os.set_inheritable(descriptor, True)
        dead = _read_dead(descriptor)
        _write_holder(descriptor, command or " ".join(["tradehouse", *sys.argv[1:]]))
        home.tidy()
        try:
            yield dead
        finally:
            home.give_to_owner()
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _acquire(
    home: Home, descriptor: int, wait_seconds: float, on_wait: Callable[[str], None]
) -> None:
    begun = time.monotonic()
    deadline = begun + wait_seconds
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_look = not os.fstat(descriptor).st_size
            if is_look and time.monotonic() - begun < LOOK_SECONDS:
                time.sleep(LOOK_SECONDS / 50)
                continue
            holder = _read_holder(descriptor)
            who = f"`{holder['command']}` (process {holder['pid']}, since {holder['since']})"
            who += _describe_children(home, holder)
            if time.monotonic() >= deadline:
                raise BusyError(
                    f"Another process is writing into {home.root}: {who}. "
                    "Wait until it has ended, or let this command wait: --wait SECONDS."
                ) from None
            if not told:
                on_wait(f"Waiting for {who} ...")
                told = True
            time.sleep(POLL_SECONDS)
        else:
            return


def _print(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _describe_children(home: Home, holder: dict[str, Any]) -> str:
    """Name who holds the lock in place of a holder that died; empty while the holder lives."""
    if not isinstance(holder["pid"], int) or is_alive(holder["pid"], holder["started"]):
        return ""
    found = ", ".join(f"process {pid}" for pid in find_processes(home)) or "a process"
    return f", which was killed; {found} that it started still runs and may write"


def find_processes(home: Home) -> list[int]:
    """Return the processes that have the lock's file open, where the system tells (Linux)."""
    found = []
    target = str(lock_path(home).resolve())
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) != os.getpid() and _has_open(folder / "fd", target):
            found.append(int(folder.name))
    return sorted(found)


def _has_open(folder: Path, target: str) -> bool:
    try:
        return any(str(link.readlink()) == target for link in folder.iterdir())
    except OSError:
        return False


def _open_to_look(home: Home) -> int | None:
    try:
        descriptor = os.open(lock_path(home), os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None  # No writer was here yet, or what is there is no lock.
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _write_holder(descriptor: int, command: str) -> None:
    holder = Holder(
        pid=os.getpid(),
        command=command.encode("utf-8", "backslashreplace").decode(),  # Paths need not be UTF-8.
        since=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        started=started_at(os.getpid()),
    )
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, holder.model_dump_json().encode("utf-8", "replace"), 0)


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
