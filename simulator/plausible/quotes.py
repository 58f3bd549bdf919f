"""Prices of the plausible brokerage's securities: random walks that are drawn back to their level.

Belongs here: levels of companies, closing prices and the range of a day. A security's price is its
company's level times a trend, its sector's course and two courses of its own. Courses are rows of
tables that repeat after 22 years, so any day's price is found without the days before it.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from simulator import reference
from simulator.plausible.seasons import weekdays
from simulator.randomness import Floats, Integers, Stream
from simulator.volumes import CALENDAR_END, Plan, day_number

_PERIOD_WEEKS = 1171
_PERIOD = 7 * _PERIOD_WEEKS
_PULL = 0.998  # What stays a day of a course's distance from its level.
_ROWS, _CALM_ROWS = 64, 16
_WEEKEND = 0.12
_JUMP_CHANCE, _JUMP = 0.006, 3.0
_LOWEST, _HIGHEST = 12.0, 140.0  # Dollars a share on the first day of trading.
_PREFERRED = 25.0
_DRIFT = 0.05 / 365.2425
_RANGE = 0.018
_DAY = np.int64(1) << np.int64(36)
_SECTORS = ("SV", "FN", "BM", "TC", "CC", "TR", "HC", "CN", "EN", "UT", "CG")
_MARKET_SHARE = np.array([1.0, 1.1, 1.1, 1.3, 0.8, 1.0, 0.8, 1.2, 1.2, 0.5, 1.0])


class Quotes:
    """Prices of any security on any day since the first one of trading."""

    def __init__(self, plan: Plan, company: Integers, series: Integers) -> None:
        """Take the issuing company of every security, and which one of the company's it is."""
        self._plan = plan
        self._random = plan.random["quotes"]
        self._first_day = plan.first_trade_day
        number = np.arange(len(company))
        calm = series % 2 == 1
        level = self.levels(company)
        self._base = np.where(calm, _PREFERRED, level) * np.where(
            series == 0, 1.0, 0.8 + 0.4 * self._random["discount"].uniform(number)
        )
        self._sector = self.sectors(company)
        self._rows = [
            np.where(
                calm,
                draw["calm"].integers(number, 0, _CALM_ROWS),
                draw["row"].integers(number, _CALM_ROWS, _ROWS),
            )
            for draw in (self._random["a"], self._random["b"])
        ]
        self._shifts = [
            7 * draw["shift"].integers(number, 0, _PERIOD_WEEKS)
            for draw in (self._random["a"], self._random["b"])
        ]

    # Companies ---------------------------------------------------------------------------------

    def levels(self, companies: Integers) -> Floats:
        """Dollars a share on the first day of trading."""
        draw = self._random["level"]
        drawn = (draw["a"].uniform(companies) + draw["b"].uniform(companies)) / 2
        level: Floats = _LOWEST * (_HIGHEST / _LOWEST) ** drawn
        return level

    def industries(self, companies: Integers) -> Integers:
        """Position in the list of industries."""
        drawn = self._random["industry"]
        return drawn.integers(companies, 0, len(reference.industries()))

    def sectors(self, companies: Integers) -> Integers:
        """Position in the list of sectors."""
        of_industry = np.array([_SECTORS.index(code) for _, _, code in reference.industries()])
        found: Integers = of_industry[self.industries(companies)]
        return found

    def trend(self, days: Integers) -> Floats:
        """Growth of all prices and results since the first day of trading."""
        growth: Floats = np.exp(_DRIFT * (days - self._first_day))
        return growth

    # Securities --------------------------------------------------------------------------------

    def closes(self, securities: Integers, days: Integers) -> Integers:
        """Closing prices in cents."""
        price = self._base[securities]
        price = price * self._courses[self._sector[securities], days - self._first_day]
        for table, row, shift in zip(self._tables, self._rows, self._shifts, strict=True):
            place = (days + shift[securities]) % _PERIOD
            price = price * table[row[securities], place]
        cents: Integers = np.maximum(np.rint(price * 100), 100).astype(np.int64)
        return cents

    def ranges(self, securities: Integers, days: Integers) -> tuple[Integers, Integers, Integers]:
        """Close, high and low in cents."""
        close, counters = self.closes(securities, days), securities + days * _DAY
        up, down = (
            1 + sign * _RANGE * self._random[name].uniform(counters)
            for name, sign in (("high", 1), ("low", -1))
        )
        return close, (close * up).astype(np.int64), np.ceil(close * down).astype(np.int64)

    @cached_property
    def _tables(self) -> list[Floats]:
        """Factors of two families of courses, the first with jumps."""
        share = np.arange(_ROWS - _CALM_ROWS) / (_ROWS - _CALM_ROWS - 1)
        calm = np.full(_CALM_ROWS, 0.0035)
        return [
            np.exp(_walks(self._random["jumping"], np.append(calm, 0.008 + 0.008 * share), True)),
            np.exp(_walks(self._random["steady"], np.append(calm, 0.006 + 0.005 * share), False)),
        ]

    @cached_property
    def _courses(self) -> Floats:
        """A factor for each sector and day since the first one of trading."""
        last = day_number(CALENDAR_END) + 200
        days = np.arange(self._first_day, last + 1)
        moves = _walks(self._random["sector"], np.full(len(_SECTORS), 0.0045), False)
        market = _walks(self._random["market"], np.array([0.0075]), False)
        courses = moves + _MARKET_SHARE[:, None] * market
        factors: Floats = np.exp(courses)[:, days % _PERIOD] * self.trend(days)
        return factors


def _walks(draw: Stream, daily: Floats, jumping: bool) -> Floats:
    """Logarithms of courses that end where they begin, one a row, with their daily deviation."""
    days = np.arange(_PERIOD)
    numbers = np.arange(len(daily))[:, None] * _DAY + days
    shape = numbers.shape
    first, second = (draw[name].uniform(numbers.ravel()).reshape(shape) for name in ("a", "b"))
    steps = (first + second - 1) * 6**0.5 * daily[:, None]  # At most 2.45 deviations.
    steps *= np.where(weekdays(days) >= 5, _WEEKEND, 1)
    if jumping:
        jumps = draw["jump"].chance(numbers.ravel(), _JUMP_CHANCE).reshape(shape)
        steps *= np.where(jumps, _JUMP, 1)
    stays = _PULL ** (1.0 + days)
    summed = np.cumsum(steps / stays, axis=1)
    start = stays[-1] * summed[:, -1:] / (1 - stays[-1])
    walks: Floats = stays * (start + summed)
    return walks
