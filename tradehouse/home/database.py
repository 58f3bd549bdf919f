"""Opens DuckDB files, waits for who has one open, and says what to do with a damaged one.

DuckDB refuses a second process at once, with a message that says little. So whoever opens shared
files locks, checks that they are free, opens them; while waiting it names the holder.
`tradehouse.home.locks` decides who may write at all.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from tradehouse.errors import BusyError
from tradehouse.home import files, locks
from tradehouse.home.files import DamagedError
from tradehouse.terminal import duckdb_messages, system_faults
from tradehouse.terminal.duckdb_messages import first_line

LOCK = "opening.lock"
SETTINGS = {"autoinstall_known_extensions": "false"}
"""What every connection is opened with: nothing is downloaded."""
# DuckDB's own head and the two that say, in turn, what the newest checkpoint is.
HEAD_BYTES = 3 * 4096
RAW_ADVICE = (
    "It holds what sources delivered, so it is not made anew and not removed. Put back a copy of "
    "it; without one, move it away and give everything to a home of its own: "
    "TRADEHOUSE_HOME=<another directory> tradehouse run --landing <DIR>."
)
POLL_SECONDS = 0.2
WAIT_SECONDS = 60.0
LOCK_SECONDS = 120.0

Opened = TypeVar("Opened")


def take_lock(root: Path, wait_seconds: float, command: str | None = None) -> int:
    """Take the lock of opening the files of a home's directory; `locks.give_back` ends it.

    Raises:
        BusyError: when another process holds it after `wait_seconds`.
    """

    def refuse(holder: str) -> str:
        return f"The files of {root} are being opened by {holder}. Wait until it has ended."

    descriptor = locks.take(root / "state" / LOCK, wait_seconds, refuse=refuse)
    with suppress(OSError):  # On a full disk it is held without a name.
        locks.name_holder(descriptor, command)
    return descriptor


@contextmanager
def alone(root: Path, wait_seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock of opening while the block runs; raises as `take_lock` does."""
    descriptor = take_lock(root, wait_seconds)
    try:
        yield
    finally:
        locks.give_back(descriptor)


def wait_to_open(
    open_file: Callable[[], Opened],
    path: Path,
    wait_seconds: float = WAIT_SECONDS,
    on_wait: Callable[[str], None] | None = None,
) -> Opened:
    """Return what `open_file` gives, tried until nobody else has the file open.

    Args:
        open_file: opens or attaches a file with DuckDB.
        path: the file.
        wait_seconds: how long to wait.
        on_wait: gets one sentence that names the holder; default: printed to standard error.

    Raises:
        BusyError: when somebody else still has the file open.
        DamagedError: when what is in it keeps it from being opened.
        duckdb.Error: when disk, memory or a wrong setting does.
    """
    import duckdb

    deadline = time.monotonic() + wait_seconds
    is_told = is_collected = False
    while True:
        try:
            return open_file()
        except duckdb.Error as error:
            holder = duckdb_messages.find_holder(error)
            if holder is None:
                is_of_file = not duckdb_messages.is_of_settings(error)
                if system_faults.advise(error) is not None or not is_of_file:
                    raise
                raise DamagedError(path, first_line(error)) from error
            if holder == duckdb_messages.OWN and not is_collected:
                gc.collect()
                is_collected = True
                continue
            if time.monotonic() >= deadline:
                raise BusyError(
                    f"{path} is open in {holder}. Close it there and call this again: readers "
                    "open the release (tradehouse path), never this file.",
                    holder,
                ) from error
        if holder == duckdb_messages.OWN:
            is_collected = False
        elif not is_told:
            (on_wait or locks.say)(f"Waiting for {holder} to close {path.name} ...")
            is_told = True
        time.sleep(POLL_SECONDS)


