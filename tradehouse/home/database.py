"""Opens DuckDB files that others open too: one process at a time checks and opens, others wait.

DuckDB refuses a second process at once and in words that say little. So whoever opens a file holds
this lock from the look whether it is free until it is open, waits while it is not, and says for
whom. Who may write at all is for `tradehouse.home.locks`.
"""

import fcntl
import gc
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tradehouse.home import files

LOCK = "opening.lock"
CONFLICT = "Could not set lock on file"
# This process has it open itself: DuckDB closes a file some time after its last connection, when it
# is busy, or what refers to one is not collected yet.
OWN_CONFLICTS = ("Unique file handle conflict", "different configuration than existing connections")
POLL_SECONDS = 0.2
WAIT_SECONDS = 60.0

Opened = TypeVar("Opened")
_OWNER = re.compile(r"Conflicting lock is held in (.*?)\. ", re.DOTALL)


def try_lock(root: Path) -> int | None:
    """Return a descriptor that holds the lock of a home's directory, None when it is taken."""
    descriptor = files.open_lock(root / "state" / LOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def alone(root: Path, seconds: float = 60.0) -> Iterator[None]:
    """Hold the lock while the block runs; after `seconds` of waiting the block runs without it."""
    deadline = time.monotonic() + seconds
    descriptor = try_lock(root)
    while descriptor is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        descriptor = try_lock(root)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def owner_of(error: Exception) -> str:
    """Return who has a file open, from DuckDB's error."""
    found = _OWNER.search(str(error))
    return found[1] if found else "a process that does not say its name"


def is_own_conflict(error: Exception) -> bool:
    """Whether a file cannot be opened because this process has it open in another way."""
    return any(words in str(error) for words in OWN_CONFLICTS)


def means_damage(error: Exception) -> bool:
    """Whether what is in a file keeps it from being opened, not disk, memory or a process."""
    from tradehouse.terminal.system_faults import advise

    return CONFLICT not in str(error) and not is_own_conflict(error) and advise(error) is None


def wait_to_open(
    open_file: Callable[[], Opened], path: Path, seconds: float = WAIT_SECONDS
) -> Opened:
    """Return what `open_file` gives, tried until nobody else has the file open.

    Args:
        open_file: opens a file with DuckDB.
        path: the file; who has it is said once on standard error.
        seconds: how long to wait.

    Raises:
        duckdb.Error: when the file is still in use after `seconds`, or cannot be read at all.
    """
    import duckdb

    deadline = time.monotonic() + seconds
    told = False
    while True:
        try:
            return open_file()
        except duckdb.Error as error:
            is_own = is_own_conflict(error)
            if not (is_own or CONFLICT in str(error)) or time.monotonic() >= deadline:
                raise
            if is_own:
                gc.collect()
            elif not told:
                print(f"Waiting for {owner_of(error)} to close {path.name} ...", file=sys.stderr)
                told = True
            time.sleep(POLL_SECONDS)


def attach_raw_for_views(connection: Any, warehouse: Path) -> None:
    """Attach raw to a connection that reads a warehouse, where one of its views reads a source.

    Args:
        connection: a connection that has the warehouse open.
        warehouse: its file; raw lies beside it.
    """
    [[reading]] = connection.execute(
        "select count(*) from duckdb_views() where not internal and database_name = ?"
        " and regexp_matches(sql, '\\braw\"?[.]')",
        [warehouse.stem],
    ).fetchall()
    if reading:
        raw = warehouse.with_name("raw.duckdb")
        attach = "attach '{}' as raw (read_only)".format(str(raw).replace("'", "''"))
        wait_to_open(lambda: connection.execute(attach), raw)
