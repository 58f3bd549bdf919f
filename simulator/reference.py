"""The six reference files: calendar, clock, industries, status types, tax rates, trade types.

Belongs here: their content and rendering. They are the same for every seed and scale; the calendar
ends on a fixed day, whatever the number of daily batches.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa

from simulator import text, words
from simulator.randomness import Booleans, Integers
from simulator.text import Text
from simulator.volumes import CALENDAR_END, CALENDAR_START, day_number

STATUS_TYPES = [
    ("ACTV", "Active"),
    ("CMPT", "Completed"),
    ("CNCL", "Canceled"),
    ("PNDG", "Pending"),
    ("SBMT", "Submitted"),
    ("INAC", "Inactive"),
]
TRADE_TYPES = [
    ("TMB", "Market Buy", 0, 1),
    ("TMS", "Market Sell", 1, 1),
    ("TSL", "Stop Loss", 1, 1),
    ("TLS", "Limit Sell", 1, 0),
    ("TLB", "Limit Buy", 0, 0),
]
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_SECTORS = {
    "SV": 22, "FN": 14, "BM": 13, "TC": 13, "CC": 9, "TR": 8, "HC": 7, "CN": 6, "EN": 6, "UT": 3,
    "CG": 1,
}  # fmt: skip


def calendar() -> Text:
    """Lines of `Date.txt`: one per day of the calendar."""
    days = np.arange(day_number(CALENDAR_START), day_number(CALENDAR_END) + 1)
    year, month, day = _parts(days)
    day_of_year = days - _year_start(year) + 1
    weekday = (days + 3) % 7  # Monday 0; 1970-01-01 was a Thursday
    year_start_sunday = (_year_start(year) + 4) % 7  # Sunday 0
    week = (day_of_year - 1 + year_start_sunday) // 7 + 1
    next_start = _year_start(year + 1)
    next_sunday = (next_start + 4) % 7
    week = np.where(days >= next_start - next_sunday, 1, week)  # shares a week with next January 1
    fiscal_year, fiscal_month, _ = _parts(days + 183)
    quarter, fiscal_quarter = (month - 1) // 3 + 1, (fiscal_month - 1) // 3 + 1
    holiday = ((day == 1) & (month <= 9)) | ((day == 25) & (month == 12))
    years, quarters, months = text.numbers(year), text.numbers(quarter), text.numbers(month)
    month_names = text.choose(_MONTHS, month - 1)
    weeks = text.numbers(week)
    fiscal_years, fiscal_quarters = text.numbers(fiscal_year), text.numbers(fiscal_quarter)
    return text.lines(
        text.compact_dates(days),
        text.dates(days),
        text.join(month_names, " ", text.numbers(day), ", ", years),
        years,
        years,
        text.join(years, quarters),
        text.join(years, " Q", quarters),
        text.join(years, months),
        text.join(years, " ", month_names),
        text.join(years, weeks),
        text.join(years, "-W", weeks),
        text.numbers(weekday + 1),
        text.choose(_WEEKDAYS, weekday),
        fiscal_years,
        fiscal_years,
        text.join(fiscal_years, fiscal_quarters),
        text.join(fiscal_years, " Q", fiscal_quarters),
        _flag(holiday),
    )


def clock() -> Text:
    """Lines of `Time.txt`: one per second of a day."""
    second = np.arange(86_400)
    hours, minutes = text.padded(second // 3600, 2), text.padded(second // 60 % 60, 2)
    seconds = text.padded(second % 60, 2)
    full = text.join(hours, minutes, seconds, separator=":")
    market = (second >= 9.5 * 3600) & (second <= 16 * 3600)
    office = (second >= 8 * 3600) & (second <= 17 * 3600)
    return text.lines(
        text.join(hours, minutes, seconds),
        full,
        hours,
        hours,
        minutes,
        text.join(hours, minutes, separator=":"),
        seconds,
        full,
        _flag(market),
        _flag(office),
    )


@cache
def industries() -> list[tuple[str, str, str]]:
    """(code, name, sector); 102 codes share 70 names, so that a name is no key."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    named = [
        (words.INDUSTRIES[sector][i % len(words.INDUSTRIES[sector])], sector)
        for sector, count in _SECTORS.items()
        for i in range(count)
    ]
    return [
        (letters[i * 22 // 102] + letters[(i * 7) % 26], *named[i * 37 % 102]) for i in range(102)
    ]


@cache
def tax_rates() -> list[tuple[str, str, str]]:
    """(code, name, rate with five decimals): 320 codes of 66 jurisdictions, 317 names.

    `DC1`/`DC2`, `MO1`/`MO8` and `MO6`/`MO10` share a name but not a rate.
    """
    rows = [
        (f"US{i}", f"United States income tax, bracket {i}", f"{0.10 + 0.0725 * i:.5f}")
        for i in range(1, 6)
    ]
    rows += [
        (f"CN{i}", f"Canada federal income tax, bracket {i}", f"{0.12 + 0.045 * i:.5f}")
        for i in range(1, 5)
    ]
    places = list(zip(words.STATE_CODES, words.STATE_NAMES, strict=True))
    places += list(zip(words.PROVINCE_CODES, words.PROVINCE_NAMES, strict=True))
    shared = {"DC2": "1", "MO8": "1", "MO10": "6"}
    for position, (code, name) in enumerate(places):
        brackets = 10 if code == "MO" else 4 if position % 4 == 2 and position < 56 else 5
        for i in range(1, brackets + 1):
            label = f"{name} income tax, bracket {shared.get(f'{code}{i}', i)}"
            if code == "PE" and i == 5:
                label = f"{name} income tax, the highest bracket"[:50].ljust(50, "s")
            rate = min(0.48640, 0.0 if code == "AK" and i == 1 else 0.0041 * i + 0.00137 * position)
            rows.append((f"{code}{i}", label, f"{rate:.5f}"))
    return rows


@cache
def tax_codes() -> Text:
    """The codes of `TaxRate.txt` in file order."""
    return pa.array([code for code, _, _ in tax_rates()])


def code_lists() -> dict[str, str]:
    """Whole content of the four small code files by file name."""
    tables: dict[str, list[tuple[object, ...]]] = {
        "Industry.txt": list(industries()),
        "StatusType.txt": list(STATUS_TYPES),
        "TaxRate.txt": list(tax_rates()),
        "TradeType.txt": list(TRADE_TYPES),
    }
    return {
        name: "".join("|".join(map(str, row)) + text.LINE_END for row in rows)
        for name, rows in tables.items()
    }


def _parts(days: Integers) -> tuple[Integers, Integers, Integers]:
    moment = days.astype("datetime64[D]")
    months = moment.astype("datetime64[M]")
    year = moment.astype("datetime64[Y]").astype(np.int64) + 1970
    return year, months.astype(np.int64) % 12 + 1, (moment - months).astype(np.int64) + 1


def _year_start(year: Integers) -> Integers:
    return (year - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)


def _flag(condition: Booleans) -> Text:
    return text.where(condition, "true", "false")
