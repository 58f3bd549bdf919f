"""What is recorded of a sync on the server while it runs, so that any process can continue it.

A row of `_tradehouse.server_runs` is written before a job is started and removed in the transaction
that closes the ledger. Not here: the ledger's rows themselves (`ingestion.ledger`).
"""

import json
from dataclasses import dataclass
from datetime import datetime

import duckdb


@dataclass(frozen=True)
class OpenRun:
    """A sync that has begun and not ended. `last_job_id` is the youngest job before it began."""

    source: str
    sync_id: str
    connection_id: str
    is_reset: bool
    last_job_id: int
    reset_job_id: int | None
    job_id: int | None
    started_at: datetime


def find(connection: duckdb.DuckDBPyConnection, source: str) -> OpenRun | None:
    """The source's sync that has not ended."""
    row = connection.execute(
        "select * from _tradehouse.server_runs where source = ?", [source]
    ).fetchone()
    return OpenRun(*row) if row else None


def begin(connection: duckdb.DuckDBPyConnection, run: OpenRun) -> None:
    """Remember a sync, in the caller's transaction."""
    connection.execute(
        "insert into _tradehouse.server_runs values (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            run.source,
            run.sync_id,
            run.connection_id,
            run.is_reset,
            run.last_job_id,
            run.reset_job_id,
            run.job_id,
            run.started_at,
        ],
    )


def started(
    connection: duckdb.DuckDBPyConnection, run: OpenRun, *, reset: bool, job_id: int, page: str
) -> None:
    """Remember the job that was started for a sync, in the ledger too."""
    column = "reset_job_id" if reset else "job_id"
    connection.execute("begin")
    connection.execute(
        f"update _tradehouse.server_runs set {column} = ? where sync_id = ?", [job_id, run.sync_id]
    )
    if not reset:
        connection.execute(
            "update _tradehouse.syncs set job_id = ?, job_url = ? where sync_id = ?",
            [job_id, page, run.sync_id],
        )
    connection.execute("commit")


def failed(connection: duckdb.DuckDBPyConnection, run: OpenRun, message: str) -> None:
    """Say in the ledger that a sync failed which stays open: the next one goes on with it."""
    connection.execute(
        "update _tradehouse.syncs set status = 'failed', error = ?::json where sync_id = ?",
        [json.dumps({"errors": [{"message": message}]}), run.sync_id],
    )


def end(connection: duckdb.DuckDBPyConnection, run: OpenRun) -> None:
    """Forget a sync, in the transaction that closes its ledger rows."""
    connection.execute("delete from _tradehouse.server_runs where sync_id = ?", [run.sync_id])
