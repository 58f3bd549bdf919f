"""The marketing lists: who is on the list of a day, and with which demographics.

Belongs here: `Prospect.csv`. The first candidates look like customers (their initial name and
address, in other letter case), the rest are invented. Every list drops, adds and changes a few.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from simulator import text, words
from simulator.crm import Crm
from simulator.customers import (
    INITIALS,
    Customers,
    address_line2,
    city,
    country,
    is_empty,
    postal_code,
    state,
)
from simulator.employees import family_names, given_names
from simulator.randomness import Integers
from simulator.text import Text
from simulator.volumes import Plan

_COLUMNS = ("phone", "income", "cars", "children", "marital", "age", "credit", "own", "employer",
            "cards", "worth")  # fmt: skip
_QUOTED = 23


class Prospects:
    """All candidates ever and the lists of the days."""

    def __init__(self, plan: Plan, crm: Crm, customers: Customers) -> None:
        self._plan, self._crm, self._customers = plan, crm, customers
        self._random = plan.random["prospect"]
        self._replaced = plan.prospects_replaced
        self._likes_added = min(round(self._replaced * 10 / 18), int(plan.daily_set.new))
        first = min(crm.customers_after[0], plan.prospects)
        self._first_look_alikes = first
        self._alive = np.arange(plan.prospects)
        self._changed_on = np.zeros(plan.prospects, dtype=np.int64)
        self._list = 0
        self._drop()

    @property
    def count(self) -> int:
        """Rows of the current list."""
        return len(self._alive)

    def matching(self) -> int:
        """Prospects of the current list that look like a customer."""
        return int((self._customer_of(self._alive) >= 0).sum())

    def advance(self) -> None:
        """Go to the next list: drop, change and add prospects."""
        self._list += 1
        self._drop()
        changed = self._random["change"].sample(
            len(self._alive), self._plan.prospects_changed, self._list
        )
        self._changed_on[self._alive[changed]] = self._list
        added = np.arange(len(self._changed_on), len(self._changed_on) + self._replaced)
        self._changed_on = np.concatenate((self._changed_on, np.zeros(len(added), dtype=np.int64)))
        self._alive = np.concatenate((self._alive, added))

    def chunk(self, first: int, size: int) -> Text:
        """Lines `first` .. `first + size` of the current list."""
        ids = self._alive[first : first + size]
        columns = self._person(ids)
        stamp = ids + (self._changed_on[ids] << 36)
        columns |= {name: self._demographic(name, ids, stamp) for name in _COLUMNS}
        prefix = pc.utf8_slice_codeunits(columns["family"], 0, 3)
        return text.lines(
            text.join(prefix, text.numbers(ids)),
            *(columns[name] for name in ("family", "given", "initial", "gender")),
            *(columns[name] for name in ("line1", "line2", "postal", "city", "state", "country")),
            *(columns[name] for name in _COLUMNS),
            delimiter=",",
        )

    def _drop(self) -> None:
        """Drop a third of look-alikes and two thirds of others."""
        alike = np.flatnonzero(self._customer_of(self._alive) >= 0)
        others = np.flatnonzero(self._customer_of(self._alive) < 0)
        third = self._replaced // 3
        gone = np.concatenate(
            (
                alike[self._random["drop alike"].sample(len(alike), third, self._list)],
                others[
                    self._random["drop"].sample(len(others), self._replaced - third, self._list)
                ],
            )
        )
        self._alive = np.delete(self._alive, gone)

    def _customer_of(self, ids: Integers) -> Integers:
        """The customer that a candidate looks like, -1 for an invented one."""
        later = ids - self._plan.prospects
        day, position = later // self._replaced + 1, later % self._replaced
        new = int(self._plan.daily_set.new)
        customer = self._first_look_alikes + (day - 1) * new + position
        customer = np.where(position < self._likes_added, customer, -1)
        return np.where(later >= 0, customer, np.where(ids < self._first_look_alikes, ids, -1))

    def _person(self, ids: Integers) -> dict[str, Text]:
        """Name, gender and address."""
        customer = self._customer_of(ids)
        alike, who = customer >= 0, np.maximum(customer, 0)
        customers = self._customers
        invented = self._invented(ids)
        known = {
            "family": customers.family_name(who),
            "given": customers.given_name(who),
            "initial": customers.initial_letter(who),
            "line1": customers.initial("address_line1", who),
            "line2": customers.initial("address_line2", who),
            "postal": customers.initial("postal_code", who),
            "city": customers.initial("city", who),
            "state": customers.initial("state", who),
            "country": customers.initial("country", who),
        }
        person = {name: text.where(alike, known[name], invented[name]) for name in known}
        for name in ("family", "given", "initial", "line1", "line2", "postal"):
            person[name] = self._recased(name, ids, person[name])
        person["country"] = text.blanked(
            self._random["no country"].chance(ids, 0.043), person["country"]
        )
        person["gender"] = self._gender(ids, customer)
        return person

    def _invented(self, ids: Integers) -> dict[str, Text]:
        """Name and address of people who are no customers."""
        draw = self._random
        initials = text.choose(INITIALS, draw["letter"].integers(ids, 0, 26))
        absent = draw["no address"].uniform(ids)
        return {
            "family": family_names(draw["family"], ids),
            "given": given_names(draw["given"], ids),
            "initial": text.blanked(draw["no initial"].chance(ids, 0.52), initials),
            "line1": text.blanked(absent < 0.055, self._invented_line(ids)),
            "line2": text.blanked(draw["no line2"].chance(ids, 0.05), self._second_line(ids)),
            "postal": text.blanked(
                (absent >= 0.045) & (absent < 0.091), postal_code(draw["postal"], ids)
            ),
            "city": city(draw["city"], ids),
            "state": state(draw["state"], ids),
            "country": country(draw["country"], ids),
        }

    def _recased(self, name: str, ids: Integers, values: Text) -> Text:
        """Letter case as a list provider leaves it, chosen per field."""
        drawn = self._random["case"][name].uniform(ids)
        lower, upper = (0.74, 1.0) if name == "line1" else (0.25, 0.5)
        values = text.where(drawn < lower, pc.ascii_lower(values), values)
        return text.where((drawn >= lower) & (drawn < upper), pc.ascii_upper(values), values)

    def _invented_line(self, ids: Integers) -> Text:
        draw = self._random["invented"]
        number = text.numbers(draw["number"].integers(ids, 1, 99_999))
        street = text.choose(words.STREETS, draw["street"].integers(ids, 0, len(words.STREETS)))
        return text.join(number, " ", street)

    def _second_line(self, ids: Integers) -> Text:
        listed = address_line2(self._random["line2"], ids)
        unit = text.join("Floor ", text.numbers(self._random["floor"].integers(ids, 1, 60)))
        return text.where(is_empty(listed), unit, listed)

    def _gender(self, ids: Integers, customer: Integers) -> Text:
        """Any letter case and a few other letters, whatever customer a prospect looks like."""
        del customer
        draw = self._random["gender"]
        usual = text.choose(list("FfMm"), draw["usual"].integers(ids, 0, 4))
        odd = text.choose(list("AbUuXz "), draw["odd letter"].integers(ids, 0, 7))
        letters = text.where(draw["odd"].chance(ids, 0.02) | (ids % 900 == 5), odd, usual)
        return text.blanked(draw["none"].chance(ids, 0.526) & (ids % 900 != 5), letters)

    def _demographic(self, name: str, ids: Integers, stamp: Integers) -> Text:
        draw = self._random["demographic"][name]
        if name == "phone":
            digits = draw.integers(stamp, 0, 10_000_000_000)
            values = text.join(
                "1",
                self._area(ids, digits),
                text.padded(digits // 10_000 % 1000, 3),
                text.padded(digits % 10_000, 4),
                separator="-",
            )
        elif name == "marital":
            drawn = draw.uniform(stamp)
            steps = sum((drawn >= edge).astype(np.int64) for edge in (0.40, 0.60, 0.80, 0.905))
            values = text.choose(list("MUSWD"), np.asarray(steps))
        elif name == "own":
            drawn = draw.uniform(stamp)
            steps = (drawn >= 0.70).astype(np.int64) + (drawn >= 0.896)
            values = text.choose(list("ORU"), steps)
        elif name == "employer":
            values = text.choose(words.EMPLOYERS, draw.integers(stamp, 0, len(words.EMPLOYERS)))
            quoted = '"' + words.QUOTED_EMPLOYER.replace('"', '""') + '"'
            values = text.where(ids % 1000 == _QUOTED, quoted, values)
        else:
            values = text.numbers(self._figure(name, stamp))
        blank = draw["none"].chance(stamp, 0.05) & ~((name == "employer") & (ids % 1000 == _QUOTED))
        return text.blanked(blank, values)

    def _area(self, ids: Integers, digits: Integers) -> Text:
        """Area codes of phones: any three digits."""
        del ids
        return text.padded(digits // 10_000_000, 3)

    def _figure(self, name: str, stamp: Integers) -> Integers:
        """A figure of the demographics, uniform between its bounds."""
        low, high = {
            "income": (5, 499_992),
            "cars": (0, 6),
            "children": (0, 6),
            "age": (0, 101),
            "credit": (300, 851),
            "cards": (0, 11),
            "worth": (10_553, 3_999_782),
        }[name]
        return self._random["demographic"][name].integers(stamp, low, high)
