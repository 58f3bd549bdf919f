"""A simulated brokerage that crosses the start of a quarter, and a home in which it is built."""

import datetime

import pytest

from simulator.simulation import simulate
from tests.warehouse.platform_run import tradehouse

# The third day is the first of a quarter: newswire comes, with new and changed companies.
FIRST_DAY = datetime.date(2017, 9, 29)


@pytest.fixture(scope="session")
def landing(tmp_path_factory):
    directory = tmp_path_factory.mktemp("brokerage") / "landing"
    simulate(0.1, 4, 7, FIRST_DAY, directory, profile="official")
    return directory


@pytest.fixture(scope="session")
def all_at_once(tmp_path_factory, landing):
    home = tmp_path_factory.mktemp("all_at_once") / "home"
    tradehouse(home, "run", "--landing", landing)
    return home
