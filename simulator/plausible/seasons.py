"""How busy a day is: growth over the years, months, days of the week, ends of quarters, chance.

Belongs here: the weight of a day and shares of a span of days. Does not belong here: what happens
on a day (`activity`).
"""

from __future__ import annotations

import numpy as np

from simulator.randomness import Floats, Integers, Stream

_MONTHS = np.array([1.14, 1.08, 1.1, 1.02, 0.94, 0.92, 0.82, 0.78, 0.98, 1.08, 1.1, 1.04])
_WEEKDAYS = np.array([1.12, 1.16, 1.1, 1.08, 1.0, 0.32, 0.22])  # Monday first
_HOLIDAYS, _HOLIDAY = ((1, 1), (7, 4), (12, 24), (12, 25), (12, 26), (12, 31)), 0.3
_QUARTER_DAYS, _QUARTER_END, _CHANCE = 4, 1.3, 0.15
_YEAR = 365.2425


def weekdays(days: Integers) -> Integers:
    """Monday 0 to Sunday 6; 1970-01-01 was a Thursday."""
    return (days + 3) % 7


def weights(stream: Stream, days: Integers, first: int, growth: float) -> Floats:
    """How busy days are; `growth` is added every year to the 1 of day `first`."""
    moment = days.astype("datetime64[D]")
    months = moment.astype("datetime64[M]")
    month = months.astype(np.int64) % 12
    day = (moment - months).astype(np.int64) + 1
    left = ((months + 1).astype("datetime64[D]") - moment).astype(np.int64)
    weight: Floats = 1 + growth * np.maximum(days - first, 0) / _YEAR
    weight *= month_weights(month) * _WEEKDAYS[weekdays(days)]
    weight *= np.where((month % 3 == 2) & (left <= _QUARTER_DAYS), _QUARTER_END, 1)
    for holiday_month, holiday in _HOLIDAYS:
        weight *= np.where((month + 1 == holiday_month) & (day == holiday), _HOLIDAY, 1)
    weight *= 1 + _CHANCE * (2 * stream.uniform(days) - 1)
    return weight


def month_weights(months: Integers) -> Floats:
    """How busy months of the year are: 0 is January."""
    weight: Floats = _MONTHS[months]
    return weight


def passed(weight: Floats) -> Floats:
    """Share of all weight that has passed before each day, and after the last one: 0 to 1."""
    total = np.concatenate(([0.0], np.cumsum(weight)))
    share: Floats = total / total[-1]
    return share
