"""Figures in words: every rule by value."""

from datetime import date
from decimal import Decimal

import pytest

from exposition.stories import branch_manager, compliance, platform_owner, trades
from exposition.stories.sentences import (
    against_target,
    against_usual,
    amount,
    change,
    extremes,
    total,
)

DAY = date(2017, 7, 9)


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (Decimal("1234.5"), "USD", "1,234.50 USD"),
        (Decimal("-1320252325.1"), "USD", "-1.32 billion USD"),
        (1_500_000, "USD", "1.50 million USD"),
        (12.34, "per cent", "12.3 %"),
        (1, "trades", "1 trade"),
        (1, "branches", "1 branch"),
        (0, "trades", "0 trades"),
        (None, "USD", "not known"),
    ],
)
def test_amounts(value, unit, said):
    assert amount(value, unit) == said


@pytest.mark.parametrize(
    ("value", "before", "unit", "said"),
    [
        (Decimal("530.19"), Decimal("423.68"), "USD", "Up 25 % from 423.68 USD the day before."),
        (Decimal("98"), Decimal("100"), "USD", "Down 2.0 % from 100.00 USD the day before."),
        (5, 5, "trades", "Unchanged from the day before."),
        (0, 0, "trades", "None, as the day before."),
        (0, 4, "trades", "None, after 4 trades the day before."),
        (4, 0, "trades", "After none the day before."),
        (5, None, "trades", "No figure the day before to compare it with."),
        (None, 5, "trades", "The figure is not known."),
        (30, 1, "trades", "Up to 30 times as much, from 1 trade the day before."),
        (2.5, 1.0, "per cent", "Up 1.5 points from 1.0 % the day before."),
        (-50, 100, "USD", "Down 150.00 USD from 100.00 USD the day before."),
        (Decimal(10), Decimal(-5), "USD", "Up 15.00 USD from -5.00 USD the day before."),
    ],
)
def test_changes(value, before, unit, said):
    assert change(value, before, unit) == said


@pytest.mark.parametrize(
    ("value", "earlier", "said"),
    [
        (30, [10] * 5, "That is above the average of the 5 days before (10.0 trades)."),
        (5, [10] * 6, "That is below the average of the 6 days before (10.0 trades)."),
        (10, [10] * 5, "That is about the average of the 5 days before (10.0 trades)."),
        (10, [10] * 4, ""),
        (None, [10] * 5, ""),
    ],
)
def test_what_is_usual(value, earlier, said):
    assert against_usual(value, earlier, "trades") == said


def test_extremes():
    days = [(date(2017, 7, 8), 4), (DAY, 5)]
    said = "Highest was 5 trades on 9 July 2017, lowest 4 trades on 8 July 2017."
    assert extremes(days, "trades") == said
    assert (
        extremes([(one, 4) for one, _ in days], "trades") == "All 2 days have the same: 4 trades."
    )
    assert extremes(days[:1], "trades") == ""


@pytest.mark.parametrize(
    ("value", "target", "gone", "said"),
    [
        (50, None, 0.5, "No target is set."),
        (50, 0, 0.5, "No target is set."),
        (None, 100, 0.5, "The figure is not known; the target is 100.00 USD."),
        (104, 100, 0.5, "The target is reached: 104 % of the target of 100.00 USD."),
        (
            80,
            100,
            1.0,
            "The target was missed: 80 % of the target of 100.00 USD, 20.00 USD short.",
        ),
        (
            60,
            100,
            0.5,
            "60 % of the target of 100.00 USD, ahead of the pace: 50 % of the time is gone. "
            "40.00 USD to go.",
        ),
        (
            40,
            100,
            0.5,
            "40 % of the target of 100.00 USD, behind the pace: 50 % of the time is gone. "
            "60.00 USD to go.",
        ),
    ],
)
def test_targets(value, target, gone, said):
    assert against_target(value, target, gone) == said


def test_counts():
    assert total(2, "alerts", "No alert") == "2 alerts"
    assert total(0, "alerts", "No alert") == "No alert"


def test_a_month_is_held_against_targets_and_the_month_before():
    branches = [
        (Decimal(60), Decimal(300), Decimal(100)),
        (Decimal(10), None, Decimal(100)),
        (Decimal(20), None, None),
    ]
    assert branch_manager.describe_month(date(2017, 7, 10), branches) == [
        "90.00 USD of commission in 10 of 31 days.",
        "A day: 9.00 USD. Down 10 % from 10.00 USD the month before.",
        "45 % of the target of 200.00 USD, ahead of the pace: 32 % of the time is gone. "
        "110.00 USD to go.",
        "1 of 2 branches with a target are behind the pace.",
    ]
    assert branch_manager.describe_month(DAY, [(Decimal(9), None, None)]) == [
        "9.00 USD of commission in 9 of 31 days.",
        "No target is set.",
    ]


def test_summaries():
    before = date(2017, 7, 8)
    assert branch_manager.summarize([]) == "There is no day to tell of yet."
    assert branch_manager.summarize([(DAY, 5)]) == "5.00 USD of commission. It is the first day."
    assert branch_manager.summarize([(before, 4), (DAY, 0)]) == (
        "No commission was earned. None, after 4.00 USD the day before."
    )
    assert compliance.summarize([], 1) == "1 large trade on the last day."
    assert compliance.summarize([3, 2], 0) == (
        "2 alerts, no large trade on the last day. Alerts: down 33 % from 3 alerts the day before."
    )


def test_prices_and_gaps():
    said = trades.describe_price(Decimal(15), Decimal(8), Decimal(10))
    assert said == "Price 15.00: 50 % above the day's 8.00 to 10.00."
    said = trades.describe_price(Decimal(6), Decimal(8), Decimal(10))
    assert said == "Price 6.00: 25 % below the day's 8.00 to 10.00."
    gaps = compliance.describe_gaps
    assert gaps([DAY]) == "One delivery so far, so none is missing between."
    assert gaps([date(2017, 7, 8), DAY]) == ("No day is missing between the 2 that were delivered.")
    assert gaps([date(2017, 7, 7), DAY]) == ("1 day missing between those delivered: 8 July 2017.")


def test_spans():
    assert [platform_owner.span(one) for one in (90, 150, 8000, 200_000)] == [
        "90 seconds",
        "2 minutes",
        "2 hours",
        "2 days",
    ]
