"""Newswire files: fixed-width company, security and result records in order of posting.

Belongs here: record layouts and field values. Does not belong here: which records a quarter has
(`newswire`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import reference, text, words
from simulator.customers import INITIALS, address_line1, address_line2, city, postal_code, state
from simulator.employees import family_names
from simulator.newswire import DEACTIVATION, Newswire, Quarter, Records, joined
from simulator.randomness import Integers
from simulator.text import Text
from simulator.volumes import SECONDS_A_DAY, Plan, date_of, quarter_start

RATINGS = [
    *("AAA", "AA+", "AA", "AA-", "A+", "A", "A-", "BBB+", "BBB", "BBB-", "BB+"),
    *("BB", "BB-", "B+", "B", "B-", "CCC+", "CCC", "CCC-", "CC", "C", "D"),
]
ISSUES = ["COMMON", "PREF_A", "PREF_B", "PREF_C", "PREF_D"]
EXCHANGES = ["AMEX  ", "NASDAQ", "NYSE  ", "PCX   "]
_NAME_PARTS = (
    words.COMPANY_QUALIFIERS,
    words.COMPANY_PLACES,
    words.COMPANY_NOUNS,
    words.COMPANY_FORMS,
)
_ALL_NAMES = math.prod(map(len, _NAME_PARTS))
_NAME_STEP = 611_953
_RESULT = np.int64(1) << np.int64(40)


@dataclass(frozen=True)
class Issue:
    """What security records say: type, name, exchange, shares, days, dividend in cents."""

    kind: Text
    name: Text
    exchange: Text
    shares: Integers
    first_day: Integers
    exchange_day: Integers
    dividend: Integers


@dataclass(frozen=True)
class Result:
    """A company's quarter: amounts in cents, shares as such."""

    revenue: Integers
    earnings: Integers
    inventory: Integers
    assets: Integers
    liabilities: Integers
    shares: Integers
    diluted: Integers


