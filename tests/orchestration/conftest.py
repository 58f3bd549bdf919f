"""The prepared manifest, and a small brokerage that went through Dagster once."""

import fcntl
import os
from pathlib import Path

import pytest

from orchestration import assembly, manifest, partitions
from tests.orchestration.support import FIRST, MIDDLE, Run, deliver, open_instance, run_day
from tests.tradehouse.support import copy_home


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """The manifest of the project, prepared once for all worker processes."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with (base / "manifest.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        manifest.prepare()
    return manifest.read_manifest()


@pytest.fixture
def definitions(prepared, home, monkeypatch):
    """The definitions as they are for the test's own home."""
    return define(prepared)


def define(prepared):
    """Definitions for the home that TRADEHOUSE_HOME names."""
    partitions.brokerage_days.cache_clear()
    return assembly.assemble(prepared, manifest.read_codes())


@pytest.fixture(scope="session")
def loaded(prepared, tmp_path_factory):
    """A home where two of three delivered days went through one run; never written to."""
    base = tmp_path_factory.getbasetemp()
    home = base / "loaded"
    deliver(home / "landing", days=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEHOUSE_HOME", str(home))
        with open_instance(home) as instance:
            events = run_day(define(prepared), instance, FIRST, MIDDLE)
        yield Run(home, events)
    partitions.brokerage_days.cache_clear()


@pytest.fixture
def copied(loaded, prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A home of the test's own like `loaded`, named by TRADEHOUSE_HOME, and its definitions."""
    home = copy_home(loaded.home, tmp_path / "home")
    monkeypatch.setenv("TRADEHOUSE_HOME", str(home))
    with open_instance(home) as instance:
        yield Run(home, [], define(prepared), instance)
    partitions.brokerage_days.cache_clear()
