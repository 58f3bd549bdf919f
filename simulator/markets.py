"""Daily prices: one row for every listed security and calendar day.

Belongs here: `DailyMarket.txt`, historical and daily. Days are independent of each other.
A batch brings the prices of the day before its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simulator import text
from simulator.newswire import Newswire
from simulator.randomness import Integers
from simulator.text import DataFile, Text
from simulator.volumes import HISTORY_PRICE_DAYS, Plan

_DAY = np.int64(1) << np.int64(36)


class Markets:
    """Renders prices of any day."""

    def __init__(self, plan: Plan, newswire: Newswire) -> None:
        self._plan, self._newswire = plan, newswire
        self._random = plan.random["market"]
        self._symbols = newswire.symbols()

    def history(self, directory: Path, chunk_rows: int) -> int:
        """Write the two years of history; returns the rows."""
        plan = self._plan
        step = max(1, chunk_rows // max(1, len(self._newswire.listed(plan.history_end))))
        with DataFile(directory / "DailyMarket.txt") as file:
            for first in range(0, HISTORY_PRICE_DAYS, step):
                days = range(first, min(first + step, HISTORY_PRICE_DAYS))
                file.write(text.lines(*self._columns([plan.first_price_day + day for day in days])))
            return file.rows

    def day(self, directory: Path, day: int, first_dsn: int) -> int:
        """Write the prices that daily batch `day` brings; returns the rows."""
        columns = self._columns([self._plan.history_end + day - 1])
        count = len(columns[0])
        with DataFile(directory / "DailyMarket.txt") as file:
            flag = text.where(np.ones(count, dtype=bool), "I", "I")
            dsn = text.numbers(first_dsn + np.arange(count))
            file.write(text.lines(flag, dsn, *columns))
        return count

    def rows_before(self, day: int) -> int:
        """Rows of the history and of the daily batches before `day`."""
        first = self._plan.first_price_day
        days = np.arange(first, first + HISTORY_PRICE_DAYS + day - 1)
        segments, counts = np.unique(self._newswire.segment(days), return_counts=True)
        sizes = [len(self._newswire.universe(int(segment))) for segment in segments]
        return int(np.dot(sizes, counts))

    def _columns(self, days: list[int]) -> list[Text]:
        securities, dates = [], []
        for day in days:
            listed = self._newswire.listed(day)
            order = np.argsort(self._random["order"].bits(listed + np.int64(day) * _DAY))
            securities.append(listed[order])
            dates.append(np.full(len(listed), day, dtype=np.int64))
        security, date = np.concatenate(securities), np.concatenate(dates)
        close, high, low, volume = self._prices(security, date)
        return [
            text.dates(date),
            text.choose(self._symbols, security),
            text.decimals(close),
            text.decimals(high),
            text.decimals(low),
            text.numbers(volume),
        ]

    def _prices(
        self, securities: Integers, days: Integers
    ) -> tuple[Integers, Integers, Integers, Integers]:
        """Close, high and low in cents, and volume, of each security on its day."""
        draw, counters = self._random, securities + days * _DAY
        close = draw["close"].integers(counters, 50, 100_001)
        high = (close * (1 + 0.5 * draw["high"].uniform(counters))).astype(np.int64)
        low = np.ceil(close * (1 - 0.5 * draw["low"].uniform(counters))).astype(np.int64)
        return close, high, low, draw["volume"].integers(counters, 2_000, 1_000_000_000)
