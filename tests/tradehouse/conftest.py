"""Homes in which a small brokerage is published already: built once, copied for each test."""

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tradehouse.support import command, copy_home, deliver


@dataclass(frozen=True)
class Finished:
    """A home with the historical batch and a day, its deliveries in `landing/`; never written to.

    `said` is what the run that made it printed.
    """

    home: Path
    said: str


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    home, said = base / "finished", base / "finished.txt"
    with (base / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            deliver(home, days=1)
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("TRADEHOUSE_STORIES", "on")
                done = command(home, "run")
            assert done.returncode == 0, done.stdout + done.stderr
            said.write_text(done.stdout)
    return Finished(home, said.read_text())


@pytest.fixture(scope="session")
def undisturbed(finished, tmp_path_factory):
    """The release of a home into which a second day went without a disturbance."""
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    home = base / "undisturbed"
    with (base / "undisturbed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            begun = base / "undisturbed_begun"
            shutil.copytree(finished.home, begun, symlinks=True)
            deliver(begun, days=2)
            done = command(begun, "run", "--landing", str(begun / "landing"))
            assert done.returncode == 0, done.stdout + done.stderr
            begun.rename(home)
    return home / "releases" / "current" / "tradehouse.duckdb"


@pytest.fixture
def published(finished, tmp_path, monkeypatch):
    """A home of the test's own like `finished`."""
    home = copy_home(finished.home, tmp_path / "home")
    monkeypatch.setenv("TRADEHOUSE_HOME", str(home))
    return home
