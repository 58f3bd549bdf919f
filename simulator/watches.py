"""Watch lists: which customer starts and stops watching which security, and when.

Belongs here: `WatchHistory.txt`, historical and daily. Watches are numbered as they are placed. A
customer's watches take the securities in an order of the customer's own, so that no pair occurs
twice. Watch `k` ends when watch `k * u**-3` is placed, `u` uniform: then a quarter of the rows are
cancellations at any time, and each hits an open watch at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simulator import text
from simulator.newswire import Newswire
from simulator.randomness import Integers
from simulator.text import DataFile
from simulator.trades import TradeBook
from simulator.volumes import HISTORY_TRADE_DAYS, SECONDS_A_DAY, Plan

_FIRST_END_DAY = 4


@dataclass(frozen=True)
class _Placements:
    """Watches in order of placement: number, customer, security, seconds since 1970."""

    number: Integers
    customer: Integers
    security: Integers
    moment: Integers


class Watches:
    """Makes the watch rows of history and daily batches in one pass over all watches."""

    def __init__(self, plan: Plan, book: TradeBook, newswire: Newswire, days: int) -> None:
        self._plan, self._book = plan, book
        self._random = plan.random["watch"]
        self._securities = newswire.old_securities
        self._symbols = newswire.symbols()
        self._steps = _coprime_steps(self._securities)
        self._counts = np.zeros(int(book.customers_known(np.array([HISTORY_TRADE_DAYS + days]))[0]),
                                dtype=np.int64)  # fmt: skip
        self._end = self.first_of(HISTORY_TRADE_DAYS + days)
        self._pending = np.empty(
            (3, 0), dtype=np.int64
        )  # end (as watch number), customer, security
        self.rows = 0

    def first_of(self, day: int | Integers) -> Integers:
        """Number of the first watch placed on a day of trading."""
        moment = np.asarray(day, dtype=np.int64)
        later = np.maximum(moment - HISTORY_TRADE_DAYS, 0) * self._plan.daily_watches
        numbers: Integers = self._placed(np.minimum(moment, HISTORY_TRADE_DAYS)) + later
        return numbers

    def _placed(self, days: Integers) -> Integers:
        """Watches placed on the first days of trading, up to the end of the history: evenly."""
        placed: Integers = self._plan.history_watches * days // HISTORY_TRADE_DAYS
        return placed

    def history(self, directory: Path | None, chunk_rows: int) -> int:
        """Write the history (or only pass over it, without a directory); returns ACTV rows."""
        a_day = max(1, int(self.first_of(HISTORY_TRADE_DAYS)) // HISTORY_TRADE_DAYS)
        step = max(1, chunk_rows // a_day)
        active = 0
        if directory is None:
            for columns in self._history_chunks(step, render=False):
                self.rows += columns[0]
                active += columns[1]
            return active
        with DataFile(directory / "WatchHistory.txt") as file:
            for columns in self._history_chunks(step, render=True):
                file.write(text.lines(*columns[2:]))
                active += columns[1]
            self.rows = file.rows
        return active

    def day(self, directory: Path | None, day: int) -> tuple[int, int]:
        """Write daily batch `day` (or pass over it); returns all rows and ACTV rows."""
        today = HISTORY_TRADE_DAYS - 1 + day
        columns = self._days(today, today + 1, render=directory is not None)
        if directory is not None:
            with DataFile(directory / "WatchHistory.txt") as file:
                count = columns[0]
                flag = text.where(np.ones(count, dtype=bool), "I", "I")
                dsn = text.numbers(self.rows + np.arange(count))
                file.write(text.lines(flag, dsn, *columns[2:]))
        self.rows += columns[0]
        return columns[0], columns[1]

    def _history_chunks(self, step: int, render: bool) -> Iterator[list[Any]]:
        for first in range(0, HISTORY_TRADE_DAYS, step):
            yield self._days(first, min(first + step, HISTORY_TRADE_DAYS), render)

    def _days(self, first: int, last: int, render: bool) -> list[Any]:
        """Rows of days first..last-1: their number, the ACTV ones among them, and four columns."""
        placed = self._placements(first, last)
        self._remember_ends(placed, first)
        beyond = int(self.first_of(last))
        due = self._pending[0] < beyond * 1024
        ended, self._pending = self._pending[:, due], self._pending[:, ~due]
        ended = ended[:, np.argsort(ended[0], kind="stable")]
        counts = [len(placed.number) + ended.shape[1], len(placed.number)]
        if not render:
            return counts
        moments = np.concatenate((placed.moment, self._end_moments(ended[0], first, last)))
        order = np.argsort(moments, kind="stable")
        customer = np.concatenate((placed.customer, ended[1]))[order]
        security = np.concatenate((placed.security, ended[2]))[order]
        active = order < len(placed.number)
        return [
            *counts,
            text.numbers(customer),
            text.choose(self._symbols, security),
            text.timestamps(moments[order]),
            text.where(active, "ACTV", "CNCL"),
        ]

    def _all_moments(self, first: int, last: int) -> Integers:
        """Placement times of all watch numbers of some days, ascending."""
        numbers = np.arange(int(self.first_of(first)), int(self.first_of(last)))
        starts = self.first_of(np.arange(first, last + 1))
        days = np.repeat(np.arange(first, last), np.diff(starts))
        second = self._random["time"].integers(numbers, 0, SECONDS_A_DAY)
        return np.sort((self._plan.first_trade_day + days) * SECONDS_A_DAY + second)

    def _placements(self, first: int, last: int) -> _Placements:
        numbers = np.arange(int(self.first_of(first)), int(self.first_of(last)))
        moments = self._all_moments(first, last)
        days = moments // SECONDS_A_DAY - self._plan.first_trade_day
        customer = self._random["customer"].integers(numbers, 0, self._book.customers_known(days))
        rank = self._counts[customer] + occurrence(customer)
        np.add.at(self._counts, customer, 1)
        security = self._security(customer, rank)
        valid = rank < self._securities  # whoever watches everything starts nothing more
        return _Placements(numbers[valid], customer[valid], security[valid], moments[valid])

    def _security(self, customer: Integers, rank: Integers) -> Integers:
        """The `rank`-th security of a customer: an affine order, one to one."""
        steps = self._steps
        step = steps[self._random["step"].integers(customer, 0, len(steps))]
        shift = self._random["shift"].integers(customer, 0, self._securities)
        chosen: Integers = (rank * step + shift) % self._securities
        return chosen

    def _remember_ends(self, placed: _Placements, first: int) -> None:
        """Keep the ends that fall into the simulated days; in 1024ths of a watch number."""
        number = placed.number.astype(np.float64) + 0.5
        drawn = np.maximum(self._random["end"].uniform(placed.number), 1e-4)
        end = np.minimum(number * drawn**-3.0, 2.0**50)
        end = np.maximum(end, placed.number + 1.0)
        if first >= HISTORY_TRADE_DAYS:  # a daily batch ends watches of earlier batches only
            end = np.maximum(end, float(self.first_of(first + 1)))
        kept = (end >= float(self.first_of(_FIRST_END_DAY))) & (end < float(self._end))
        new = np.stack(
            ((end[kept] * 1024).astype(np.int64), placed.customer[kept], placed.security[kept])
        )
        self._pending = np.concatenate((self._pending, new), axis=1)

    def _end_moments(self, ends: Integers, first: int, last: int) -> Integers:
        """Time of the ends: between two placements, on the day of the first."""
        moments = self._all_moments(first, last)
        position = np.clip(ends // 1024 - int(self.first_of(first)), 0, len(moments) - 1)
        begin = moments[position]
        following = np.append(moments[1:], np.iinfo(np.int64).max)[position]
        midnight = begin - begin % SECONDS_A_DAY + SECONDS_A_DAY - 1
        following = np.minimum(following, midnight)
        moment: Integers = begin + (following - begin) * (ends % 1024) // 1024
        return moment


def occurrence(values: Integers) -> Integers:
    """How often each value occurred before, in order: [5, 5, 7, 5] -> [0, 1, 0, 2]."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    fresh = np.concatenate(([True], ordered[1:] != ordered[:-1])) if len(values) else ordered > 0
    starts = np.flatnonzero(fresh)
    lengths = np.diff(np.append(starts, len(values)))
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = np.arange(len(values)) - np.repeat(starts, lengths)
    return rank


def _coprime_steps(count: int) -> Integers:
    steps = np.arange(1, max(2, count))
    coprime: Integers = steps[np.gcd(steps, count) == 1]
    return coprime