def connect(
    path: Path | None = None,
    *,
    read_only: bool = False,
    config: Mapping[str, Any] | None = None,
    wait_seconds: float = WAIT_SECONDS,
    on_wait: Callable[[str], None] | None = None,
) -> Any:
    """Return a connection to a file, or to a database in memory; raises as `wait_to_open` does.

    Times are UTC in it and in whatever is opened beside it.
    """
    import duckdb

    settings: dict[str, Any] = {**SETTINGS, **(config or {})}
    if path is None:
        connection = duckdb.connect(config=settings)
    else:
        connection = wait_to_open(
            lambda: duckdb.connect(path, read_only=read_only, config=settings),
            path,
            wait_seconds,
            on_wait,
        )
    connection.execute("set global TimeZone = 'UTC'")
    return connection


def attach(connection: Any, path: Path, name: str, *, wait_seconds: float = WAIT_SECONDS) -> None:
    """Attach a file to be read only; raises as `wait_to_open` does."""
    statement = f"attach {literal(path)} as {name} (read_only)"
    wait_to_open(lambda: connection.execute(statement), path, wait_seconds)


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
        attach(connection, warehouse.with_name("raw.duckdb"), "raw")


@contextmanager
def connected(
    path: Path, *, read_only: bool = True, wait_seconds: float = WAIT_SECONDS
) -> Iterator[Any]:
    """Open a DuckDB file for the time of a block; raises as `wait_to_open` does."""
    if fault := look_at(path):
        raise DamagedError(path, fault)
    with connect(path, read_only=read_only, wait_seconds=wait_seconds) as connection:
        yield connection


@contextmanager
def kept_open(*paths: Path) -> Iterator[None]:
    """Keep files open while a block reads them many times: what opens them in it is cheap."""
    with ExitStack() as stack:
        for path in paths:
            if path.exists():
                stack.enter_context(connected(path))
        yield


def query(
    path: Path, needed: tuple[str, str], statement: str, parameters: Sequence[object] = ()
) -> list[Any]:
    """Return a query's rows; none where the file is missing, or the table that is needed in it."""
    if not path.exists():
        return []
    with connected(path) as connection:
        if not has_table(connection, *needed):
            return []
        return list(connection.execute(statement, parameters).fetchall())


def has_table(connection: Any, schema: str, table: str) -> bool:
    """Whether a connection's databases have a table or view of this name."""
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    return bool(found[0])


def sql_name(*parts: str) -> str:
    """Return a name of several parts as SQL writes it."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(value: object) -> str:
    """Return a text as SQL writes it."""
    return "'" + str(value).replace("'", "''") + "'"


def look_at(path: Path) -> str:
    """Return what is wrong with a DuckDB file as far as a glance tells; empty when nothing is.

    A file that is missing is not wrong.
    """
    if not path.exists():
        return "a link to nothing" if path.is_symlink() else ""
    if not path.is_file():
        return "not a file"
    size = path.stat().st_size
    if size < HEAD_BYTES:
        return f"{size:,} bytes long, too short for a database"
    with path.open("rb") as file:
        return "" if file.read(12)[8:] == b"DUCK" else "not a file of DuckDB's"


def log_of(path: Path) -> Path:
    """Return where DuckDB keeps what is committed to a file and not in it yet."""
    return path.with_name(f"{path.name}.wal")


def set_aside(path: Path, fault: str) -> None:
    """Put a file away that is made anew from raw, with its log, and say so."""
    names = [files.set_aside(one).name for one in (path, log_of(path)) if os.path.lexists(one)]
    files.tell(
        f"{path} is damaged ({fault}): set aside as {' and '.join(names)}, and built again from "
        "raw. Remove it when nobody wants to look at it."
    )


def find_corruption(path: Path) -> str:
    """Return what DuckDB says when every row of a file is read; empty when all can be."""
    import duckdb

    try:
        with connected(path) as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables()"
                " where database_name = current_database() order by all"
            ).fetchall()
            for schema, table in tables:
                relation = sql_name(schema, table)
                connection.execute(f"select bit_xor(hash(one)) from {relation} as one")
    except DamagedError as error:
        return error.reason
    except duckdb.Error as error:
        if system_faults.advise(error) is not None:
            raise
        return first_line(error)
    return ""


def describe_raw(path: Path, fault: str) -> str:
    """Return what to do about a raw file that cannot be read, and why."""
    return f"{DamagedError(path, fault)} {RAW_ADVICE}"
