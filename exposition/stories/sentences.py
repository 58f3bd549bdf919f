"""Figures in words: pure functions from values to sentences, by fixed rules.

A missing value is said to be missing and never taken for zero. Units are those of the metrics:
`USD`, `per cent`, or what is counted, in the plural.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

Number = int | float | Decimal

DAY_BEFORE = "the day before"
UNKNOWN = "not known"
CLOSE_PERCENT = 5
"""Up to how many per cent beside an average a figure counts as about the same."""
LEAST_DAYS = 5
"""Of how many days an average is made at least."""


def amount(value: Number | None, unit: str) -> str:
    """Return a value with its unit; amounts from a million on are rounded."""
    if value is None:
        return UNKNOWN
    if unit == "per cent":
        return f"{value:,.1f} %"
    if unit == "USD":
        if abs(float(value)) >= 10**9:
            return f"{value / 10**9:,.2f} billion USD"
        if abs(float(value)) >= 10**6:
            return f"{value / 10**6:,.2f} million USD"
        return f"{value:,.2f} USD"
    return f"{value:,.0f} {counted(value, unit)}"


def counted(value: Number, unit: str) -> str:
    """Return what is counted as fits a number: 1 trade, 2 trades."""
    if value != 1:
        return unit
    singular = {"branches": "branch", "batches": "batch", "companies": "company"}
    return singular.get(unit, unit.removesuffix("s"))


def change(value: Number | None, before: Number | None, unit: str, period: str = DAY_BEFORE) -> str:
    """Return how a value compares with that of the period before.

    Shares are compared in points, figures around zero by their difference, others in per cent.
    """
    if value is None:
        return f"The figure is {UNKNOWN}."
    if before is None:
        return f"No figure {period} to compare it with."
    if value == before:
        return f"None, as {period}." if value == 0 else f"Unchanged from {period}."
    direction = "Up" if value > before else "Down"
    difference = abs(Decimal(str(value)) - Decimal(str(before)))
    if unit == "per cent":
        return f"{direction} {difference:,.1f} points from {before:,.1f} % {period}."
    if before == 0:
        return f"After none {period}."
    if value == 0:
        return f"None, after {amount(before, unit)} {period}."
    if before < 0 or value < 0:
        return f"{direction} {amount(difference, unit)} from {amount(before, unit)} {period}."
    return f"{direction} {percent_of_change(value, before)} from {amount(before, unit)} {period}."


def percent_of_change(value: Number, before: Number) -> str:
    """Return by how many per cent a value differs from one above zero, without a sign."""
    percent = abs(float(value) - float(before)) * 100 / float(before)
    if percent >= 1000:
        return f"to {float(value) / float(before):,.0f} times as much,"
    return f"{percent:,.0f} %" if percent >= 10 else f"{percent:.1f} %"


def against_usual(value: Number | None, earlier: Sequence[Number], unit: str) -> str:
    """Return how a value compares with the average of earlier days; empty when those are few."""
    if value is None or len(earlier) < LEAST_DAYS:
        return ""
    average = sum(map(float, earlier)) / len(earlier)
    text = f"the average of the {len(earlier)} days before ({_rough(average, unit)})"
    if abs(float(value) - average) <= abs(average) * CLOSE_PERCENT / 100:
        return f"That is about {text}."
    return f"That is {'above' if value > average else 'below'} {text}."


def _rough(value: float, unit: str) -> str:
    if unit in ("USD", "per cent"):
        return amount(value, unit)
    return f"{value:,.1f} {unit}"


def extremes(days: Sequence[tuple[date, Number]], unit: str) -> str:
    """Return the highest and the lowest day of a picture; empty when there is nothing to tell."""
    if len(days) < 2:
        return ""
    highest, lowest = max(days, key=lambda one: one[1]), min(days, key=lambda one: one[1])
    if highest[1] == lowest[1]:
        return f"All {len(days)} days have the same: {amount(highest[1], unit)}."
    return (
        f"Highest was {amount(highest[1], unit)} on {day(highest[0])}, "
        f"lowest {amount(lowest[1], unit)} on {day(lowest[0])}."
    )


def against_target(value: Number | None, target: Number | None, share_gone: float) -> str:
    """Return how an amount in USD of a period compares with its target.

    Args:
        value: what there is so far.
        target: what there should be at the end; none or nothing: no target.
        share_gone: which share of the period is over, 0 to 1.
    """
    if not target:
        return "No target is set."
    if value is None:
        return f"The figure is {UNKNOWN}; the target is {amount(target, 'USD')}."
    percent = (
        f"{float(value) * 100 / float(target):,.0f} % of the target of {amount(target, 'USD')}"
    )
    if value >= target:
        return f"The target is reached: {percent}."
    missing = amount(Decimal(target) - Decimal(value), "USD")
    if share_gone >= 1:
        return f"The target was missed: {percent}, {missing} short."
    pace = "ahead of" if float(value) >= float(target) * share_gone else "behind"
    gone = f"{share_gone * 100:.0f} % of the time is gone"
    return f"{percent}, {pace} the pace: {gone}. {missing} to go."


def total(number: int, unit: str, none: str) -> str:
    """Return a count, or a sentence that there is none."""
    return f"{number:,} {counted(number, unit)}" if number else none


def day(value: date) -> str:
    """Return a day as people write it."""
    return f"{value.day} {value:%B %Y}"
