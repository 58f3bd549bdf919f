"""A plugin of dbt-duckdb: what has to be true before dbt opens its files.

Named in `profiles.yml`, it serves `tradehouse run` and an analyst's own `dbt build` alike. It says
what to do on a home without data, waits for a process that is writing one of the files, copies what
a developer's selection reads (`tradehouse.dbt.developer_copy`), and keeps DuckDB from downloading
extensions.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.events.logging import AdapterLogger
from dbt_common.exceptions import DbtRuntimeError

from tradehouse.dbt import developer_copy
from tradehouse.errors import BusyError, TradehouseError, UsageError
from tradehouse.home import database, locks
from tradehouse.home.files import DamagedError
from tradehouse.home.paths import OWN, whole_number_setting

WAIT_SECONDS = 600
POLL_SECONDS = 0.5

logger = AdapterLogger("Tradehouse")


class Plugin(BasePlugin):
    """Checks and waits before the connection is opened."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Check the home's files; called by dbt-duckdb before it connects and attaches.

        Raises:
            DbtRuntimeError: when there is no data yet, or a file stays in use.
        """
        config.update(database.SETTINGS)
        os.umask(OWN)
        files = [(Path(creds.path), False)]
        for attachment in creds.attach or []:
            raw = Path(attachment.path)
            if not raw.exists():
                raise DbtRuntimeError(
                    f"There is no data yet: {raw} is missing. Run `make run` first: it loads a "
                    "brokerage's deliveries (make run LANDING=<dir>) or a simulated one."
                )
            files.insert(0, (raw, True))
        release()
        _opening.append(wait_until_free(files))
        if creds.path != ":memory:":
            copy_what_is_read(Path(creds.path), config)

    def configure_cursor(self, cursor: Any) -> None:
        """Let others open files again; called when everything is open and attached."""
        release()

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Set once what the connections of all threads inherit; called when the file is open."""
        conn.execute("set global TimeZone = 'UTC'")
        developer_copy.drop_empty(conn)


def copy_what_is_read(path: Path, config: dict[str, Any]) -> None:
    """Copy what the selection reads from the warehouse into the developer's file, and say so.

    Raises:
        DbtRuntimeError: when what is missing cannot be copied now.
    """
    begun = time.monotonic()
    try:
        copied = developer_copy.prepare(path, config)
    except (developer_copy.CopyError, TradehouseError, duckdb.Error) as error:
        raise DbtRuntimeError(str(error)) from error
    if copied:
        seconds = time.monotonic() - begun
        logger.info(f"copied from warehouse.duckdb in {seconds:.1f} s: {', '.join(copied)}")


_opening: list[int] = []


def release() -> None:
    """Give the lock of opening back, if this process holds it: nothing is being opened."""
    while _opening:
        locks.give_back(_opening.pop())


def wait_until_free(files: list[tuple[Path, bool]], *, seconds: float | None = None) -> int:
    """Wait until DuckDB files can be opened, and say so when that takes time.

    Args:
        files: the files, and whether each is only to be read.
        seconds: how long; default: TRADEHOUSE_DBT_WAIT_SECONDS, else ten minutes.

    Returns:
        A descriptor that holds the lock of opening until it is closed.

    Raises:
        DbtRuntimeError: when another process still has one of them.
    """
    if seconds is None:
        try:
            seconds = whole_number_setting("TRADEHOUSE_DBT_WAIT_SECONDS", WAIT_SECONDS)
        except UsageError as error:
            raise DbtRuntimeError(str(error)) from error
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    deadline = time.monotonic() + seconds
    told: set[str] = set()
    while True:
        busy = "raw.duckdb"
        try:
            descriptor = database.take_lock(files[0][0].parent, 0, command)
            try:
                for path, read_only in files:
                    busy = path.name
                    _try_to_open(path, read_only)
            except BaseException:
                locks.give_back(descriptor)
                raise
        except BusyError as error:
            if time.monotonic() >= deadline:
                raise DbtRuntimeError(
                    f"{busy} is in use by another process ({error.holder}), still after "
                    f"{seconds:.0f} seconds. End that process, or wait until it has ended."
                ) from error
            if error.holder not in told:
                logger.info(f"waiting for {busy}, in use by {error.holder}")
                told.add(error.holder)
        else:
            return descriptor
        time.sleep(POLL_SECONDS)


def _try_to_open(path: Path, read_only: bool) -> None:
    """Open a file if it is there and close it; a warehouse that is damaged is set aside."""
    if not path.exists():
        return
    try:
        database.connect(path, read_only=read_only, wait_seconds=0).close()
    except DamagedError as error:
        if read_only:
            raise
        database.set_aside(path, error.reason)
