"""Jobs of one connection: start at most one, follow it, cancel it.

A start request that got no answer may have started a job: it is looked for among the jobs younger
than the youngest known before, and only then is the request repeated. Not here: what is remembered
between processes (`runs`).
"""

import time
from collections.abc import Callable
from typing import Any

from ingestion.errors import ServerError
from ingestion.server.client import Client

Job = dict[str, Any]
ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""Every other status goes on by itself: pending, queued, running, incomplete (tried again)."""
TRIES = 4
LOOK_AGAIN_SECONDS = 1.0
_WORDS = ("failureReason", "failureSummary", "message", "statusReason", "error")


class Jobs:
    """The jobs of one connection. Methods raise ServerError."""

    def __init__(self, client: Client, workspace_id: str, connection_id: str) -> None:
        self._client = client
        self._workspace_id = workspace_id
        self._connection_id = connection_id

    def newest(self) -> list[Job]:
        """The newest jobs of the connection, the youngest first."""
        from airbyte_api import api

        request = api.ListJobsRequest(
            connection_id=self._connection_id, limit=20, order_by="createdAt|DESC"
        )
        found = self._client.call(
            "Listing the connection's jobs", lambda sdk: sdk.jobs.list_jobs(request=request)
        )["data"]
        return sorted(found, key=lambda job: int(job["jobId"]), reverse=True)

    def running(self) -> Job | None:
        """The job that has not ended, if there is one; the server runs one at a time."""
        return next((job for job in self.newest() if job["status"] not in ENDED), None)

    def last_ended(self) -> int:
        """The youngest job that has ended: one that runs is taken for the next sync's own."""
        return max((int(j["jobId"]) for j in self.newest() if j["status"] in ENDED), default=0)

    def find(self, kind: str, after: int) -> Job | None:
        """The youngest job of a kind that is younger than the job `after`."""
        return next(
            (j for j in self.newest() if j["jobType"] == kind and int(j["jobId"]) > after), None
        )

    def start(self, kind: str, after: int) -> Job:
        """Start a job, or find the one that runs, or that was started after the job `after`."""
        models = self._client.models
        request = models.JobCreateRequest(
            connection_id=self._connection_id, job_type=models.JobTypeEnum(kind)
        )
        for left in reversed(range(TRIES)):
            try:
                job: Job = self._client.call(
                    f"Starting a {kind} job",
                    lambda sdk: sdk.jobs.create_job(request=request),
                    again=False,
                )
            except ServerError as error:
                is_doubtful = error.status is None or error.status == 409 or error.status >= 500
                if not is_doubtful:
                    raise
                time.sleep(LOOK_AGAIN_SECONDS)
                found = self.find(kind, after)
                if found is not None:
                    return found
                if not left:
                    raise
            else:
                return job
        raise AssertionError

    def get(self, job_id: int) -> Job:
        """One job as it stands."""
        from airbyte_api import api

        job: Job = self._client.call(
            f"Asking for job {job_id}",
            lambda sdk: sdk.jobs.get_job(request=api.GetJobRequest(job_id=job_id)),
        )
        return job

    def follow(self, job_id: int, on_step: Callable[[Job], None], *, silence_seconds: float) -> Job:
        """Ask until the job has ended; returns it.

        Raises ServerError where nothing about it changed for `silence_seconds`; it is not
        cancelled, and can be followed again.
        """
        seen, changed = None, time.monotonic()
        while True:
            job = self.get(job_id)
            step = tuple(job.get(key) for key in ("status", "rowsSynced", "bytesSynced"))
            step += (job.get("lastUpdatedAt"),)
            if step != seen:
                seen, changed = step, time.monotonic()
                on_step(job)
            if job["status"] in ENDED:
                return job
            if time.monotonic() - changed > silence_seconds:
                raise ServerError(
                    f"Job {job_id} is {job['status']} on the server, and nothing about it changed "
                    f"for {silence_seconds:g} seconds ({self.page(job_id)}). It was left as it is: "
                    f"sync again to go on watching, or cancel it there."
                )
            time.sleep(self._client.server.poll_seconds)

    def cancel(self, job_id: int, *, wait_seconds: float) -> Job:
        """Cancel a job and wait a little until it has ended; one that has ended is left."""
        from airbyte_api import api

        try:
            self._client.call(
                f"Cancelling job {job_id}",
                lambda sdk: sdk.jobs.cancel_job(request=api.CancelJobRequest(job_id=job_id)),
            )
        except ServerError as error:
            if self.get(job_id)["status"] not in ENDED:
                raise ServerError(f"Job {job_id} still runs: {error}", error.status) from error
        deadline = time.monotonic() + wait_seconds
        while True:
            job = self.get(job_id)
            if job["status"] in ENDED or time.monotonic() > deadline:
                return job
            time.sleep(min(1.0, self._client.server.poll_seconds))

    def page(self, job_id: int) -> str:
        """The address of the job's page."""
        return (
            f"{self._client.server.browser_url()}/workspaces/{self._workspace_id}"
            f"/connections/{self._connection_id}/timeline?jobId={job_id}"
        )

    def words(self, job: Job) -> str:
        """What the server says of a job that did not succeed."""
        said = [str(job[key]) for key in _WORDS if job.get(key)]
        if not said:
            said = self._reason()
        return ": ".join(dict.fromkeys(said)) or "it gives no reason"

    def _reason(self) -> list[str]:
        from airbyte_api import api

        request = api.GetConnectionRequest(connection_id=self._connection_id)
        connection = self._client.call(
            "Asking for the connection", lambda sdk: sdk.connections.get_connection(request=request)
        )
        return [str(connection["statusReason"])] if connection.get("statusReason") else []
