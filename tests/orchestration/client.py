"""The asset page as a program sees it: its processes, its GraphQL, a browser on it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestration.jobs import DAY
from tradehouse.home.paths import PROJECT

CHROMIUM = "chromium"
LAUNCH = """
mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
AGAIN = """
mutation($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
TERMINATE = """
mutation($ids: [String!]!) { terminateRuns(runIds: $ids, terminatePolicy: SAFE_TERMINATE) {
  __typename ... on TerminateRunsResult { terminateRunResults { __typename } } } }
"""
BACKFILL = """
mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
RUNS = """
{ runsOrError { ... on Runs { results {
  runId status startTime endTime tags { key value } assetSelection { path } } } } }
"""
EVENTS = """
query($id: ID!) { logsForRun(runId: $id, limit: 5000) { ... on EventConnection { events {
  __typename ... on MessageEvent { message timestamp stepKey } } } } }
"""


@dataclass
class Page:
    """A running asset page."""

    home: Path
    url: str
    process: subprocess.Popen[bytes]
    log: Path
    seen: dict[str, Any] = field(default_factory=dict)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask GraphQL and return its data."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.url}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = json.load(answer)
        assert not content.get("errors"), content
        return dict(content["data"])

    def launch(self, day: str, config: dict[str, Any] | None = None) -> str:
        """Start a run of one day and return its id."""
        selector = {
            "repositoryName": "__repository__",
            "repositoryLocationName": "orchestration.definitions",
            "pipelineName": DAY,
        }
        params = {
            "selector": selector,
            "runConfigData": config or {},
            "mode": "default",
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
        }
        return self._started(self.ask(LAUNCH, params=params)["launchPipelineExecution"])

    def resume(self, run_id: str) -> str:
        """Run again what failed and what is downstream of it, as the page's button does."""
        params = {"parentRunId": run_id, "strategy": "FROM_ASSET_FAILURE"}
        return self._started(self.ask(AGAIN, params=params)["launchRunReexecution"])

    def backfill(self, days: list[str]) -> str:
        """Materialize everything for some days, as the graph's button does; return the id."""
        nodes = self.ask("{ assetNodes { isExecutable assetKey { path } } }")["assetNodes"]
        keys = [{"path": one["assetKey"]["path"]} for one in nodes if one["isExecutable"]]
        params = {"assetSelection": keys, "partitionNames": days}
        answer = self.ask(BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def runs_of(self, backfill: str) -> list[str]:
        """Return the runs of a backfill."""
        tag = {"key": "dagster/backfill", "value": backfill}
        return [run_id for run_id, run in self.runs().items() if tag in run["tags"]]

    def terminate(self, run_id: str) -> None:
        """Stop a run, as the page's button does."""
        answer = self.ask(TERMINATE, ids=[run_id])["terminateRuns"]
        [one] = answer["terminateRunResults"]
        assert one["__typename"] == "TerminateRunSuccess", answer

    @staticmethod
    def _started(answer: dict[str, Any]) -> str:
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def runs(self) -> dict[str, dict[str, Any]]:
        """Return every run by id, the newest first."""
        return {run["runId"]: run for run in self.ask(RUNS)["runsOrError"]["results"]}

    def status(self, run_id: str) -> str:
        """Return where a run is."""
        return str(self.runs()[run_id]["status"])

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """Return what a run told."""
        return list(self.ask(EVENTS, id=run_id)["logsForRun"]["events"])

    def wait(self, what: str, condition: Callable[[], Any], seconds: float = 180) -> Any:
        """Return what the condition gives as soon as it is true."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, f"waited {seconds} s until {what}: {self.runs()}"
            time.sleep(0.5)
        return found

    def wait_for_end(self, run_id: str) -> str:
        """Return how a run ended."""
        ends = ("SUCCESS", "FAILURE", "CANCELED")
        self.wait(f"run {run_id} ended", lambda: self.status(run_id) in ends)
        return self.status(run_id)


def free_port() -> int:
    """Return a port where this one and the next are free."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def start(home: Path, profile: str, **settings: str) -> Page:
    """Start `make ui` on a home and return when it answers."""
    port, log = free_port(), home / "page.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration.page", "--profile", profile, "--port", str(port)],
            env={
                **os.environ,
                "TRADEHOUSE_HOME": str(home),
                "PYTHONPATH": str(PROJECT),
                **settings,
            },
            cwd=PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    page = Page(home, f"http://127.0.0.1:{port}", process, log)
    page.wait("the page answers", lambda: answers(f"{page.url}/server_info"), seconds=120)
    return page


def answers(url: str) -> bool:
    """Whether something answers at an address."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def stop(page: Page) -> None:
    """End the page as Ctrl-C does; whatever is left of its processes is killed."""
    page.process.send_signal(signal.SIGINT)
    try:
        page.process.wait(60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(page.process.pid, signal.SIGKILL)


def require_browser() -> str:
    """Return the path of Chromium, or skip with the reason."""
    pytest.importorskip("playwright", reason="the page's tests need the package playwright")
    path = shutil.which(CHROMIUM) or shutil.which("google-chrome")
    if path is None:
        pytest.skip("the page's tests need Chromium: apt-get install chromium")
    return path
