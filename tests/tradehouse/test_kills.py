"""A run that is killed at any moment, and run again, ends with the same gold."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compare_gold import compare_files
from tests.tradehouse.support import PROJECT, command, deliver, published_batches

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kills")]

LOOK_EVERY_SECONDS = 0.002
Moment = Callable[[Path], bool]


def exists(pattern: str) -> Moment:
    """As soon as something of that name is in the home."""
    return lambda home: any(home.glob(pattern))


def node(number: int) -> Moment:
    """As soon as dbt has begun its node of that number."""

    def is_reached(home: Path) -> bool:
        log = home / "logs" / "dbt.log"
        begun = re.compile(rf" {number} of \d+ START ")
        return log.exists() and begun.search(log.read_text(errors="replace")) is not None

    return is_reached


def is_committed(home: Path) -> bool:
    """As soon as the record of the sync names the second day."""
    record = home / "state" / "sync.json"
    return record.exists() and '"3": 1' in record.read_text(errors="replace")


EMPTY, DAILY = "empty", "daily"
MOMENTS: list[tuple[str, str, Moment]] = [
    (EMPTY, "the connector reads", exists("tmp/sync-*")),
    (EMPTY, "the first model", node(1)),
    (EMPTY, "the middle of the build", node(90)),
    (DAILY, "the connector reads", exists("tmp/sync-*")),
    (DAILY, "raw is committed", is_committed),
    (DAILY, "bronze", node(25)),
    (DAILY, "silver", node(80)),
    (DAILY, "gold", node(140)),
    (DAILY, "the release is made", exists("releases/.begun-*")),
    (DAILY, "the release is there", lambda home: len(list(home.glob("releases/2*"))) > 1),
]


def kill_at(home: Path, is_reached: Moment) -> None:
    """Start a run and kill it with all its children at a moment; fails when it ends before."""
    (home / "logs" / "dbt.log").unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tradehouse.cli", "run"],
        cwd=PROJECT,
        env={**os.environ, "TRADEHOUSE_HOME": str(home), "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and not is_reached(home):
        time.sleep(LOOK_EVERY_SECONDS)
    ended = process.poll()
    os.killpg(process.pid, signal.SIGKILL) if ended is None else None
    process.wait()
    assert ended is None, "the run had ended before the moment came"


@pytest.fixture(scope="module")
def undisturbed(finished, tmp_path_factory):
    """The release of a home into which both days went without a disturbance."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(finished.home, home, symlinks=True)
    deliver(home, days=2)
    done = command(home, "run", "--landing", str(home / "landing"))
    assert done.returncode == 0, done.stdout + done.stderr
    return home / "releases" / "current" / "tradehouse.duckdb"


@pytest.mark.parametrize(
    ("start", "moment"),
    [(start, moment) for start, _, moment in MOMENTS],
    ids=[f"{start}-{name.replace(' ', '_')}" for start, name, _ in MOMENTS],
)
def test_a_killed_run_is_taken_up_by_the_next(request, home, undisturbed, start, moment):
    if start == DAILY:
        request.getfixturevalue("published")
    deliver(home, days=2)

    kill_at(home, moment)
    again = command(home, "run")

    assert again.returncode == 0, again.stdout + again.stderr
    assert published_batches(home) == [(1, 1), (2, 1), (3, 1)]
    assert compare_files(undisturbed, home / "releases" / "current" / "tradehouse.duckdb") == []
    assert not list(home.glob("**/.begun-*"))
    assert command(home, "doctor").returncode == 0
    assert "Nothing new" in command(home, "run").stdout
