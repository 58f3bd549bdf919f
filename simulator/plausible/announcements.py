"""Newswire records of the plausible brokerage: company profiles, securities and quarterly results.

Belongs here: their values. Names and issuers are `companies`' part, prices are `quotes`'.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from simulator import text
from simulator.customers import address_line2
from simulator.newswire import Newswire, Records
from simulator.newswire_files import EXCHANGES, ISSUES, RATINGS, Issue, NewswireFiles, Result
from simulator.plausible import people, places
from simulator.plausible.companies import PlausibleNewswire
from simulator.randomness import Integers
from simulator.text import Text
from simulator.volumes import Plan, quarter_start

_SAFE_RATINGS = 12  # How many of the legal ratings, best first, most companies have.
_SERIES_NAMES = (
    "Common Stock", "Preferred Series A", "Class B Common", "Preferred Series B",
    "Class C Common", "Preferred Series C", "Class D Common", "Preferred Series D",
)  # fmt: skip


class PlausibleNewswireFiles(NewswireFiles):
    """Records whose values agree with each other and with the prices."""

    newswire: PlausibleNewswire

    def __init__(self, plan: Plan, newswire: Newswire) -> None:
        super().__init__(plan, newswire)
        assert isinstance(newswire, PlausibleNewswire)
        self._quotes, self._names = newswire.quotes, newswire.names
        self._today = plan.history_end

    def company_names(self, keys: Integers) -> Text:
        """Unique names of at most 60 characters."""
        return self._names.companies(keys, self._quotes.industries(keys))

    def _industry(self, records: Records) -> Integers:
        return self._quotes.industries(records.key)

    def _founded(self, records: Records) -> Integers:
        """One to seventy years before the quarter of the company's first record."""
        drawn = self._random["company"]["founded"].uniform(records.key) ** 2
        return self.newswire.announced[records.key] - 365 - (25_000 * drawn).astype(np.int64)

    def _chief(self, records: Records) -> Text:
        """A person's name; a change of the company brings another one."""
        draw = self._random["company"]["chief"]
        given = people.given_names(draw["given"], records.state)
        return text.join(given, " ", people.family_names(draw["family"], records.state))

    def _address(self, keys: Integers) -> tuple[Text, ...]:
        draw = self._random["company"]
        place = self._place(keys)
        return (
            places.streets(draw["line1"], keys),
            address_line2(draw["line2"], keys),
            places.postal_codes(draw["postal"], keys, place),
            places.cities(place),
            places.regions(place),
            places.countries(place),
        )

    def _place(self, keys: Integers) -> Integers:
        return places.draw(self._random["company"]["place"], keys)

    def _rating(self, records: Records) -> Text:
        """A legal rating, seldom a poor one, or in 2 % letters that are none."""
        any_rating = super()._rating(records)
        draw = self._random["company"]["safe rating"]
        place = (draw.uniform(records.key) ** 0.7 * _SAFE_RATINGS).astype(np.int64)
        kept = draw["any"].chance(records.key, 0.2) | (records.key == 4)
        return text.where(kept, any_rating, text.choose(RATINGS, place))

    def _description(self, keys: Integers) -> Text:
        draw, industries = self._random["company"]["description"], self._quotes.industries(keys)
        verbs, serving = people.lists()["doing"], people.lists()["serving"]
        sentence = text.join(
            self._names.brands(keys),
            " ",
            text.choose(verbs, draw["verb"].integers(keys, 0, len(verbs))),
            " ",
            self._names.business(keys, industries, "goods"),
            " ",
            text.choose(serving, draw["serving"].integers(keys, 0, len(serving))),
            ". It is based in ",
            places.cities(self._place(keys)),
            ".",
        )
        return pc.utf8_slice_codeunits(sentence, 0, 150)

    def _issue(self, records: Records, posted: Integers) -> Issue:
        """A changed record brings another dividend and moves to another exchange."""
        draw, keys, state = self._random["security"], records.key, records.state
        series = self.newswire.series[keys]
        preferred = series % 2 == 1
        kind = np.where(preferred, np.minimum((series + 1) // 2, len(ISSUES) - 1), 0)
        named = text.choose(_SERIES_NAMES, np.minimum(series, len(_SERIES_NAMES) - 1))
        first = posted - draw["first trade"].integers(keys, 2, 30)
        today = np.full(len(keys), self._today)
        price = self._quotes.closes(keys, today)
        share = draw["dividend"].uniform(state)
        common = np.where(share < 0.35, 0.0, 0.045 * (share - 0.35) / 0.65)
        dividend = price * np.where(preferred, 0.04 + 0.025 * share, common)
        return Issue(
            text.choose(ISSUES, kind),
            text.join(self._names.brands(records.company), " ", named),
            text.choose(EXCHANGES, draw["exchange name"].integers(state, 0, 4)),
            self.newswire.shares(keys),
            first,
            np.minimum(first + 1, posted - 1),
            np.rint(dividend).astype(np.int64),
        )

    def _result(self, ids: Integers, companies: Integers, number: Integers) -> Result:
        """Results that are worth the price: 10 to 28 years of earnings."""
        draw = self._random["result"]
        known, place = np.unique(number, return_inverse=True)
        start = np.array([quarter_start(int(quarter)) for quarter in known])
        trend = self._quotes.trend(start)[place]
        worth = 10 + 18 * draw["worth"].uniform(companies)
        season = 1 + 0.08 * np.array([-1.0, 0.0, 0.0, 1.0])[number % 4]
        eps = self._quotes.levels(companies) * trend / (4 * worth) * season
        eps *= 0.8 + 0.4 * draw["eps"].uniform(ids)
        shares = self.newswire.company_shares(companies)
        earnings = np.rint(eps * shares * 100).astype(np.int64)
        margin = 0.03 + 0.2 * draw["margin of company"].uniform(companies)
        revenue = (earnings / (margin * (0.9 + 0.2 * draw["margin"].uniform(ids)))).astype(np.int64)
        assets = revenue * (4 + 12 * draw["assets"].uniform(companies))
        owed = 0.3 + 0.45 * draw["liabilities"].uniform(companies)
        diluted = shares * (1.005 + 0.04 * draw["dilution"].uniform(companies))
        stock = 0.02 + 0.3 * draw["inventory"].uniform(ids)
        return Result(
            revenue,
            earnings,
            (revenue * stock).astype(np.int64),
            assets.astype(np.int64),
            (assets * owed).astype(np.int64),
            shares,
            diluted.astype(np.int64),
        )
