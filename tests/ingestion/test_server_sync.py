"""Syncs that a server runs: jobs, ledger, faults."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ingestion import Progress, sync
from ingestion.errors import DeclarationError, IngestionError, ServerError
from ingestion.ledger import read_status
from tests.ingestion.airbyte_server import USUAL, Behaviour, Fault
from tests.ingestion.server_home import ServedHome, order

pytestmark = pytest.mark.xdist_group("airbyte_server")


@pytest.fixture
def ready(served: ServedHome) -> ServedHome:
    """Applied, with seven orders."""
    served.orders.records = [order(n) for n in range(1, 8)]
    served.plan(apply=True)
    return served


def test_data_ledger_and_progress(ready: ServedHome) -> None:
    seen: list[Progress] = []
    told: list[str] = []
    result = ready.sync(progress=seen.append, on_wait=told.append)
    assert (result.status, result.records, result.errors) == ("succeeded", 7, [])
    assert ready.ids() == list(range(1, 8))
    [job] = ready.server.sync_jobs()
    assert (result.runner, result.job_id) == ("server", job["jobId"])
    assert result.job_url is not None
    assert result.job_url.startswith(ready.server.url.removesuffix("/api/public/v1"))
    assert result.job_url.endswith(f"/timeline?jobId={job['jobId']}")
    assert told == [f"job {job['jobId']}: {result.job_url}"]
    states = [p.stream.split()[-1] for p in seen if p.phase == "reading"]
    assert states == USUAL[1:]
    [row] = ready.query(
        "select status, records, bytes, runner, job_id, job_url from _tradehouse.syncs"
    )
    assert row == ("succeeded", 7, job["bytesSynced"], "server", job["jobId"], result.job_url)
    [stream] = read_status(ready.paths)["streams"]
    assert (stream["source"], stream["records"]) == ("shop", 7)
    assert ready.query("select count(*) from _tradehouse.server_runs") == [(0,)]


def test_a_second_sync_brings_what_is_new(ready: ServedHome) -> None:
    ready.sync()
    ready.orders.records += [order(8), order(3, updated=9, note="changed")]
    assert ready.sync().records == 2
    assert ready.sync().records == 0
    assert ready.ids() == [1, 2, 3, 3, 4, 5, 6, 7, 8]
    assert len(ready.server.sync_jobs()) == 3


def test_queued_and_incomplete_are_no_failures(ready: ServedHome) -> None:
    ways = ["queued", "queued", "running", "incomplete", "running", "succeeded"]
    ready.server.behaviours = [Behaviour(ways)]
    assert ready.sync().status == "succeeded"
    assert len(ready.server.sync_jobs()) == 1


def test_a_failed_job_says_the_servers_words_and_keeps_what_it_wrote(ready: ServedHome) -> None:
    words = {"failureReason": "Source: the token of the shop has ended"}
    ready.server.behaviours = [Behaviour(["running", "failed"], written=4, words=words)]
    result = ready.sync()
    assert result.status == "failed"
    [error] = result.errors
    assert "failed on the server: Source: the token of the shop has ended." in error.message
    assert str(result.job_url) in error.message
    assert ready.ids() == [1, 2, 3, 4]
    assert ready.sync().status == "succeeded"
    assert ready.ids() == list(range(1, 8))


def test_a_job_that_somebody_else_cancels(ready: ServedHome) -> None:
    [connection] = ready.server.objects["connection"].values()
    connection["statusReason"] = "stopped by the night shift"
    ready.server.behaviours = [Behaviour(["running", "cancelled"], written=2)]
    result = ready.sync()
    assert result.status == "failed"
    assert "was cancelled on the server: stopped by the night shift" in result.errors[0].message
    assert ready.sync().status == "succeeded"
    assert ready.ids() == list(range(1, 8))


def test_a_job_that_hangs_is_left_and_watched_again(ready: ServedHome) -> None:
    ready.server.behaviours = [Behaviour(["pending", "running"])]
    ready.declared = {"server": {"source_type": "faker", "watch_seconds": 0.2}}
    for _ in range(2):
        with pytest.raises(ServerError, match="is running on the server, and nothing about it"):
            ready.sync()
    [job] = ready.server.sync_jobs()
    job["_left"] = ["succeeded"]
    assert ready.sync().records == 7
    assert len(ready.server.sync_jobs()) == 1


def test_more_rows_than_the_server_reports(ready: ServedHome) -> None:
    ready.server.behaviours = [Behaviour(rows_reported=5)]
    result = ready.sync()
    assert (result.status, result.records) == ("succeeded", 7)
    [warning] = result.warnings
    assert "wrote 5 rows; 7 were there and are loaded" in warning


def test_fewer_rows_than_the_server_reports(ready: ServedHome) -> None:
    ready.server.behaviours = [Behaviour(rows_reported=9)]
    result = ready.sync()
    assert result.status == "failed"
    assert "wrote 9 rows, and 7 arrived here" in result.errors[0].message
    assert ready.ids() == list(range(1, 8))
    assert ready.sync().status == "succeeded"


def test_429_waits_as_long_as_it_is_told(ready: ServedHome) -> None:
    ready.server.faults = [
        Fault("POST", "/jobs", times=2, status=429, headers={"Retry-After": "0.3"}),
        Fault("GET", "/jobs/.*", status=429, headers={"Retry-After": "0.2"}),
    ]
    told: list[str] = []
    begin = time.monotonic()
    assert ready.sync(on_wait=told.append).status == "succeeded"
    assert time.monotonic() - begin > 0.8
    assert sum("asking again in 0.3 seconds" in each for each in told) == 2
    assert len(ready.server.sync_jobs()) == 1


def test_429_that_does_not_end_is_an_error(ready: ServedHome) -> None:
    ready.write_settings(give_up_seconds=0.3)
    ready.server.faults = [Fault("POST", "/jobs", times=99, status=429)]
    with pytest.raises(ServerError, match="429: fault of the test"):
        ready.sync()
    ready.server.faults = []
    assert ready.sync().status == "succeeded"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/jobs/.*", times=2, status=503),
        Fault("GET", "/jobs.*", times=2, status=500),
        Fault("POST", "/jobs", times=1, status=502),
        Fault("GET", "/jobs/.*", times=1, drop="before"),
        Fault("GET", "/workspaces", times=1, drop="after"),
        Fault("GET", "/jobs/.*", times=3, latency=0.2),
        Fault("POST", "/jobs", drop="before"),
        Fault("POST", "/jobs", drop="after"),
        Fault("POST", "/applications/token", status=503),
    ],
    ids=lambda fault: f"{fault.method}{fault.path}-{fault.status or fault.drop or 'slow'}",
)
def test_passing_faults_are_lived_with(ready: ServedHome, fault: Fault) -> None:
    ready.server.expire_tokens()
    fault.times = fault.times or 1
    ready.server.faults = [fault]
    assert ready.sync().status == "succeeded"
    assert ready.ids() == list(range(1, 8))
    assert len(ready.server.sync_jobs()) == 1
    assert not fault.times


def test_a_token_that_ends_in_the_middle_is_renewed(ready: ServedHome) -> None:
    def end(progress: Progress) -> None:
        if progress.stream.endswith("running"):
            ready.server.expire_tokens()

    assert ready.sync(progress=end).status == "succeeded"
    assert 401 in ready.server.calls("GET", "/jobs/.*")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_start_ends_the_sync(ready: ServedHome, status: int) -> None:
    ready.server.faults = [Fault("POST", "/jobs", times=2, status=status, body={"detail": "no"})]
    with pytest.raises(ServerError, match=f"Starting a sync job: .* answered {status}: no"):
        ready.sync()
    assert ready.query("select status from _tradehouse.syncs") == [("failed",)]
    ready.server.faults = []
    assert ready.sync().status == "succeeded"


def test_a_job_that_runs_already_is_watched(ready: ServedHome) -> None:
    [connection_id] = ready.server.objects["connection"]
    ready.server.answer("POST", "/jobs", {}, {"connectionId": connection_id, "jobType": "sync"})
    result = ready.sync()
    assert (result.status, result.records) == ("succeeded", 7)
    assert len(ready.server.sync_jobs()) == 1
    assert ready.server.calls("POST", "/jobs") == []


def test_a_job_that_began_a_moment_before_is_watched(ready: ServedHome) -> None:
    """Between looking and starting somebody else starts one: the server answers 409."""
    start = ready.server._start

    def race(body: Any) -> Any:
        ready.server._start = start  # type: ignore[method-assign]
        start(body)
        return start(body)

    ready.server._start = race  # type: ignore[method-assign]
    assert ready.sync().status == "succeeded"
    assert ready.server.calls("POST", "/jobs") == [409]
    assert len(ready.server.sync_jobs()) == 1


def test_a_job_nobody_watched_lands_with_the_next_sync(ready: ServedHome) -> None:
    [connection_id] = ready.server.objects["connection"]
    job = ready.server.answer(
        "POST", "/jobs", {}, {"connectionId": connection_id, "jobType": "sync"}
    )
    for _ in USUAL:
        ready.server.answer("GET", f"/jobs/{job['jobId']}", {}, None)
    ready.orders.records.append(order(8))
    result = ready.sync()
    assert (result.status, result.records) == ("succeeded", 8)
    assert ready.ids() == list(range(1, 9))


def test_what_a_server_cannot_do_is_said(ready: ServedHome) -> None:
    with pytest.raises(DeclarationError, match="--stream cannot be given"):
        ready.sync(streams=["orders"])
    with pytest.raises(DeclarationError, match="--full-refresh cannot be given"):
        ready.sync(full_refresh=True)
    with pytest.raises(DeclarationError, match="tradehouse airbyte apply"):
        sync(ready.declaration(name="other"), ready.home)


def test_an_unreadable_bucket_starts_no_second_job(ready: ServedHome) -> None:
    ready.destination["read"] = {"s3_bucket_name": "no-such-bucket"}
    ready.write_settings()
    result = ready.sync()
    # The files cannot be seen, and the server says that it wrote rows.
    assert result.status == "failed"
    ready.destination["read"] = {"s3_endpoint": "http://127.0.0.1:9"}
    ready.write_settings()
    failed = ready.sync()
    assert failed.status == "failed"
    assert "cannot be read from here" in failed.errors[0].message
    ready.destination["read"] = {}
    ready.write_settings()
    jobs = len(ready.server.sync_jobs())
    assert ready.sync().status == "succeeded"
    assert ready.ids() == list(range(1, 8))
    assert len(ready.server.sync_jobs()) == jobs


def test_reset_replaces_what_is_there(ready: ServedHome) -> None:
    ready.sync()
    del ready.orders.records[:3]
    result = ready.sync(reset=True)
    assert (result.status, result.records) == ("succeeded", 4)
    assert ready.ids() == [4, 5, 6, 7]
    assert [job["jobType"] for job in ready.server.jobs.values()] == ["sync", "reset", "sync"]


def test_a_reset_that_fails_leaves_what_is_there(ready: ServedHome) -> None:
    ready.sync()
    ready.server.behaviours = [Behaviour(["running", "failed"], written=1)]
    assert ready.sync(reset=True).status == "failed"
    assert ready.ids() == list(range(1, 8))
    ready.server.faults = []
    assert ready.sync(reset=True).status == "succeeded"
    assert ready.ids() == list(range(1, 8))


def test_an_open_sync_ends_before_a_reset(ready: ServedHome) -> None:
    ready.server.behaviours = [Behaviour(["running"])]
    ready.declared = {"server": {"source_type": "faker", "watch_seconds": 0.1}}
    with pytest.raises(ServerError):
        ready.sync()
    with pytest.raises(IngestionError, match="Let it end first: tradehouse sync shop"):
        ready.sync(reset=True)


CHILD = """
import sys
from pathlib import Path
from ingestion import declarations, sync
from ingestion.server import settings

settings.SETTINGS = Path(sys.argv[2])
print("begun", flush=True)
sync(declarations.read_file(Path(sys.argv[3])), Path(sys.argv[1]))
"""


def test_ctrl_c_cancels_the_job(ready: ServedHome, tmp_path: Any) -> None:
    import signal

    import yaml

    ready.server.behaviours = [Behaviour(["pending", "running"])]
    declared = tmp_path / "shop.yml"
    content = ready.declaration().model_dump(mode="json", exclude_unset=True)
    declared.write_text(yaml.safe_dump(content))
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(ready.home), str(ready.airbyte), str(declared)],
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    deadline = time.monotonic() + 120
    while not ready.server.calls("GET", "/jobs/.+") and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=120)
    assert b"KeyboardInterrupt" in words
    [job] = ready.server.sync_jobs()
    assert job["status"] == "cancelled"
    assert ready.query("select status from _tradehouse.syncs") == [("cancelled",)]
    assert ready.sync().status == "succeeded"
    assert ready.ids() == list(range(1, 8))
