"""The end of a sync on the server: landing what the job wrote, judging it, closing the ledger.

Not here: how the job was started and followed (`sync`), and one stream's landing (`committing`).
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion import ledger
from ingestion.errors import IngestionError
from ingestion.paths import Paths
from ingestion.results import Progress, ProgressCallback, SyncError, SyncResult
from ingestion.server import committing, runs
from ingestion.server.bucket import ParquetLake
from ingestion.server.committing import Landing, Offered
from ingestion.server.jobs import Job, Jobs
from ingestion.server.postgres import PostgresLake
from ingestion.server.runs import OpenRun
from ingestion.server.settings import Destination
from ingestion.server.units import Lake


@dataclass
class Ending:
    """What the end of a sync needs to know; fills `result`."""

    source: str
    paths: Paths
    destination: Destination
    offered: list[Offered]
    jobs: Jobs
    result: SyncResult
    redact: Callable[[str], str]
    progress: ProgressCallback | None

    def close(
        self, connection: duckdb.DuckDBPyConnection, run: OpenRun, status: str, message: str | None
    ) -> None:
        """Close a sync's rows, in the caller's transaction."""
        statuses = {offered.key: status for offered in self.offered}
        error = None if message is None else {"errors": [{"message": self.redact(message)}]}
        ledger.end_sync(connection, run.sync_id, statuses, error)
        runs.end(connection, run)

    def land(self, connection: duckdb.DuckDBPyConnection, run: OpenRun, job: Job) -> None:
        """Land what the job wrote, and whatever of earlier jobs was not; close the ledger.

        After an error the sync stays open: the next one goes on here and starts no job.
        """
        work = self.paths.tmp / f"sync-{run.sync_id}-{os.getpid()}"
        work.mkdir(parents=True, exist_ok=True)
        try:
            with self._lake(connection, work) as lake:
                self._land_streams(connection, lake, run, job)
        except (IngestionError, duckdb.Error) as error:
            said = self.redact(
                f"{error} What job {job['jobId']} wrote lands with the next sync, which starts no "
                f"job of its own."
            )
            self.result.errors.append(SyncError(said))
            runs.failed(connection, run, said)
            ledger.write_snapshot(connection, self.paths)
            return
        finally:
            shutil.rmtree(work, ignore_errors=True)
        self._judge(connection, job)
        result = self.result
        connection.execute("begin")
        message = "; ".join(error.message for error in result.errors) or None
        self.close(connection, run, result.status, message)
        connection.execute("commit")
        ledger.write_snapshot(connection, self.paths)

    @contextmanager
    def _lake(self, connection: duckdb.DuckDBPyConnection, work: Path) -> Iterator[Lake]:
        settings = self.destination
        lake: Lake
        if settings.type == "postgres":
            lake = PostgresLake(settings, connection)
        else:
            lake = ParquetLake(settings, work)
        try:
            yield lake
        finally:
            lake.close()

    def _land_streams(
        self, connection: duckdb.DuckDBPyConnection, lake: Lake, run: OpenRun, job: Job
    ) -> None:
        lander = Landing(
            connection,
            lake,
            source=self.source,
            sync_id=run.sync_id,
            job_id=int(job["jobId"]),
            is_whole=job["status"] == "succeeded",
            is_reset=run.is_reset,
        )
        self.result.warnings = lander.warnings
        for offered in self.offered:
            name = offered.key[1]
            found = self.result.streams[name] = lander.land(offered)
            if self.progress is not None:
                step = Progress(self.source, name, "committed", found.records, found.bytes)
                self.progress(step)

    def _judge(self, connection: duckdb.DuckDBPyConnection, job: Job) -> None:
        """Success is a job that succeeded and whose rows are all here."""
        result, job_id = self.result, int(job["jobId"])
        if job["status"] != "succeeded":
            result.errors.append(SyncError(self.redact(f"Job {job_id} {self.words(job)}")))
            return
        said, arrived = (
            job.get("rowsSynced"),
            committing.rows_of_job(connection, self.source, job_id),
        )
        if said is not None and arrived < said:
            result.errors.append(
                SyncError(
                    f"The server says that job {job_id} wrote {said} rows, and {arrived} arrived "
                    f"here: is the destination in ingestion/airbyte.yml the one it writes to, and "
                    f"did somebody remove rows there? What arrived is kept. "
                    f"{self.jobs.page(job_id)}"
                )
            )
            return
        if said is not None and arrived > said:
            result.warnings.append(
                f"the server says that job {job_id} wrote {said} rows; {arrived} were there and "
                f"are loaded"
            )
        result.status = "succeeded"

    def words(self, job: Job) -> str:
        """How a job ended that did not succeed, in the server's words."""
        word = "was cancelled" if job["status"] == "cancelled" else job["status"]
        return f"{word} on the server: {self.jobs.words(job)}. {self.jobs.page(int(job['jobId']))}"
