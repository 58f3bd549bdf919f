"""People of the plausible brokerage: employees, customers and what their accounts are called.

Belongs here: names, addresses, birth dates and branches. A customer's address is that of one city,
and an update that brings another address brings all of it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import text
from simulator.customers import ODD_GENDER, TOO_OLD, TOO_YOUNG, Accounts, Customers, address_line2
from simulator.employees import Employees
from simulator.plausible import places
from simulator.randomness import Booleans, Integers, Stream
from simulator.text import Text
from simulator.volumes import Plan
from simulator.words import read_lists

_EMPLOYEES_A_BRANCH, _FEWEST_BRANCHES = 40, 8
_ADDRESS = ("address_line1", "address_line2", "postal_code", "city", "state", "country")
_YEAR = 365.2425


@cache
def lists() -> dict[str, list[str]]:
    """The vocabulary by section."""
    return read_lists("plausible/words.txt")


def branches(plan: Plan) -> int:
    """How many of the largest places have a branch."""
    return min(places.count(), max(_FEWEST_BRANCHES, plan.employees // _EMPLOYEES_A_BRANCH))


def is_woman(stream: Stream, ids: Integers) -> Booleans:
    """Whose given name is a woman's."""
    return stream["woman"].chance(ids, 0.47)


def given_names(stream: Stream, ids: Integers) -> Text:
    """Given names of women and men."""
    women, men = (
        text.choose(lists()[name], stream[name].integers(ids, 0, len(lists()[name])))
        for name in ("women", "men")
    )
    return text.where(is_woman(stream, ids), women, men)


def family_names(stream: Stream, ids: Integers) -> Text:
    """Family names."""
    return text.choose(lists()["families"], stream.integers(ids, 0, len(lists()["families"])))


class PlausibleEmployees(Employees):
    """Employees who work in the branches of large cities."""

    def _branch(self, stamp: Integers) -> Text:
        return places.cities(places.draw(self._random["branch"], stamp, branches(self._plan)))

    def _given_names(self, ids: Integers) -> Text:
        return given_names(self._random["given"], ids)

    def _usual_family_names(self, ids: Integers) -> Text:
        return family_names(self._random["family"], ids)


class PlausibleCustomers(Customers):
    """Customers with names, addresses and birth dates that fit."""

    def _drawn(self, name: str, stream: Stream, numbers: Integers, updating: bool) -> Text:
        if name == "address_line1":
            return places.streets(stream[name], numbers)
        if name == "address_line2":
            return address_line2(stream[name], numbers)
        if name not in _ADDRESS:
            return super()._drawn(name, stream, numbers, updating)
        place = self._place(stream, numbers)
        if name == "postal_code":
            return places.postal_codes(stream[name], numbers, place)
        if name == "city":
            return places.cities(place)
        if name == "state":
            return places.regions(place)
        blank = stream["no country"].chance(numbers, 0.055 if updating else 0.0)
        return text.blanked(blank, places.countries(place))

    def _place(self, stream: Stream, numbers: Integers) -> Integers:
        return places.draw(stream["place"], numbers)

    def carries(self, name: str, updates: Integers) -> Booleans:
        """Whether an update carries a field: an address is carried whole or not at all."""
        return super().carries("address" if name in _ADDRESS else name, updates)

    def phone(self, stream: Stream, numbers: Integers, which: int) -> dict[str, Text]:
        """The four parts of a phone, in the city's area."""
        parts = super().phone(stream, numbers, which)
        area = places.areas(self._place(stream, numbers))
        parts["area"] = text.blanked(_is_blank(parts["area"]), area)
        return parts

    def given_name(self, ids: Integers) -> Text:
        """First name."""
        return given_names(self.created["given"], ids)

    def family_name(self, ids: Integers) -> Text:
        """Last name."""
        return family_names(self.created["family"], ids)

    def mail_name(self, ids: Integers) -> Text:
        """First and last name in lower case, for a third with the year of birth."""
        name = pc.ascii_lower(text.join(self.given_name(ids), ".", self.family_name(ids)))
        year = (1970 + self.birth_days(ids) / _YEAR).astype(np.int64) % 100
        dated = self.created["dated mail"].chance(ids, 0.33)
        return text.join(name, text.blanked(~dated, text.padded(year, 2)))

    def gender(self, ids: Integers) -> Text:
        """The one of the given name, in 4 % in lower case, in 8 % not told; a few odd letters."""
        draw = self.created["gender"]
        women = is_woman(self.created["given"], ids)
        letters = text.where(women, "F", "M")
        letters = text.where(draw["lower"].chance(ids, 0.04), pc.ascii_lower(letters), letters)
        odd = draw["odd"].chance(ids, 0.004) | (ids == ODD_GENDER)
        return text.blanked(draw["none"].chance(ids, 0.08) & ~odd, text.where(odd, "X", letters))

    def birth_days(self, ids: Integers) -> Integers:
        """Between 29 and 88 years before the first daily batch, a few impossible ones."""
        draw, odd = self.created["birth"], super().birth_days(ids)
        years = 29 + 59 * (draw["first"].uniform(ids) + draw["second"].uniform(ids)) / 2
        days = self.plan.history_end - (years * _YEAR).astype(np.int64)
        kept = (draw["kind"].uniform(ids) < 0.0016) | np.isin(ids, (TOO_OLD, TOO_YOUNG))
        return np.where(kept, odd, days)


class PlausibleAccounts(Accounts):
    """Accounts that are called after their purpose."""

    def _labels(self, stream: Stream, ids: Integers) -> Text:
        purposes = lists()["account purposes"]
        return text.choose(purposes, stream["purpose"].integers(ids, 0, len(purposes)))


def _is_blank(values: Text) -> Booleans:
    blank = pc.equal(values, pa.scalar(""))
    return np.asarray(blank.to_numpy(zero_copy_only=False), dtype=np.bool_)
