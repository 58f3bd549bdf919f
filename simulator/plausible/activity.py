"""When things happen at the plausible brokerage: new customers, accounts and watches.

Belongs here: the spread of customers' actions and watches over days by season. Does not belong
here: seasons themselves (`seasons`) and trades (`trades`).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from simulator.crm import ADDACCT, CLOSEACCT, INACT, NEW, Crm
from simulator.plausible import seasons
from simulator.randomness import Floats, Integers
from simulator.volumes import (
    CALENDAR_END,
    HISTORY_CRM_DAYS,
    HISTORY_TRADE_DAYS,
    SECONDS_A_DAY,
    day_number,
)
from simulator.watches import Watches

_CUSTOMER_GROWTH, _WATCH_GROWTH = 0.25, 0.2
NEVER = np.iinfo(np.int64).max


class PlausibleCrm(Crm):
    """Customers come faster from year to year, and seldom at weekends."""

    def _passed(self, position: Floats, interval: float) -> Floats:
        first = self._plan.first_crm_day
        days = np.arange(first, first + HISTORY_CRM_DAYS + 1)
        weight = seasons.weights(self._random["season"], days, first, _CUSTOMER_GROWTH)
        share = position * interval / (len(days) * SECONDS_A_DAY)
        edges = np.arange(len(days) + 1) * float(SECONDS_A_DAY)
        seconds: Floats = np.interp(share, seasons.passed(weight), edges)
        return seconds

    @cached_property
    def account_times(self) -> tuple[Integers, Integers]:
        """Seconds since 1970 at which each account was opened, and closed or left (or never)."""
        parts = [(self.history, self.timestamps())]
        for day, actions in enumerate(self.daily, start=1):
            moment = (self._plan.history_end + day) * SECONDS_A_DAY
            parts.append((actions, np.full(len(actions), moment)))
        opened = np.zeros(len(self.owner), dtype=np.int64)
        closed = np.full(len(self.owner), NEVER)
        left = np.full(self.customers_after[-1], NEVER)
        for actions, moments in parts:
            for kinds, keys, times in (
                ((NEW, ADDACCT), actions.account, opened),
                ((CLOSEACCT,), actions.account, closed),
                ((INACT,), actions.customer, left),
            ):
                chosen = np.isin(actions.kind, kinds)
                times[keys[chosen]] = moments[chosen]
        return opened, np.minimum(closed, left[self.owner])


class PlausibleWatches(Watches):
    """Watches are placed when trading is lively, more of them from year to year."""

    def _placed(self, days: Integers) -> Integers:
        placed: Integers = np.floor(self._plan.history_watches * self._share[days]).astype(np.int64)
        return placed

    @cached_property
    def _share(self) -> Floats:
        first = self._plan.first_trade_day
        days = np.arange(first, first + HISTORY_TRADE_DAYS)
        weight = seasons.weights(self._random["season"], days, first, _WATCH_GROWTH)
        return seasons.passed(weight)


def days_to_come(first: int) -> Integers:
    """All days from one to the calendar's end and a little on."""
    return np.arange(first, day_number(CALENDAR_END) + 100)
