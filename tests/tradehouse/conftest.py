"""Homes in which a small brokerage is published already."""

import shutil

import pytest

from tests.landing import brokerage_files, write_landing
from tests.tradehouse.support import command, take


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A home in which the historical batch and a day are published, and its landing directory."""
    base = tmp_path_factory.mktemp("finished")
    write_landing(base / "landing", brokerage_files(days=1))
    done = command(base / "home", "run", "--landing", str(base / "landing"), "--json")
    assert done.returncode == 0, done.stderr
    return base


@pytest.fixture
def published(finished, tmp_path, monkeypatch):
    """A home of the test's own like `finished`; its landing directory lies in it."""
    home = tmp_path / "home"
    shutil.copytree(finished / "home", home, symlinks=True)
    shutil.copytree(finished / "landing", home / "landing")
    monkeypatch.setenv("TRADEHOUSE_HOME", str(home))
    outcome = take(home, home / "landing")
    assert outcome.exit_code == 0
    return home
