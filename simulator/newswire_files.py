"""Newswire files: fixed-width company, security and result records in order of posting.

Belongs here: record layouts and field values. Does not belong here: which records a quarter has
(`newswire`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

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
_SYMBOL_LETTERS = 15
_NAME_PARTS = (
    words.COMPANY_QUALIFIERS,
    words.COMPANY_PLACES,
    words.COMPANY_NOUNS,
    words.COMPANY_FORMS,
)
_ALL_NAMES = math.prod(map(len, _NAME_PARTS))
_NAME_STEP = 611_953
_RESULT = np.int64(1) << np.int64(40)


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


class NewswireFiles:
    """Renders quarters."""

    def __init__(self, plan: Plan, newswire: Newswire) -> None:
        self.newswire = newswire
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
        founded = np.int64(-43_829) + draw["founded"].integers(records.second, 0, 60_000)
        founded = np.minimum(founded, moments // SECONDS_A_DAY - 1)
        industry = draw["industry"].integers(records.state, 0, len(self._industries))
        blank_line = pc.utf8_slice_codeunits(address_line2(draw["line2"], keys), 0, 80)
        nation = text.choose(words.COUNTRIES, draw["country"].chance(keys, 0.18).astype(np.int64))
        return text.lines(
            text.join(
                self._head("CMP", moments),
                text.left(self.company_names(keys), 60),
                text.padded(keys, 10),
                text.where(records.kind == DEACTIVATION, "INAC", "ACTV"),
                text.choose(self._industries, industry),
                text.left(self._rating(keys), 4),
                text.left(
                    text.blanked(
                        draw["no founding"].chance(keys, 0.068), text.compact_dates(founded)
                    ),
                    8,
                ),
                text.left(address_line1(draw["line1"], keys), 80),
                text.left(blank_line, 80),
                text.left(postal_code(draw["postal"], keys), 12),
                text.left(city(draw["city"], keys), 25),
                text.left(state(draw["state"], keys), 20),
                text.left(text.blanked(draw["no country"].chance(keys, 0.049), nation), 24),
                text.left(family_names(draw["chief"], keys), 46),
                text.left(self._description(keys), 150),
            )
        )

    def _rating(self, keys: Integers) -> Text:
        """A legal rating, or in 10 % one to four letters that are none."""
        draw = self._random["company"]
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
        draw, state_ = self._random["security"], records.state
        drawn = draw["issue"].uniform(state_)
        issue = sum((drawn >= edge).astype(np.int64) for edge in (0.73, 0.88, 0.96, 0.99))
        posted = moments // SECONDS_A_DAY
        first = posted - draw["first trade"].integers(records.second, 1, 30_000)
        exchange_day = posted - draw["exchange"].integers(records.second, 1, 20_000)
        exchange_day = np.maximum(first, exchange_day)  # never on an exchange before it trades
        series = text.choose(INITIALS, draw["series"].integers(state_, 0, 26))
        name = text.join(self.company_names(records.company), " Series ", series)
        name = text.where(draw["indented"].chance(state_, 0.016), text.join(" ", name), name)
        shares = draw["shares"].integers(state_, 200_000, 1_000_000_000)
        dividend = draw["dividend"].integers(state_, 0, 301)
        return text.lines(
            text.join(
                self._head("SEC", moments),
                symbols(records.key),
                text.choose(ISSUES, np.asarray(issue)),
                text.where(records.kind == DEACTIVATION, "INAC", "ACTV"),
                text.left(pc.utf8_slice_codeunits(name, 0, 70), 70),
                text.choose(EXCHANGES, draw["exchange name"].integers(state_, 0, 4)),
                text.left(text.numbers(shares), 13),
                text.compact_dates(first),
                text.compact_dates(exchange_day),
                text.right(text.decimals(dividend), 12),
                self._reference(records.company, records.serial, "security"),
            )
        )

    def _reporting_order(self, quarter: Quarter) -> Integers:
        order = self._random["reporting"].permutation(len(quarter.reporting), quarter.number)
        return quarter.reporting[order]

    def _results(self, companies: Integers, number: Integers, moments: Integers) -> Text:
        """Result records of some companies, each in the quarter of that number."""
        draw, ids = self._random["result"], companies + number * _RESULT
        revenue = 10_000_000 + draw["revenue"].integers(ids, 0, 10**12 - 10_000_000)
        margin = 0.7 * draw["margin"].uniform(ids)
        earnings = (revenue * margin).astype(np.int64)
        shares = draw["shares"].integers(ids, 300_000, 1_000_000_000)
        diluted = (shares * (1 + 0.2 * draw["dilution"].uniform(ids))).astype(np.int64)
        known, place = np.unique(number, return_inverse=True)
        period = text.choose([_period(int(quarter)) for quarter in known], place)
        fields = [
            (revenue, 17),
            (earnings, 17),
            (np.rint(earnings / shares).astype(np.int64), 12),
            (np.rint(earnings / diluted).astype(np.int64), 12),
            (text.cents(earnings / revenue), 12),
            (draw["inventory"].integers(ids, 0, 10**11), 17),
            (draw["assets"].integers(ids, 10**6, 10**14), 17),
            (draw["liabilities"].integers(ids, 10**4, 10**12), 17),
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


def _period(quarter: int) -> str:
    """Year, quarter and first day of a quarter as results name them: `20173` and `20170701`."""
    start = date_of(quarter_start(quarter))
    return f"{start.year}{(start.month + 2) // 3}{start:%Y%m%d}"
