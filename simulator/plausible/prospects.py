"""Prospects of the plausible brokerage: people of the same cities, with figures that fit together.

Belongs here: names, addresses and demographics. Who is on a list is `prospects`' part.
"""

from __future__ import annotations

import numpy as np

from simulator import text
from simulator.customers import INITIALS, address_line2
from simulator.plausible import people, places
from simulator.prospects import Prospects
from simulator.randomness import Integers
from simulator.text import Text


class PlausibleProspects(Prospects):
    """Marketing lists of adults, of whom some are customers."""

    def _invented(self, ids: Integers) -> dict[str, Text]:
        draw, place = self._random, places.draw(self._random["place"], ids)
        initials = text.choose(INITIALS, draw["letter"].integers(ids, 0, 26))
        absent = draw["no address"].uniform(ids)
        postal = places.postal_codes(draw["postal"], ids, place)
        return {
            "family": people.family_names(draw["family"], ids),
            "given": people.given_names(draw["given"], ids),
            "initial": text.blanked(draw["no initial"].chance(ids, 0.52), initials),
            "line1": text.blanked(absent < 0.04, places.streets(draw["line1"], ids)),
            "line2": address_line2(draw["line2"], ids),
            "postal": text.blanked((absent >= 0.03) & (absent < 0.06), postal),
            "city": places.cities(place),
            "state": places.regions(place),
            "country": places.countries(place),
        }

    def _area(self, ids: Integers, digits: Integers) -> Text:
        """The one of the prospect's city."""
        del digits
        customer = self._customer_of(ids)
        customers = self._customers.created["place"]
        place = np.where(
            customer >= 0,
            places.draw(customers, np.maximum(customer, 0)),
            places.draw(self._random["place"], ids),
        )
        return places.areas(place)

    def _gender(self, ids: Integers, customer: Integers) -> Text:
        """The one of the given name; in 20 % it is not told, a few are odd."""
        draw, known = self._random["gender"], np.maximum(customer, 0)
        women = np.where(
            customer >= 0,
            people.is_woman(self._customers.created["given"], known),
            people.is_woman(self._random["given"], ids),
        )
        odd = ids % 900 == 5
        letters = text.where(odd, "X", text.where(women, "F", "M"))
        return text.blanked(draw["none"].chance(ids, 0.2) & ~odd, letters)

    def _figure(self, name: str, stamp: Integers) -> Integers:
        draw = self._random["demographic"]
        drawn = draw[name].uniform(stamp)
        if name == "age":
            return 21 + (68 * (drawn + draw["second"].uniform(stamp)) / 2).astype(np.int64)
        if name == "income":
            return 18_000 + (380_000 * drawn**4).astype(np.int64) // 500 * 500
        if name == "worth":
            income = self._figure("income", stamp)
            return income // 4 + (income * 9 * drawn**2).astype(np.int64) // 1_000 * 1_000
        if name == "credit":
            return 850 - (330 * drawn**1.6).astype(np.int64)
        most = {"cars": 4, "children": 5.5, "cards": 8}[name]
        return (most * drawn**1.7).astype(np.int64)
