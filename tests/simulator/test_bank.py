"""The bank's rates and the partner's targets: what they are, and how the API gives them."""

import csv
import datetime as dt
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator import bank, partner, words
from simulator.volumes import SimulationError
from tests.conftest import PROJECT
from tests.simulator.conftest import Simulated

HISTORY, FRIDAY, MONDAY = dt.date(2017, 7, 7), dt.date(2017, 7, 7), dt.date(2017, 7, 10)


def test_every_currency_has_a_plausible_rate_on_every_business_day() -> None:
    found = bank.rates(1, HISTORY, dt.date(2017, 7, 9))
    days = sorted({one.day for one in found})
    assert (days[0], days[-1]) == (dt.date(2011, 1, 3), FRIDAY)
    assert len(days) == sum(
        (dt.date(2011, 1, 1) + dt.timedelta(i)).weekday() < 5
        for i in range((FRIDAY - dt.date(2011, 1, 1)).days + 1)
    )
    assert [(one.day, one.currency) for one in found] == [
        (day, currency) for day in days for currency in sorted(bank.LEVELS)
    ]
    for currency, level in bank.LEVELS.items():
        walk = [one.rate for one in found if one.currency == currency]
        assert level / 1.5 < min(walk) < max(walk) < level * 1.5
        steps = [after / before for before, after in itertools.pairwise(walk)]
        assert 0.97 < min(steps) < 1 < max(steps) < 1.03
    assert bank.rates(1, HISTORY, FRIDAY) != bank.rates(2, HISTORY, FRIDAY)


def test_a_further_day_settles_one_rate_and_brings_a_late_one() -> None:
    monday, tuesday = ({one[:2]: one.rate for one in bank.rates(1, HISTORY, day)}
                       for day in (MONDAY, MONDAY + dt.timedelta(1)))  # fmt: skip
    assert {key for key in monday if monday[key] != tuesday[key]} == {(MONDAY, "CAD")}
    assert monday[MONDAY, "CAD"] == round(tuesday[MONDAY, "CAD"], 2)
    new = {key for key in tuesday if key not in monday}
    assert {key for key in new if key[0] == MONDAY} == {(MONDAY, "MXN")}


def test_every_country_of_customers_has_a_currency_and_that_a_rate() -> None:
    with (PROJECT / "seeds" / "country_currencies.csv").open() as file:
        currencies = {row["country"]: row["currency"] for row in csv.DictReader(file)}
    assert set(words.COUNTRIES) <= set(currencies)
    assert set(currencies.values()) == {"USD", *bank.LEVELS}


@pytest.fixture
def served(default: Simulated) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The bank of a simulated brokerage: its address and its process."""
    command = [sys.executable, "-m", "simulator.bank", str(default.landing)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=PROJECT, **pipes) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"], process
        process.kill()


def test_the_api_gives_pages_until_its_input_ends(
    served: tuple[str, subprocess.Popen[bytes]], default: Simulated
) -> None:
    url, process = served
    pages = (
        httpx.get(f"{url}/rates?page={number}&size=500").json()["rates"]
        for number in itertools.count(1)
    )
    rows = [row for page in itertools.takewhile(bool, pages) for row in page]
    last = default.start + dt.timedelta(default.days - 1)
    expected = bank.rates(1, default.start - dt.timedelta(1), last)
    assert rows == [one._asdict() | {"day": one.day.isoformat()} for one in expected]
    for wrong, status in (("/", 404), ("/rates?page=0", 400), ("/rates?size=x", 400)):
        assert httpx.get(url + wrong).status_code == status
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_each_branch_of_a_broker_has_a_target_each_month(default: Simulated) -> None:
    rows = list(csv.DictReader(partner.targets(default.landing).splitlines()))
    months = sorted({row["month"] for row in rows})
    assert (months[0], months[-1], len(months)) == ("2012-07-01", "2017-12-01", 66)
    with (default.landing / "Batch1" / "HR.csv").open(newline="") as file:
        branches = {row[6] for row in csv.reader(file) if row[5] == "314"} - {""}
    assert len(branches) > 50
    assert sorted((row["branch"], row["month"]) for row in rows) == sorted(
        (branch, month) for branch in branches for month in months
    )
    assert all(50 < float(row["target_usd"]) < 400 for row in rows)


def test_a_directory_that_is_no_simulated_brokerage_s_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="holds no simulated brokerage"):
        partner.targets(tmp_path)
