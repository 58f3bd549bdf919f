"""A plugin of dbt-duckdb: what has to be true before dbt opens its files.

Named in `profiles.yml`, it serves `tradehouse run` and an analyst's own `dbt build` alike. It says
what to do on a home without data, waits for a process that is writing one of the files, and keeps
DuckDB from downloading extensions.
"""

import os
import time
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.events.logging import AdapterLogger
from dbt_common.exceptions import DbtRuntimeError

WAIT_SECONDS = 600
POLL_SECONDS = 0.5
CONFLICT = "Could not set lock on file"

logger = AdapterLogger("Tradehouse")


class Plugin(BasePlugin):
    """Checks and waits before the connection is opened."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Check the home's files; called by dbt-duckdb before it connects and attaches.

        Raises:
            DbtRuntimeError: when there is no data yet, or a file stays in use.
        """
        config["autoinstall_known_extensions"] = "false"
        for attachment in creds.attach or []:
            raw = Path(attachment.path)
            if not raw.exists():
                raise DbtRuntimeError(
                    f"There is no data yet: {raw} is missing. Run `make run` first: it loads a "
                    "brokerage's deliveries (make run LANDING=<dir>) or a simulated one."
                )
            wait_until_free(raw, read_only=True)
        warehouse = Path(creds.path)
        if warehouse.exists():
            wait_until_free(warehouse, read_only=False)


def wait_until_free(path: Path, *, read_only: bool, seconds: float | None = None) -> None:
    """Wait until a DuckDB file can be opened, and say so when that takes time.

    Raises:
        DbtRuntimeError: when another process still has it after `seconds`
            (TRADEHOUSE_DBT_WAIT_SECONDS, else ten minutes).
    """
    if seconds is None:
        seconds = float(os.environ.get("TRADEHOUSE_DBT_WAIT_SECONDS") or WAIT_SECONDS)
    deadline = time.monotonic() + seconds
    told = False
    while True:
        try:
            duckdb.connect(path, read_only=read_only).close()
        except duckdb.IOException as error:
            if CONFLICT not in str(error):
                raise
            if time.monotonic() >= deadline:
                raise DbtRuntimeError(
                    f"{path} is in use by another process ({_owner(str(error))}), still after "
                    f"{seconds:.0f} seconds. End that process, or wait until it has ended."
                ) from error
            if not told:
                logger.info(f"waiting for {path.name}, in use by {_owner(str(error))}")
                told = True
            time.sleep(POLL_SECONDS)
        else:
            return


def _owner(message: str) -> str:
    _, _, owner = message.partition("Conflicting lock is held in ")
    return owner.partition(". ")[0] or "a process that does not say its name"
