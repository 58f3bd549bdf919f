"""The HR list: employees of the historical list and what happens to them afterwards.

Belongs here: who is employed, who is a broker, `HR.csv`. The brokers and managers of the historical
list stay for ever, so trades, accounts and reports of any day may name them; others come and go.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from simulator import text, words
from simulator.randomness import Integers, Stream
from simulator.text import RandomText, Text
from simulator.volumes import Plan

BROKER_JOB = 314
_OTHER_JOBS = np.array([47, 48, 262, 266, 364, 393, 534, 647, 658])
_FIRST_LIST_DAY, _LIST_INTERVAL = 2, 30
_CHANGED_SHARE, _LEFT_SHARE, _HIRED_SHARE = 0.01, 0.004, 0.006
_NEWCOMERS_LEFT_SHARE = 0.08


def list_number(day: int) -> int:
    """How many HR lists the daily batches 1..day brought."""
    if day < _FIRST_LIST_DAY:
        return 0
    return (day - _FIRST_LIST_DAY) // _LIST_INTERVAL + 1


class Employees:
    """All employees ever, as pure functions of their number."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._random = plan.random["employee"]
        self._hired = max(2, round(plan.employees * _HIRED_SHARE))

    @cached_property
    def _branches(self) -> RandomText:
        return RandomText(self._random["branch"], 20, 30)

    @cached_property
    def brokers(self) -> Integers:
        """Employee numbers of the brokers of the historical list."""
        everyone = np.arange(self._plan.employees)
        return np.flatnonzero(self._jobs(everyone) == BROKER_JOB).astype(np.int64)

    def rows(self, number: int) -> tuple[Text, int]:
        """Lines of HR list `number` (0 is the historical one) and how many of them are brokers."""
        ids, version = self._present(number)
        jobs = self._jobs(ids)
        draw = self._random
        stamp = ids + (version << 36)
        manager = 1 + draw["manager"].integers(ids, 0, self._plan.managers)
        initials = text.choose(
            list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), draw["initial"].integers(ids, 0, 26)
        )
        area, exchange, line = (
            text.padded(draw[name].integers(stamp, 0, bound), width)
            for name, bound, width in (
                ("area", 1000, 3),
                ("exchange", 1000, 3),
                ("line", 10_000, 4),
            )
        )
        phone = text.join("(", area, ") ", exchange, "-", line)
        office = text.join("OFFICE", text.padded(draw["office"].integers(stamp, 0, 10_000), 4))
        rows = text.lines(
            text.numbers(ids),
            text.numbers(manager),
            self._given_names(ids),
            self._family_names(ids),
            text.blanked(draw["no initial"].chance(ids, 0.63), initials),
            text.blanked(jobs < 0, text.numbers(jobs)),
            text.blanked(draw["no branch"].chance(ids, 0.05), self._branch(stamp)),
            text.blanked(draw["no office"].chance(ids, 0.05), office),
            text.blanked(draw["no phone"].chance(ids, 0.05), phone),
            delimiter=",",
        )
        return rows, int((jobs == BROKER_JOB).sum())

    def _jobs(self, ids: Integers) -> Integers:
        """Job code, -1 where it is blank; the first employees of a list are brokers for certain."""
        draw = self._random["job"].uniform(ids)
        other = _OTHER_JOBS[self._random["other job"].integers(ids, 0, len(_OTHER_JOBS))]
        jobs = np.where(draw < 0.285, BROKER_JOB, other)
        jobs = np.where(draw >= 0.95, -1, jobs)
        hired = ids >= self._plan.employees
        first = hired & ((ids - self._plan.employees) % self._hired == 0)
        return np.where(first | (ids == 1), BROKER_JOB, jobs)

    def _family_names(self, ids: Integers) -> Text:
        """Family names with two hazards: `Nan` and a trailing blank."""
        names = self._usual_family_names(ids)
        names = text.where(ids % 5000 == 7, "Nan", names)
        return text.where(ids % 7500 == 9, "Gale ", names)

    def _branch(self, stamp: Integers) -> Text:
        """Branches of employees, each in its own; they may change with the employee."""
        return self._branches.texts(stamp)

    def _given_names(self, ids: Integers) -> Text:
        return given_names(self._random["given"], ids)

    def _usual_family_names(self, ids: Integers) -> Text:
        return family_names(self._random["family"], ids)

    def _present(self, number: int) -> tuple[Integers, Integers]:
        """Employees on a list and the list that last changed each of them."""
        ids = np.arange(self._plan.employees + number * self._hired)
        joined = np.maximum(0, (ids - self._plan.employees) // self._hired + 1)
        version, present = np.zeros_like(ids), np.ones(len(ids), dtype=bool)
        newcomer = ids >= self._plan.employees
        stays = ~newcomer & ((ids <= self._plan.managers) | (self._jobs(ids) == BROKER_JOB))
        leaving = np.where(newcomer, _NEWCOMERS_LEFT_SHARE, np.where(stays, 0, _LEFT_SHARE))
        for event in range(1, number + 1):
            draw = self._random["event"].uniform(ids + (event << 36))
            known = joined < event
            version[known & (draw < _CHANGED_SHARE)] = event
            present &= ~(known & (draw >= 1 - leaving))
        return ids[present], version[present]


def given_names(draw: Stream, ids: Integers) -> Text:
    """Given names: most from a list, the rest composed."""
    listed = text.choose(words.GIVEN_NAMES, draw["listed"].integers(ids, 0, len(words.GIVEN_NAMES)))
    composed = text.choose(
        words.COMPOSED_NAMES, draw["composed"].integers(ids, 0, len(words.COMPOSED_NAMES))
    )
    return text.where(draw["kind"].chance(ids, 0.75), listed, composed)


def family_names(draw: Stream, ids: Integers) -> Text:
    """Family names; 3 % have a prefix with a blank, an apostrophe or a second capital."""
    names = text.choose(words.FAMILY_NAMES, draw["name"].integers(ids, 0, len(words.FAMILY_NAMES)))
    prefixes = text.choose(
        words.FAMILY_PREFIXES, draw["prefix"].integers(ids, 0, len(words.FAMILY_PREFIXES))
    )
    return text.where(draw["prefixed"].chance(ids, 0.03), text.join(prefixes, names), names)
