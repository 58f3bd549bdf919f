"""Attribute values of customers and accounts, when created and when updated.

Belongs here: the distributions of every field and which fields an update carries. Does not belong
here: who is updated when (`crm`) and how it is written (`crm_document`, `images`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow.compute as pc

from simulator import reference, text, words
from simulator.employees import Employees, family_names, given_names
from simulator.randomness import Booleans, Integers, Stream
from simulator.text import RandomText, Text
from simulator.volumes import Plan, date_of, day_number

INITIALS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
PHONE_PARTS = ("country", "area", "local", "extension")
FIELD_PRESENT = 0.8
_TAX_PRIME, _TAX_MODULUS = 379_918_823, 1_000_000_000
TOO_OLD, TOO_YOUNG, BAD_TIER, NO_TIER, ODD_GENDER = 11, 13, 17, 19, 12

Drawer = Callable[[Stream, Integers], Text]


def address_line1(draw: Stream, ids: Integers) -> Text:
    """House number and street."""
    house = text.numbers(draw["house"].integers(ids, 100, 24_997))
    return text.join(
        house, " ", text.choose(words.STREETS, draw["street"].integers(ids, 0, len(words.STREETS)))
    )


def address_line2(draw: Stream, ids: Integers) -> Text:
    """Apartment or suite of one in ten."""
    kinds = text.where(draw["suite"].chance(ids, 0.77), "Apt. ", "Suite ")
    line = text.join(kinds, text.numbers(draw["unit"].integers(ids, 1, 1000)))
    return text.blanked(draw["no line2"].uniform(ids) >= 0.1, line)


def postal_code(draw: Stream, ids: Integers) -> Text:
    """Five digits (63 %) or the Canadian form."""
    digits = draw["digits"].integers(ids, 10_000, 100_000)
    letters = [
        text.choose(list("ABCEGHJKLMNPRSTVXY"), draw[name].integers(ids, 0, 18))
        for name in ("letter1", "letter2", "letter3")
    ]
    d1, d2, d3 = (text.numbers(digits // 10**k % 10) for k in range(3))
    canadian = text.join(letters[0], d1, letters[1], " ", d2, letters[2], d3)
    return text.where(draw["american"].chance(ids, 0.63), text.numbers(digits), canadian)


def city(draw: Stream, ids: Integers) -> Text:
    """One of 272 cities."""
    return text.choose(words.CITIES, draw["city"].integers(ids, 0, len(words.CITIES)))


def state(draw: Stream, ids: Integers) -> Text:
    """A state's code (83 %) or a province's name."""
    codes = text.choose(words.STATE_CODES, draw["code"].integers(ids, 0, len(words.STATE_CODES)))
    names = text.choose(words.PROVINCES, draw["province"].integers(ids, 0, len(words.PROVINCES)))
    return text.where(draw["is code"].chance(ids, 0.83), codes, names)


def country(draw: Stream, ids: Integers) -> Text:
    """The United States (80 %) or Canada."""
    return text.choose(words.COUNTRIES, draw["country"].chance(ids, 0.2).astype(np.int64))


def updated_country(draw: Stream, ids: Integers) -> Text:
    """As on creation, but blanked in one of twenty."""
    return text.blanked(draw["no country"].chance(ids, 0.055), country(draw, ids))


def domain(draw: Stream, ids: Integers) -> Text:
    """A mail domain with its at sign."""
    count = len(words.MAIL_DOMAINS)
    return text.join("@", text.choose(words.MAIL_DOMAINS, draw["domain"].integers(ids, 0, count)))


def second_domain(draw: Stream, ids: Integers) -> Text:
    """A mail domain for the alternate address, or nothing (51 %)."""
    return text.blanked(draw["no second"].chance(ids, 0.51), domain(draw["second"], ids))


def tier(draw: Stream, ids: Integers) -> Text:
    """1, 2, 3 or nothing (5 %); 0.2 % of other digits."""
    value = draw["tier"].uniform(ids)
    tiers = 1 + (value >= 0.105).astype(np.int64) + (value >= 0.408)
    odd = np.array([5, 6, 7, 9])[draw["odd tier"].integers(ids, 0, 4)]
    tiers = np.where(draw["is odd"].chance(ids, 0.0018), odd, tiers)
    return text.blanked(draw["no tier"].chance(ids, 0.051), text.numbers(tiers))


def phone(draw: Stream, ids: Integers, number: int) -> dict[str, Text]:
    """The four parts of phone 1, 2 or 3."""
    draw = draw[f"phone{number}"]
    local = draw["has local"].chance(ids, (0.98, 0.76, 0.29)[number - 1])
    area = local & draw["has area"].chance(ids, 0.51)
    abroad = area & draw["has country"].chance(ids, 0.49)
    extended = local & draw["has extension"].chance(ids, 0.10)
    digits = draw["digits"].integers(ids, 0, 10_000_000)
    locals_ = text.join(text.padded(digits // 10_000, 3), "-", text.padded(digits % 10_000, 4))
    return {
        "country": text.where(abroad, "1", ""),
        "area": text.blanked(~area, text.numbers(draw["area"].integers(ids, 100, 1000))),
        "local": text.blanked(~local, locals_),
        "extension": text.blanked(
            ~extended, text.numbers(draw["extension"].integers(ids, 10_000, 100_000))
        ),
    }


# Fields that an update may carry, with how they are drawn on creation and on update.
CUSTOMER_FIELDS: dict[str, tuple[Drawer, Drawer]] = {
    "tier": (tier, tier),
    "address_line1": (address_line1, address_line1),
    "address_line2": (address_line2, address_line2),
    "postal_code": (postal_code, postal_code),
    "city": (city, city),
    "state": (state, state),
    "country": (country, updated_country),
    "email1": (domain, domain),
    "email2": (second_domain, second_domain),
}
ACCOUNT_FIELDS = ("name", "tax_status", "broker")


@dataclass(frozen=True)
class Customers:
    """Values of customers as pure functions of customer and update numbers."""

    plan: Plan
    tierless: frozenset[int] = field(default_factory=frozenset)

    @property
    def created(self) -> Stream:
        """Stream of the values given on creation, counted by customer."""
        return self.plan.random["customer"]

    @property
    def changed(self) -> Stream:
        """Stream of the values given by updates, counted by update."""
        return self.plan.random["customer update"]

    def initial(self, name: str, ids: Integers) -> Text:
        """A field as the customer was created."""
        values = self._drawn(name, self.created, ids, updating=False)
        if name == "tier":
            values = text.where(ids == BAD_TIER, "7", values)
            values = text.blanked((ids == NO_TIER) | np.isin(ids, list(self.tierless)), values)
        return values

    def _drawn(self, name: str, stream: Stream, numbers: Integers, updating: bool) -> Text:
        """A field of some customers or updates, before those that must be odd."""
        return CUSTOMER_FIELDS[name][int(updating)](stream[name], numbers)

    def phone(self, stream: Stream, numbers: Integers, which: int) -> dict[str, Text]:
        """The four parts of phone 1, 2 or 3 of some customers or updates."""
        return phone(stream, numbers, which)

    def updated(self, name: str, updates: Integers) -> Text:
        """A field as an update gives it."""
        values = self._drawn(name, self.changed, updates, updating=True)
        if name == "tier":
            values = text.where(updates == 5, "6", text.blanked(updates == 6, values))
        return values

    def carries(self, name: str, updates: Integers) -> Booleans:
        """Whether an update carries a field."""
        drawn = self.changed[name]["present"].chance(updates, FIELD_PRESENT)
        return drawn | (np.isin(updates, (5, 6)) if name == "tier" else updates < 0)

    def given_name(self, ids: Integers) -> Text:
        """First name."""
        return given_names(self.created["given"], ids)

    def family_name(self, ids: Integers) -> Text:
        """Last name."""
        return family_names(self.created["family"], ids)

    def initial_letter(self, ids: Integers) -> Text:
        """Middle initial, empty in 64.5 %."""
        draw = self.created["initial"]
        letters = text.choose(INITIALS, draw["letter"].integers(ids, 0, 26))
        return text.blanked(draw["none"].chance(ids, 0.645), letters)

    def mail_name(self, ids: Integers) -> Text:
        """The part of an e-mail address before the at sign."""
        initial = self.initial_letter(ids)
        middle = text.where(is_empty(initial), ".", text.join(".", initial, "."))
        return text.join(self.given_name(ids), middle, self.family_name(ids))

    def tax_id(self, ids: Integers) -> Text:
        """`ddd-dd-dddd`, unique: a bijection of the customer number."""
        offset = int(self.created["tax"].integers(0, 0, _TAX_MODULUS)[0])
        digits = (ids * _TAX_PRIME + offset) % _TAX_MODULUS
        return text.join(
            text.padded(digits // 1_000_000, 3),
            text.padded(digits // 10_000 % 100, 2),
            text.padded(digits % 10_000, 4),
            separator="-",
        )

    def gender(self, ids: Integers) -> Text:
        """F, f, M, m, another letter (1 %) or nothing (53 %)."""
        draw = self.created["gender"]
        usual = text.choose(list("FfMm"), draw["usual"].integers(ids, 0, 4))
        odd = draw["odd"].chance(ids, 0.02) | (ids == ODD_GENDER)
        letters = text.where(
            odd, text.choose(list("ABXZkq"), draw["letter"].integers(ids, 0, 6)), usual
        )
        return text.blanked(draw["none"].chance(ids, 0.53) & (ids != ODD_GENDER), letters)

    def birth_days(self, ids: Integers) -> Integers:
        """Birth date as day number: within 99 years, a few impossible ones."""
        draw, end = self.created["birth"], self.plan.history_end
        days = end - draw["age"].integers(ids, 0, 36_160)
        kind = draw["kind"].uniform(ids)
        old = day_number(date_of(0).replace(year=1830)) + draw["old"].integers(ids, 0, 14_000)
        future = end + draw["future"].integers(ids, 1_500, 18_000)
        days = np.where((kind < 0.0008) | (ids == TOO_OLD), old, days)
        return np.where(((kind >= 0.0008) & (kind < 0.0016)) | (ids == TOO_YOUNG), future, days)

    def tax_codes(self, ids: Integers) -> tuple[Text, Text]:
        """Local and national tax code; 320 customers in a row have all local codes."""
        draw, codes = self.created["tax code"], reference.tax_codes()
        shift = draw["shift"].integers(ids // len(codes), 0, len(codes))
        local = (ids * 137 + shift) % len(codes)
        return text.choose(codes, local), text.choose(
            codes, draw["national"].integers(ids, 0, len(codes))
        )


class Accounts:
    """Values of accounts as pure functions of account and update numbers."""

    def __init__(self, plan: Plan, employees: Employees, nameless: frozenset[int]) -> None:
        self._created = plan.random["account"]
        self._changed = plan.random["account update"]
        self._brokers = text.numbers(employees.brokers)
        self._nameless = list(nameless)

    def initial(self, name: str, ids: Integers) -> Text:
        """A field as the account was opened."""
        values = self._draw(self._created, name, ids)
        return text.blanked(np.isin(ids, self._nameless), values) if name == "name" else values

    def updated(self, name: str, updates: Integers) -> Text:
        """A field as an update gives it."""
        return self._draw(self._changed, name, updates)

    def carries(self, name: str, updates: Integers) -> Booleans:
        """Whether an update carries a field."""
        return self._changed[name]["present"].chance(updates, FIELD_PRESENT)

    def first_broker(self, ids: Integers) -> Integers:
        """Position among the brokers of the one with whom accounts were opened."""
        return self._broker(self._created, ids)

    def _broker(self, stream: Stream, ids: Integers) -> Integers:
        return stream["broker"].integers(ids, 0, len(self._brokers))

    @cached_property
    def _names(self) -> dict[Stream, RandomText]:
        return {
            stream: RandomText(stream["name"], 30, 50) for stream in (self._created, self._changed)
        }

    def _labels(self, stream: Stream, ids: Integers) -> Text:
        """Names of accounts."""
        return self._names[stream].texts(ids)

    def _draw(self, stream: Stream, name: str, ids: Integers) -> Text:
        if name == "name":
            return text.blanked(stream["nameless"].chance(ids, 0.05), self._labels(stream, ids))
        if name == "broker":
            return text.choose(self._brokers, self._broker(stream, ids))
        drawn = stream["tax status"].uniform(ids)
        return text.choose(["0", "1", "2"], (drawn >= 0.1).astype(np.int64) + (drawn >= 0.8))


def is_empty(values: Text) -> Booleans:
    """True where a text is empty."""
    return np.asarray(pc.equal(values, "").to_numpy(zero_copy_only=False), dtype=np.bool_)
