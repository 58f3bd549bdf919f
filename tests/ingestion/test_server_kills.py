"""Killed at every step and started again: one job, every row once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.ingestion.airbyte_server import AirbyteServer, Behaviour, Fault
from tests.ingestion.server_home import ServedHome, order
from tests.ingestion.test_server_sync import CHILD

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("airbyte_server")]

STEPS = {
    "before anything is asked": ("POST", "/applications/token", "before"),
    "before a job is started": ("POST", "/jobs", "before"),
    "when a job was started and nobody knows": ("POST", "/jobs", "after"),
    "while the job runs": ("GET", "/jobs/.+", "after"),
}


class Killer:
    """Kills the client when it comes to a request: before the server sees it, or after."""

    def __init__(self, server: AirbyteServer, method: str, path: str, moment: str) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.struck = False
        self._at = (method, path, moment)
        self._server = server
        self._whole = server.handle
        server.handle = self.handle  # type: ignore[method-assign]

    def handle(self, method: str, target: str, headers: object, body: bytes) -> object:
        import re

        at, path, moment = self._at
        local = target.split("?")[0].removeprefix("/api/public/v1")
        if self.struck or method != at or not re.fullmatch(path, local):
            return self._whole(method, target, headers, body)
        self.struck = True
        if moment == "after":
            self._whole(method, target, headers, body)
        assert self.process is not None
        self.process.kill()
        return None

    def end(self) -> None:
        self._server.handle = self._whole  # type: ignore[method-assign]


def child(served: ServedHome) -> subprocess.Popen[bytes]:
    declared = served.directory / "shop.yml"
    content = served.declaration().model_dump(mode="json", exclude_unset=True)
    declared.write_text(yaml.safe_dump(content))
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(served.home), str(served.airbyte), str(declared)],
        stderr=(served.directory / "child.log").open("wb"),
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.fixture
def ready(served: ServedHome) -> ServedHome:
    served.orders.records = [order(n) for n in range(1, 31)]
    served.plan(apply=True)
    return served


def assert_one_job(served: ServedHome) -> None:
    assert served.sync().status == "succeeded"
    assert len(served.server.sync_jobs()) == 1
    assert served.ids() == list(range(1, 31))
    assert served.query("select count(*) from _tradehouse.server_runs") == [(0,)]
    assert list(served.paths.tmp.iterdir()) == []


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_request(ready: ServedHome, step: str) -> None:
    killer = Killer(ready.server, *STEPS[step])
    killer.process = child(ready)
    assert killer.process.wait(180) == -signal.SIGKILL
    killer.end()
    assert_one_job(ready)


LANDING = """
import os, sys
from pathlib import Path
from ingestion import declarations, ledger, sync
from ingestion.server import committing, settings


settings.SETTINGS = Path(sys.argv[2])
left = int(sys.argv[4])

def die(whole):
    def step(*arguments, **named):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), 9)
        return whole(*arguments, **named)
    return step

for of, names in ((committing.Landing, ("land", "_insert", "_record")), (ledger, ("end_sync",))):
    for name in names:
        setattr(of, name, die(getattr(of, name)))
sync(declarations.read_file(Path(sys.argv[3])), Path(sys.argv[1]))
"""


def test_killed_at_every_step_of_landing(ready: ServedHome) -> None:
    declared = ready.directory / "shop.yml"
    content = ready.declaration().model_dump(mode="json", exclude_unset=True)
    declared.write_text(yaml.safe_dump(content))
    for step in range(1, 40):
        arguments = [str(ready.home), str(ready.airbyte), str(declared), str(step)]
        process = subprocess.run(
            [sys.executable, "-c", LANDING, *arguments],
            capture_output=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            timeout=180,
        )
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    assert step > 1
    assert_one_job_was(ready)


def assert_one_job_was(served: ServedHome) -> None:
    assert len(served.server.sync_jobs()) == 1
    assert served.ids() == list(range(1, 31))


def test_a_home_that_died_knows_the_job_by_its_number(ready: ServedHome) -> None:
    """Others may start jobs meanwhile: a sync goes on with the one it started."""
    ready.server.behaviours = [Behaviour(["pending", "running", "running", "running", "running"])]
    ready.server.faults = [Fault("GET", "/jobs/.+", skip=2, latency=0.0)]
    process = child(ready)
    deadline = time.monotonic() + 120
    while len(ready.server.calls("GET", "/jobs/.+")) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait(30)
    [job] = ready.server.sync_jobs()
    job["_left"] = ["succeeded"]
    assert ready.query("select job_id from _tradehouse.server_runs") == [(job["jobId"],)]
    assert_one_job(ready)
