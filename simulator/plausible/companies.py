"""Companies and securities of the plausible brokerage: who issues what, and under which symbol.

Belongs here: issuers, names, symbols and the number of shares. Does not belong here: records of the
newswire (`announcements`) and prices (`quotes`).

A brand is a stem and an ending, which give three letters of the symbol. When all brands are taken
they come again with a region, which gives one letter more.
"""

from __future__ import annotations

from functools import cache, cached_property

import numpy as np

from simulator import reference, text
from simulator.newswire import NEW, Newswire, Records
from simulator.plausible.people import lists
from simulator.plausible.quotes import Quotes
from simulator.randomness import Integers, Stream
from simulator.text import Text
from simulator.watches import occurrence

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BRAND_STEP = 1_201  # A prime that divides no number of brands.
_MOST_REGIONS = 3
_SERIES = ("", ".PA", ".B", ".PB", ".C", ".PC", ".D", ".PD")


@cache
def _codes(section: str, length: int) -> list[str]:
    """A different code of each word: its first letter and others of it, or of one letter any."""
    taken: list[str] = []
    for word in (one.upper() for one in lists()[section]):
        letters = word[1:] + _ALPHABET
        possible = [word[0] + letter for letter in letters] if length == 2 else word + _ALPHABET
        taken.append(next(code for code in possible if code not in taken))
    return taken


def _brands() -> int:
    return len(lists()["company stems"]) * len(lists()["company endings"])


class Names:
    """Names and symbols of companies as functions of their number: no two are the same."""

    def __init__(self, stream: Stream) -> None:
        self._shift = int(stream["shift"].integers(0, 0, _brands())[0])
        self._form = stream["form"]

    def _parts(self, keys: Integers) -> tuple[Integers, Integers, list[Integers]]:
        """Positions of stem and ending, and of up to three regions (0: none)."""
        brand = (keys % _brands() * _BRAND_STEP + self._shift) % _brands()
        endings, regions = len(lists()["company endings"]), len(lists()["company regions"])
        rest, found = keys // _brands(), []
        for _ in range(_MOST_REGIONS):
            found.append(np.where(rest > 0, (rest - 1) % regions + 1, 0))
            rest = np.where(rest > 0, (rest - 1) // regions, 0)
        return brand // endings, brand % endings, found

    def brands(self, keys: Integers) -> Text:
        """Names without what a company does."""
        stem, ending, regions = self._parts(keys)
        return text.join(
            text.choose(lists()["company stems"], stem),
            text.choose(lists()["company endings"], ending),
            *(text.choose(["", *(f" {r}" for r in lists()["company regions"])], places)
              for places in regions),
        )  # fmt: skip

    def symbols(self, keys: Integers) -> Text:
        """Three letters, and one for each region."""
        stem, ending, regions = self._parts(keys)
        return text.join(
            text.choose(_codes("company stems", 2), stem),
            text.choose(_codes("company endings", 1), ending),
            *(text.choose(["", *_codes("company regions", 1)], places) for places in regions),
        )

    def companies(self, keys: Integers, industries: Integers) -> Text:
        """Whole names, with what a company does and its form."""
        forms = lists()["company forms"]
        form = text.choose(forms, self._form.integers(keys, 0, len(forms)))
        return text.join(self.brands(keys), " ", self.business(keys, industries), " ", form)

    def business(self, keys: Integers, industries: Integers, kind: str = "nouns") -> Text:
        """What companies do, as their names have it, or the `goods` that go with it."""
        sectors = [sector for _, _, sector in reference.industries()]
        words = [lists()[f"{kind} {sector}"] for sector in sectors]
        first = np.concatenate(([0], np.cumsum([len(one) for one in words])))
        size = np.array([len(one) for one in words])[industries]
        drawn = self._form["noun"].uniform(keys)
        place = first[industries] + (drawn * size).astype(np.int64)
        return text.choose([word for one in words for word in one], place)


class PlausibleNewswire(Newswire):
    """Companies issue a common share first and others after it, and their issuer never changes."""

    def symbols(self) -> Text:
        """The company's letters, and what its further securities add to them."""
        series = self.series
        added = text.choose(_SERIES, np.minimum(series, len(_SERIES) - 1))
        more = text.blanked(series < len(_SERIES), text.numbers(series))
        return text.join(self.names.symbols(self.issuers), added, more)

    @property
    def issuers(self) -> Integers:
        """Company of every security."""
        return self._issuer

    @cached_property
    def series(self) -> Integers:
        """Which of its company's a security is: 0 is the common share, odd ones are preferred."""
        return occurrence(self._issuer)

    @cached_property
    def announced(self) -> Integers:
        """First day of the quarter in which each company is announced."""
        announced = np.zeros(len(self._company_state), dtype=np.int64)
        for quarter in (*self.history, *self.daily.values()):
            new = quarter.companies.kind == NEW
            announced[quarter.companies.key[new]] = quarter.first_day
        return announced

    @cached_property
    def names(self) -> Names:
        """Names of companies."""
        return Names(self._random["name"])

    @cached_property
    def quotes(self) -> Quotes:
        """Prices of the securities."""
        return Quotes(self._plan, self._issuer, self.series)

    def company_shares(self, companies: Integers) -> Integers:
        """Common shares outstanding: 4 to 400 million."""
        drawn = self._random["shares"].uniform(companies)
        return (np.round(4_000 * 100.0**drawn) * 1_000).astype(np.int64)

    def shares(self, securities: Integers) -> Integers:
        """Shares outstanding of securities: of further ones fewer than of the first."""
        company, series = self._issuer[securities], self.series[securities]
        return self.company_shares(company) // (1 + 4 * series)

    def _issuers(
        self, number: int, new: int, serial: Integers, companies: Records, changed: Integers
    ) -> Integers:
        del companies
        counters = self._active + (np.int64(number) << np.int64(36))
        order = np.lexsort((self._random["issuer"].bits(counters), self._issued[self._active]))
        drawn = np.zeros(len(serial), dtype=np.int64)
        drawn[:new] = np.resize(self._active[order], new)
        drawn[new : new + len(changed)] = self._issuer[changed]
        return drawn

    @property
    def _issued(self) -> Integers:
        """Listed securities of every company."""
        issuers = self._issuer[self._listed]
        return np.bincount(issuers, minlength=len(self._company_state)).astype(np.int64)

    def _chosen_companies(self, changes: int, ends: int, number: int) -> Integers:
        """Those that end have few securities."""
        drawn = super()._chosen_companies(changes + 8 * ends, 0, number)
        ending = drawn[changes:]
        ending = ending[np.argsort(self._issued[ending], kind="stable")]
        return np.concatenate((drawn[:changes], ending[:ends]))

    def _chosen_securities(self, changes: int, ends: int, number: int) -> Integers:
        """Those of companies that have ended, end first."""
        drawn = super()._chosen_securities(changes + ends, 0, number)
        left = self._listed[~np.isin(self._issuer[self._listed], self._active)]
        left = left[~np.isin(left, drawn[:changes])]
        ending = np.concatenate((left, drawn[changes:][~np.isin(drawn[changes:], left)]))
        return np.concatenate((drawn[:changes], ending[:ends]))
