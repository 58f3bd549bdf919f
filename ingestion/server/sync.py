"""One sync of a source that an Airbyte server runs: find or start its job, follow it, land rows.

The raw database is open only before and after the job, so that others can read while it runs. Not
here: the steps' own modules (`jobs`, `committing`, `runs`) and what callers use (`ingestion.sync`).
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import duckdb

from ingestion import ledger, names, repeated_records, sync_modes
from ingestion.configuration import digest_of
from ingestion.database import open_raw
from ingestion.declarations import Declaration
from ingestion.errors import DeclarationError, IngestionError, ServerError
from ingestion.loads import Loads
from ingestion.paths import Paths
from ingestion.redaction import Redactor
from ingestion.results import Progress, ProgressCallback, SyncResult
from ingestion.server import committing, desired, inventory, runs
from ingestion.server.client import Client
from ingestion.server.committing import Offered
from ingestion.server.completion import Ending
from ingestion.server.created_resources import Made
from ingestion.server.desired import Wanted
from ingestion.server.jobs import Job, Jobs
from ingestion.server.runs import OpenRun
from ingestion.server.settings import read_server
from ingestion.tables import Column, Table
from tradehouse.home import ledger_snapshot


class ServerSync:
    """The state of one sync."""

    def __init__(
        self,
        declaration: Declaration,
        paths: Paths,
        *,
        reset: bool,
        progress: ProgressCallback | None,
        on_wait: Callable[[str], None] | None,
        wait_seconds: float,
    ) -> None:
        self._declaration = declaration
        self._name = declaration.name
        self._paths = paths
        self._reset = reset
        self._progress = progress
        self._on_wait = on_wait
        self._wait_seconds = wait_seconds
        self._started = time.monotonic()
        server, hidden = read_server()
        self._wanted: Wanted = desired.wanted(declaration, server, hidden)
        self._redact = Redactor(hidden | self._wanted.source.secrets)
        self._client = Client(server, self._redact, on_wait=on_wait)

    def run(self) -> SyncResult:
        """The whole sync. Raises IngestionError, and KeyboardInterrupt after cancelling the job."""
        try:
            workspace_id = self._client.workspace_id()
            connection_id, source_id = self._made(workspace_id)
            self._jobs = Jobs(self._client, workspace_id, connection_id)
            self._offered = inventory.offered_streams(
                self._declaration, self._client, workspace_id, source_id
            )
            self._result = SyncResult("", self._name, "failed", ledger.now(), 0.0, runner="server")
            self._ending = Ending(
                self._name,
                self._paths,
                self._wanted.destination_settings,
                self._offered,
                self._jobs,
                self._result,
                self._redact,
                self._progress,
            )
            self._run = self._begin(connection_id)
            self._result.sync_id = self._run.sync_id
            self._result.started_at = self._run.started_at
            return self._follow_and_land()
        except IngestionError as error:
            error.hide(self._redact)
            raise
        finally:
            self._client.close()

    def _made(self, workspace_id: str) -> tuple[str, str]:
        made = Made(self._paths.connectors, workspace_id)
        connection_id = made.id_of("connection", self._wanted.connection_name)
        source_id = made.id_of("source", self._wanted.source.name)
        if connection_id is None or source_id is None:
            raise DeclarationError(
                f"{self._name}: its connection {self._wanted.connection_name} was not made on the "
                f"server from this home. Make it: tradehouse airbyte apply."
            )
        return connection_id, source_id

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with open_raw(
            self._paths.raw_database,
            tmp=self._paths.tmp,
            wait_seconds=self._wait_seconds,
            on_wait=self._on_wait,
        ) as connection:
            yield connection

    def _begin(self, connection_id: str) -> OpenRun:
        """The sync that has not ended, or a new one, remembered before any job is started."""
        with self._open() as connection:
            if ledger.close_dead_syncs(connection):
                ledger.write_snapshot(connection, self._paths)
            found = runs.find(connection, self._name)
            if found is not None and found.connection_id == connection_id:
                if self._reset and not found.is_reset:
                    raise IngestionError(
                        f"{self._name}: a sync is still open on the server (job {found.job_id}). "
                        f"Let it end first: tradehouse sync {self._name}; then --reset."
                    )
                return found
            known = names.read(connection, self._name)
            tables = [self._table(connection, offered, known) for offered in self._offered]
            if not self._reset:
                repeated_records.require_keys(self._switched(connection, tables), "server")
            moment = ledger.now()
            sync_id = f"{moment:%Y%m%dT%H%M%S.%f}Z-{secrets.token_hex(3)}"
            sync_modes.merge_leftovers(connection, tables, Loads(connection, self._name, sync_id))
            run = OpenRun(
                source=self._name,
                sync_id=sync_id,
                connection_id=connection_id,
                is_reset=self._reset,
                last_job_id=self._jobs.last_ended(),
                reset_job_id=None,
                job_id=None,
                started_at=moment,
            )
            connection.execute("begin")
            if found is not None:
                self._ending.close(connection, found, "failed", "Its connection was made anew.")
            ledger.start_sync(
                connection,
                run.sync_id,
                tables,
                connector=self._declaration.connector.label,
                connector_version=None,
                declaration_version=digest_of(self._declaration),
                runner="server",
            )
            runs.begin(connection, run)
            connection.execute("commit")
            ledger.write_snapshot(connection, self._paths)
            return run

    def _table(
        self, connection: duckdb.DuckDBPyConnection, offered: Offered, known: names.Names
    ) -> Table:
        """The raw table as it stands."""
        table = offered.table(known)
        recorded = committing.recorded_columns(connection, table)
        columns = tuple(Column(name, field, kind) for field, (name, kind) in recorded.items())
        return replace(table, columns=columns)

    def _switched(
        self, connection: duckdb.DuckDBPyConnection, tables: list[Table]
    ) -> Iterator[Table]:
        for table in tables:
            appends = table.declared.sync_mode == "incremental_append"
            yield replace(
                table,
                recognises=appends
                and repeated_records.is_switched(connection, self._name, table.key, "server"),
            )

    def _follow_and_land(self) -> SyncResult:
        run = self._run
        with ledger_snapshot.marked(self._paths.state, self._name, run.sync_id, run.started_at):
            job = self._follow()
            with self._open() as connection:
                self._ending.land(connection, run, job)
        self._result.duration_seconds = time.monotonic() - self._started
        return self._result

    def _follow(self) -> Job:
        """The sync's job, ended. Cancels it on Ctrl-C."""
        try:
            if self._run.is_reset and self._run.job_id is None:
                self._clear()
            job_id = self._run.job_id
            if job_id is None:
                job_id = self._start("sync", self._run.reset_job_id or self._run.last_job_id)
                self._started_job(job_id, reset=False)
            self._result.job_id, self._result.job_url = job_id, self._jobs.page(job_id)
            self._tell(f"job {job_id}: {self._jobs.page(job_id)}")
            return self._watch(job_id)
        except KeyboardInterrupt:
            self._cancel()
            raise
        except ServerError as error:
            may_run = self._run.job_id is not None and error.status != 404
            is_refusal = error.status is not None and error.status < 500
            if is_refusal and not may_run:
                self._give_up("failed", str(error))
            raise

    def _start(self, kind: str, after: int) -> int:
        found = self._jobs.find(kind, after) or self._jobs.start(kind, after)
        return int(found["jobId"])

    def _started_job(self, job_id: int, *, reset: bool) -> None:
        page = self._jobs.page(job_id)
        with self._open() as connection:
            runs.started(connection, self._run, reset=reset, job_id=job_id, page=page)
        if reset:
            self._run = replace(self._run, reset_job_id=job_id)
        else:
            self._run = replace(self._run, job_id=job_id)

    def _clear(self) -> None:
        """Let the server forget its state and remove what it wrote; a running job ends first."""
        job_id = self._run.reset_job_id
        if job_id is None:
            running = self._jobs.running()
            if running is not None and running["jobType"] != "reset":
                self._tell(f"job {running['jobId']} runs on the server: waiting until it has ended")
                self._watch(int(running["jobId"]))
            job_id = self._start("reset", self._run.last_job_id)
            self._started_job(job_id, reset=True)
        job = self._watch(job_id)
        if job["status"] != "succeeded":
            message = f"The reset, job {job_id}, {self._ending.words(job)}"
            self._give_up("failed", message)
            raise ServerError(message)

    def _watch(self, job_id: int) -> Job:
        limit = self._declaration.server.watch_seconds
        return self._jobs.follow(job_id, self._step, silence_seconds=limit)

    def _step(self, job: Job) -> None:
        if self._progress is not None:
            stream = f"job {job['jobId']} {job['status']}"
            rows, size = job.get("rowsSynced") or 0, job.get("bytesSynced") or 0
            self._progress(Progress(self._name, stream, "reading", rows, size))

    def _tell(self, text: str) -> None:
        if self._on_wait is not None:
            self._on_wait(text)

    def _cancel(self) -> None:
        """Ctrl-C: cancel the job, which may have been started without an answer."""
        job_id = self._run.job_id
        if job_id is None:
            after = self._run.reset_job_id or self._run.last_job_id
            found = self._jobs.find("sync", after)
            job_id = None if found is None else int(found["jobId"])
        if job_id is not None:
            self._jobs.cancel(job_id, wait_seconds=self._declaration.limits.stop_seconds)
        self._give_up("cancelled", "The sync was stopped.")

    def _give_up(self, status: str, message: str) -> None:
        """Close the ledger's rows of a sync whose job will not be followed any more."""
        with self._open() as connection:
            connection.execute("begin")
            self._ending.close(connection, self._run, status, message)
            connection.execute("commit")
            ledger.write_snapshot(connection, self._paths)
