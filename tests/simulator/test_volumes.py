"""The formulas give the measured volumes at scale 3 and the published ones at scale 10."""

import datetime

import numpy as np
import pytest

from simulator import crm
from simulator.crm import Crm
from simulator.customers import Customers
from simulator.newswire import Newswire
from simulator.prospects import Prospects
from simulator.volumes import HISTORY_TRADE_DAYS, Plan

START = datetime.date(2017, 7, 8)


def action_counts(scale: float) -> dict[str, int]:
    history = Crm(Plan(scale, 1, START), 0).history
    return {name: int((history.kind == kind).sum()) for kind, name in enumerate(crm.ACTION_NAMES)}


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (3, {"NEW": 4_728, "ADDACCT": 4_280, "UPDACCT": 2_568, "CLOSEACCT": 1_284,
             "UPDCUST": 1_284, "INACT": 428}),
        (10, {"NEW": 15_280, "ADDACCT": 15_190, "UPDACCT": 8_680, "CLOSEACCT": 4_340,
              "UPDCUST": 4_340, "INACT": 2_170}),
    ],
)  # fmt: skip
def test_customer_actions(scale: float, expected: dict[str, int]) -> None:
    assert action_counts(scale) == expected


def test_volumes_of_scale_three() -> None:
    plan = Plan(3, 1, START)
    assert plan.employees == 15_000
    assert plan.trades_a_day * HISTORY_TRADE_DAYS == 390_978
    assert plan.history_quarters == 203
    assert (plan.companies_a_quarter, plan.first_companies) == (7, 86)
    assert (plan.securities_a_quarter, plan.first_securities) == (11, 189)
    assert plan.history_watches == 720_000
    assert plan.daily_watches == 1_680
    assert (plan.prospects, plan.prospects_replaced, plan.prospects_changed) == (15_000, 18, 24)


def test_newswire_of_scale_three() -> None:
    newswire = Newswire(Plan(3, 1, START), 0)
    assert sum(len(quarter.companies) for quarter in newswire.history) == 1_500
    assert sum(len(quarter.securities) for quarter in newswire.history) == 2_400
    assert sum(len(quarter.reporting) for quarter in newswire.history) == 98_576
    assert len(newswire.history[-1].reporting) == 890
    assert newswire.securities == 1_998
    listed = len(newswire.listed(newswire.history[-1].last_day))
    assert abs(listed - 1_788) <= 2


def test_prospects_of_scale_three() -> None:
    plan = Plan(3, 1, START)
    relations = Crm(plan, 1)
    prospects = Prospects(plan, relations, Customers(plan))
    before = set(prospects.chunk(0, 20_000).to_pylist())
    assert prospects.count == 14_982
    prospects.advance()
    after = set(prospects.chunk(0, 20_000).to_pylist())
    assert prospects.count == 14_982
    assert len(before - after) == len(after - before) == 18 + 24
    assert prospects.matching() == 4_728 - 6 + 10 - 6


@pytest.mark.parametrize("scale", [0.001, 0.1, 0.5, 1, 2, 3, 7.5, 30, 1000])
def test_every_daily_batch_has_every_change(scale: float) -> None:
    size = Plan(scale, 1, START).daily_set
    assert min(size.new, size.update, size.inactivate, size.add_account, size.update_account,
               size.close_account) >= 1  # fmt: skip


def test_dates_follow_the_start() -> None:
    plan = Plan(1, 1, START)
    days = [plan.history_end, plan.first_crm_day, plan.first_trade_day, plan.first_price_day]
    assert [str(np.datetime64(day, "D")) for day in days] == [
        "2017-07-07", "2007-07-07", "2012-07-07", "2015-07-06",
    ]  # fmt: skip
