"""Which company and security records the newswire posts in which quarter.

Belongs here: the life cycles of companies and securities as keys and days, and which securities are
listed on a day. Does not belong here: how records look (`newswire_files`).

A quarter of the archive lasts to its end (the last one to the historical batch's day). A quarter
that begins on a daily batch's day is posted whole on that day, if the newswire continues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from simulator.randomness import Integers
from simulator.text import Text
from simulator.volumes import Plan, quarter_of, quarter_start

NEW, CHANGE, DEACTIVATION = range(3)
FOREVER = 2**31
_SYMBOL_LETTERS = 15
CHANGED = np.int64(1) << np.int64(40)
"""Counters of changed values lie above all company and security numbers."""


@dataclass(frozen=True)
class Records:
    """Company or security records of a quarter: columns are parallel.

    `state` counts the values in force, `second` the founding dates of a company or the trade dates
    of a security, `company` is the record's own or issuing company, `serial` the record's number.
    """

    kind: Integers
    key: Integers
    company: Integers
    state: Integers
    second: Integers
    serial: Integers

    def __len__(self) -> int:
        return len(self.kind)


def joined(parts: Sequence[Records]) -> Records:
    """Records of several quarters in order."""
    return Records(
        *(
            np.concatenate([getattr(part, column.name) for part in parts])
            for column in fields(Records)
        )
    )


@dataclass(frozen=True)
class Quarter:
    """One newswire file: the window of its postings as day numbers, both inclusive."""

    number: int
    first_day: int
    last_day: int
    reporting: Integers
    companies: Records
    securities: Records

    def __len__(self) -> int:
        return len(self.reporting) + len(self.companies) + len(self.securities)


class Newswire:
    """All quarters of the archive and those that begin on the first `days` daily batches' days."""

    def __init__(self, plan: Plan, days: int) -> None:
        self._plan = plan
        self._random = plan.random["newswire"]
        self._active = np.empty(0, dtype=np.int64)
        self._listed = np.empty(0, dtype=np.int64)
        self._company_state = np.empty(0, dtype=np.int64)
        self._company_second = np.empty(0, dtype=np.int64)
        self._security_state = np.empty(0, dtype=np.int64)
        self._issuer = np.empty(0, dtype=np.int64)
        self._serials = [0, 0]
        self._from: list[Integers] = []
        self._until: dict[int, int] = {}
        self.history = [self._quarter(number) for number in range(plan.history_quarters)]
        self.daily: dict[int, Quarter] = {}
        if plan.newswire == "continuing":
            self._continue(days)
        self._index()

    def _continue(self, days: int) -> None:
        last = self._plan.history_end + days
        for number in range(self._plan.history_quarters, quarter_of(last) + 1):
            self.daily[quarter_start(number) - self._plan.history_end] = self._quarter(number)

    @property
    def securities(self) -> int:
        """Securities announced so far."""
        return len(self._security_state)

    def symbols(self) -> Text:
        """The symbol of every security, by its number."""
        return symbols(np.arange(self.securities))

    def listed(self, day: int) -> Integers:
        """Numbers of the securities that trade on a day, ascending."""
        return self._universes[int(self.segment(np.array([day]))[0])]

    def segment(self, days: Integers) -> Integers:
        """Days with the same segment number have the same listed securities."""
        return np.searchsorted(self._edges, days, side="right")

    def universe(self, segment: int) -> Integers:
        """Listed securities of a segment."""
        return self._universes[segment]

    def _index(self) -> None:
        begin = np.concatenate(self._from)
        end = np.full(len(begin), FOREVER, dtype=np.int64)
        end[list(self._until)] = list(self._until.values())
        self._edges = np.unique(np.concatenate((begin, end[end < FOREVER])))
        self._universes = {0: np.empty(0, dtype=np.int64)}
        recent = np.searchsorted(self._edges, self._plan.first_trade_day, side="right")
        for segment in range(max(1, int(recent)), len(self._edges) + 1):
            edge = self._edges[segment - 1]
            self._universes[segment] = np.flatnonzero((begin <= edge) & (edge < end))
        self.old_securities = int((begin <= self._plan.first_crm_day).sum())

    def _quarter(self, number: int) -> Quarter:
        archived = number < self._plan.history_quarters
        begin, following = quarter_start(number), quarter_start(number + 1)
        last_day = min(following - 1, self._plan.history_end) if archived else begin
        reporting = self._active
        companies = self._company_records(number)
        listed_from, listed_until = (following, following) if archived else (begin + 1, begin)
        securities = self._security_records(number, companies, listed_from, listed_until)
        return Quarter(number, begin, last_day, reporting, companies, securities)

    def _shares(self, number: int, total: int, proportion: int) -> tuple[int, int, int]:
        """New, changed and deactivated ones of a quarter; tiny numbers take turns."""
        if total >= 4:
            share = max(1, total // proportion)
            return total - 2 * share, share, share
        return total - 1, (number + 1) % 2, number % 2

    def _company_records(self, number: int) -> Records:
        plan = self._plan
        new, changes, ends = plan.first_companies, 0, 0
        if number > 0:
            new, changes, ends = self._shares(number, plan.companies_a_quarter, 7)
        chosen = self._chosen_companies(changes, ends, number)
        first = len(self._company_state)
        keys = first + self._random["announced"].permutation(new, number)
        self._company_state = np.concatenate((self._company_state, np.arange(first, first + new)))
        self._company_second = np.concatenate((self._company_second, np.arange(first, first + new)))
        serial = self._serial(0, new + len(chosen))
        changed = serial[new : new + changes]
        self._company_state[chosen[:changes]] = CHANGED + changed
        redated = chosen[:changes][self._random["redated"].chance(changed, 0.9)]
        self._company_second[redated] = CHANGED + changed[: len(redated)]
        key = np.concatenate((keys, chosen))
        self._active = np.concatenate(
            (self._active[~np.isin(self._active, chosen[changes:])], np.sort(keys))
        )
        return Records(
            _kinds(new, changes, len(chosen) - changes),
            key,
            key,
            self._company_state[key],
            self._company_second[key],
            serial,
        )

    def _chosen_companies(self, changes: int, ends: int, number: int) -> Integers:
        """Companies that change in a quarter, then those that end."""
        draw = self._random["company"]
        return self._active[draw.sample(len(self._active), changes + ends, number)]

    def _chosen_securities(self, changes: int, ends: int, number: int) -> Integers:
        """Securities that change in a quarter, then those that end."""
        draw = self._random["security"]
        return self._listed[draw.sample(len(self._listed), changes + ends, number)]

    def _security_records(
        self, number: int, companies: Records, listed_from: int, listed_until: int
    ) -> Records:
        plan = self._plan
        new, changes, ends = 0, 0, 0
        if number == 1:
            new = plan.first_securities
        elif number > 1:
            new, changes, ends = self._shares(number, plan.securities_a_quarter, 11)
        chosen = self._chosen_securities(changes, ends, number)
        first = len(self._security_state)
        keys = first + self._random["listed"].permutation(new, number)
        serial = self._serial(1, new + len(chosen))
        drawn = self._issuers(number, new, serial, companies, chosen[:changes])
        self._security_state = np.concatenate((self._security_state, np.arange(first, first + new)))
        self._issuer = np.concatenate((self._issuer, np.full(new, -1, dtype=np.int64)))
        self._issuer[keys] = drawn[:new]
        self._security_state[chosen[:changes]] = CHANGED + serial[new : new + changes]
        self._issuer[chosen[:changes]] = drawn[new : new + changes]
        key = np.concatenate((keys, chosen))
        ended = chosen[changes:]
        self._from.append(np.full(new, listed_from, dtype=np.int64))
        self._until.update(dict.fromkeys(ended.tolist(), listed_until))
        self._listed = np.concatenate((self._listed[~np.isin(self._listed, ended)], np.sort(keys)))
        return Records(
            _kinds(new, changes, len(ended)),
            key,
            self._issuer[key],
            self._security_state[key],
            CHANGED * 2 + serial,
            serial,
        )

    def _issuers(
        self, number: int, new: int, serial: Integers, companies: Records, changed: Integers
    ) -> Integers:
        """Issuing companies of a quarter's records: `new` ones, the `changed`, the deactivated."""
        del changed  # here they change their company too
        drawn = self._active[self._random["issuer"].integers(serial, 0, len(self._active))]
        if number % 4 == 1 and new and (companies.kind == NEW).any():
            drawn[0] = companies.key[companies.kind == NEW][0]  # an issuer without past results
        return drawn

    def _serial(self, which: int, count: int) -> Integers:
        first = self._serials[which]
        self._serials[which] += count
        return np.arange(first, first + count)


def symbols(numbers: Integers) -> Text:
    """Fifteen letters counted up in base 26."""
    digits = np.zeros((len(numbers), _SYMBOL_LETTERS), dtype=np.uint8)
    rest = numbers.astype(np.int64).copy()
    for place in range(_SYMBOL_LETTERS - 1, -1, -1):
        digits[:, place] = rest % 26
        rest //= 26
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * _SYMBOL_LETTERS
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(digits + np.uint8(ord("A")))]
    return pa.Array.from_buffers(pa.string(), len(numbers), buffers)


def _kinds(new: int, changes: int, ends: int) -> Integers:
    return np.repeat(np.array([NEW, CHANGE, DEACTIVATION]), (new, changes, ends))
