"""Daily prices of the plausible brokerage.

Belongs here: which prices and volumes `DailyMarket.txt` has. How prices move is `quotes`' part.
"""

from __future__ import annotations

import numpy as np

from simulator.markets import Markets
from simulator.newswire import Newswire
from simulator.plausible.companies import PlausibleNewswire
from simulator.plausible.seasons import weekdays
from simulator.randomness import Integers
from simulator.volumes import Plan

_DAY = np.int64(1) << np.int64(36)
_WEEKEND_VOLUME = 0.04


class PlausibleMarkets(Markets):
    """Prices that move from day to day, little at weekends."""

    def __init__(self, plan: Plan, newswire: Newswire) -> None:
        super().__init__(plan, newswire)
        assert isinstance(newswire, PlausibleNewswire)
        self._quotes = newswire.quotes
        self._shares = newswire.shares(np.arange(newswire.securities))

    def _prices(
        self, securities: Integers, days: Integers
    ) -> tuple[Integers, Integers, Integers, Integers]:
        close, high, low = self._quotes.ranges(securities, days)
        draw, counters = self._random["volume"], securities + days * _DAY
        turnover = 0.001 + 0.006 * draw["of security"].uniform(securities)
        turnover *= 0.5 + 1.2 * draw.uniform(counters) ** 2
        turnover *= np.where(weekdays(days) >= 5, _WEEKEND_VOLUME, 1)
        volume = (self._shares[securities] * turnover).astype(np.int64)
        return close, high, low, np.maximum(volume, 100)