class NewswireFiles:
    """Renders quarters."""

    def __init__(self, plan: Plan, newswire: Newswire) -> None:
        self.newswire = newswire
        self._symbols = newswire.symbols()
        self._random = plan.random["newswire values"]
        shift = self._random["name"].integers(0, 0, _ALL_NAMES)
        self._name_shift = int(shift[0])
        self._industries = [code for code, _, _ in reference.industries()]

    def files(self, quarters: Sequence[Quarter]) -> Iterator[tuple[Text, dict[str, int]]]:
        """Lines in order of posting, and the audit counts, of each quarter's file.

        All are rendered together, which is many times faster than one after the other.
        """
        begin = np.array([quarter.first_day for quarter in quarters]) * SECONDS_A_DAY
        end = (np.array([quarter.last_day for quarter in quarters]) + 1) * SECONDS_A_DAY
        parts, moments, places = [], [], []
        for stream, part, low, high in (
            ("company", [quarter.companies for quarter in quarters], 0.97, 0.985),
            ("security", [quarter.securities for quarter in quarters], 0.986, 1.0),
        ):
            place = np.repeat(np.arange(len(part)), [len(records) for records in part])
            records = joined(part)
            drawn = low + (high - low) * self._random[stream]["posted"].uniform(records.serial)
            moments.append(begin[place] + (drawn * (end - begin)[place]).astype(np.int64))
            render = self._companies if stream == "company" else self._securities
            parts.append(render(records, moments[-1]))
            places.append(place)
        reporting = [self._reporting_order(quarter) for quarter in quarters]
        count = np.array([len(companies) for companies in reporting])
        place = np.repeat(np.arange(len(quarters)), count)
        position = np.arange(len(place)) - (np.cumsum(count) - count)[place]
        number = np.array([quarter.number for quarter in quarters])[place]
        companies = np.concatenate(reporting)
        drawn = self._random["result posted"].uniform(companies + number * _RESULT)
        share = (position + drawn) / count[place]
        moments.append(begin[place] + (share * (end - begin)[place]).astype(np.int64))
        parts.append(self._results(companies, number, moments[-1]))
        places.append(place)
        order = np.lexsort((np.concatenate(moments), np.concatenate(places)))
        lines = pa.concat_arrays(parts).take(pa.array(order))
        first = 0
        for quarter, results in zip(quarters, count, strict=True):
            counts = {
                "FW_SEC": len(quarter.securities),
                "FW_CMP": len(quarter.companies),
                "FW_FIN": int(results),
            }
            size = sum(counts.values())
            yield lines.slice(first, size), counts
            first += size

    def company_names(self, keys: Integers) -> Text:
        """Unique names of 15 to 60 characters: a bijection of the company number."""
        places = zip(_NAME_PARTS, self._name_parts(keys), strict=True)
        return text.join(*(text.choose(part, place) for part, place in places), separator=" ")

    def _name_parts(self, keys: Integers) -> list[Integers]:
        """Position of each part of a company's name in its list."""
        rest = (keys * _NAME_STEP + self._name_shift) % _ALL_NAMES
        positions = []
        for part in _NAME_PARTS:
            positions.append(rest % len(part))
            rest = rest // len(part)
        return positions

    def _head(self, kind: str, moments: Integers) -> Text:
        seconds = moments % SECONDS_A_DAY
        clock = seconds // 3600 * 10_000 + seconds // 60 % 60 * 100 + seconds % 60
        day = text.compact_dates(moments // SECONDS_A_DAY)
        return text.join(day, "-", text.padded(clock, 6), kind)

    def _companies(self, records: Records, moments: Integers) -> Text:
        draw, keys = self._random["company"], records.key
        founded = np.minimum(self._founded(records), moments // SECONDS_A_DAY - 1)
        *address, country = self._address(keys)
        widths = (80, 80, 12, 25, 20)
        return text.lines(
            text.join(
                self._head("CMP", moments),
                text.left(self.company_names(keys), 60),
                text.padded(keys, 10),
                text.where(records.kind == DEACTIVATION, "INAC", "ACTV"),
                text.choose(self._industries, self._industry(records)),
                text.left(self._rating(records), 4),
                text.left(
                    text.blanked(
                        draw["no founding"].chance(keys, 0.068), text.compact_dates(founded)
                    ),
                    8,
                ),
                *(text.left(part, width) for part, width in zip(address, widths, strict=True)),
                text.left(text.blanked(draw["no country"].chance(keys, 0.049), country), 24),
                text.left(self._chief(records), 46),
                text.left(self._description(keys), 150),
            )
        )

    def _founded(self, records: Records) -> Integers:
        """Founding days, which may lie after the record."""
        drawn = self._random["company"]["founded"].integers(records.second, 0, 60_000)
        return np.int64(-43_829) + drawn

    def _industry(self, records: Records) -> Integers:
        """Positions in the list of industries."""
        drawn = self._random["company"]["industry"]
        return drawn.integers(records.state, 0, len(self._industries))

    def _chief(self, records: Records) -> Text:
        """The chief executive, in one word."""
        return family_names(self._random["company"]["chief"], records.key)

    def _address(self, keys: Integers) -> tuple[Text, ...]:
        """Two lines, postal code, city, state and country."""
        draw = self._random["company"]
        return (
            address_line1(draw["line1"], keys),
            address_line2(draw["line2"], keys),
            postal_code(draw["postal"], keys),
            city(draw["city"], keys),
            state(draw["state"], keys),
            text.choose(words.COUNTRIES, draw["country"].chance(keys, 0.18).astype(np.int64)),
        )

    def _rating(self, records: Records) -> Text:
        """A legal rating, or in 10 % one to four letters that are none."""
        draw, keys = self._random["company"], records.key
        legal = text.choose(RATINGS, draw["rating"].integers(keys, 0, len(RATINGS)))
        letters = [
            text.choose(list("EFGHIJKLMNOP"), draw["letter"].integers(keys * 4 + k, 0, 12))
            for k in range(4)
        ]
        junk = text.join(
            text.choose(["A", "BBB", "I", "x"], draw["junk"].integers(keys, 0, 4)), letters[0]
        )
        return text.where(draw["illegal"].chance(keys, 0.1) | (keys == 4), junk, legal)

    def _description(self, keys: Integers) -> Text:
        draw = self._random["company"]["description"]
        verb = text.choose(words.ACTIVITIES, draw["verb"].integers(keys, 0, len(words.ACTIVITIES)))
        noun = self._name_parts(keys)[2]
        more = noun + draw["more"].integers(keys, 1, len(words.GOODS))
        sentence = text.join(self.company_names(keys), " ", verb, " ")
        sentence = text.join(sentence, text.choose(words.GOODS, noun))
        other = text.choose(words.GOODS, more % len(words.GOODS))
        longer = text.join(sentence, " and ", other, " in many countries")
        chosen = text.where(draw["long"].chance(keys, 0.5), longer, sentence)
        return text.where(draw["indented"].chance(keys, 0.016), text.join(" ", chosen), chosen)

    def _reference(self, companies: Integers, counters: Integers, kind: str) -> Text:
        by_number = self._random[kind]["by number"].chance(counters, 0.5)
        names = text.left(self.company_names(companies), 60)
        return text.where(by_number, text.padded(companies, 10), names)

    def _securities(self, records: Records, moments: Integers) -> Text:
        issue = self._issue(records, moments // SECONDS_A_DAY)
        return text.lines(
            text.join(
                self._head("SEC", moments),
                text.left(text.choose(self._symbols, records.key), 15),
                issue.kind,
                text.where(records.kind == DEACTIVATION, "INAC", "ACTV"),
                text.left(pc.utf8_slice_codeunits(issue.name, 0, 70), 70),
                issue.exchange,
                text.left(text.numbers(issue.shares), 13),
                text.compact_dates(issue.first_day),
                text.compact_dates(issue.exchange_day),
                text.right(text.decimals(issue.dividend), 12),
                self._reference(records.company, records.serial, "security"),
            )
        )

    def _issue(self, records: Records, posted: Integers) -> Issue:
        """Values of security records posted on some days."""
        draw, state_ = self._random["security"], records.state
        drawn = draw["issue"].uniform(state_)
        issue = sum((drawn >= edge).astype(np.int64) for edge in (0.73, 0.88, 0.96, 0.99))
        first = posted - draw["first trade"].integers(records.second, 1, 30_000)
        exchange_day = posted - draw["exchange"].integers(records.second, 1, 20_000)
        exchange_day = np.maximum(first, exchange_day)  # never on an exchange before it trades
        series = text.choose(INITIALS, draw["series"].integers(state_, 0, 26))
        name = text.join(self.company_names(records.company), " Series ", series)
        name = text.where(draw["indented"].chance(state_, 0.016), text.join(" ", name), name)
        return Issue(
            text.choose(ISSUES, np.asarray(issue)),
            name,
            text.choose(EXCHANGES, draw["exchange name"].integers(state_, 0, 4)),
            draw["shares"].integers(state_, 200_000, 1_000_000_000),
            first,
            exchange_day,
            draw["dividend"].integers(state_, 0, 301),
        )

    def _reporting_order(self, quarter: Quarter) -> Integers:
        order = self._random["reporting"].permutation(len(quarter.reporting), quarter.number)
        return quarter.reporting[order]

    def _results(self, companies: Integers, number: Integers, moments: Integers) -> Text:
        """Result records of some companies, each in the quarter of that number."""
        ids = companies + number * _RESULT
        result = self._result(ids, companies, number)
        revenue, earnings = result.revenue, result.earnings
        shares, diluted = result.shares, result.diluted
        known, place = np.unique(number, return_inverse=True)
        period = text.choose([_period(int(quarter)) for quarter in known], place)
        fields = [
            (revenue, 17),
            (earnings, 17),
            (np.rint(earnings / shares).astype(np.int64), 12),
            (np.rint(earnings / diluted).astype(np.int64), 12),
            (text.cents(earnings / revenue), 12),
            (result.inventory, 17),
            (result.assets, 17),
            (result.liabilities, 17),
        ]
        return text.lines(
            text.join(
                self._head("FIN", moments),
                period,
                text.compact_dates(moments // SECONDS_A_DAY),
                *(text.right(text.decimals(values), width) for values, width in fields),
                text.right(text.numbers(shares), 13),
                text.right(text.numbers(diluted), 13),
                self._reference(companies, ids, "result"),
            )
        )

    def _result(self, ids: Integers, companies: Integers, number: Integers) -> Result:
        """Values of results, of which `ids` are the numbers."""
        del companies, number  # every result is drawn anew
        draw = self._random["result"]
        revenue = 10_000_000 + draw["revenue"].integers(ids, 0, 10**12 - 10_000_000)
        margin = 0.7 * draw["margin"].uniform(ids)
        shares = draw["shares"].integers(ids, 300_000, 1_000_000_000)
        return Result(
            revenue,
            (revenue * margin).astype(np.int64),
            draw["inventory"].integers(ids, 0, 10**11),
            draw["assets"].integers(ids, 10**6, 10**14),
            draw["liabilities"].integers(ids, 10**4, 10**12),
            shares,
            (shares * (1 + 0.2 * draw["dilution"].uniform(ids))).astype(np.int64),
        )


def _period(quarter: int) -> str:
    """Year, quarter and first day of a quarter as results name them: `20173` and `20170701`."""
    start = date_of(quarter_start(quarter))
    return f"{start.year}{(start.month + 2) // 3}{start:%Y%m%d}"
