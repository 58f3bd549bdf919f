"""A small brokerage's landing directory, written by hand: one historical batch and two days.

Every source file is there, complete and consistent (each key resolves, each completed trade has
its history, holding and cash). The people, companies and prices are in `tests/brokerage.py`;
here is how records become files. Faults do not live here: a test changes one entry of the
dictionary and writes it.

    files = brokerage_files()
    files["Batch2/Trade.txt"] += b"I|1\\r\\n"
    write_landing(tmp_path, files)

`python -m tests.landing DIRECTORY` writes it for trying things out.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests import brokerage as b

ENDING = "\r\n"
AUDIT_HEADER = "DataSet, BatchID ,Date , Attribute , Value, DValue"


def lines(text: str | Iterable[str]) -> bytes:
    """Records, one a line (or an iterable of them), as the bytes of a file with CR LF."""
    records = text.strip("\n").split("\n") if isinstance(text, str) else list(text)
    return "".join(record + ENDING for record in records).encode()


def date_rows(first: dt.date, last: dt.date) -> list[str]:
    """Rows of Date.txt, inclusive, by the source's own calendar rules."""
    return [_date_row(first + dt.timedelta(days=n)) for n in range((last - first).days + 1)]


def _date_row(day: dt.date) -> str:
    year, quarter = day.year, (day.month - 1) // 3 + 1
    month_name, day_name = f"{day:%b}", f"{day:%a}"
    first_weekday = (dt.date(year, 1, 1).weekday() + 1) % 7
    week = (day.timetuple().tm_yday - 1 + first_weekday) // 7 + 1
    next_new_year = dt.date(year + 1, 1, 1)
    if (next_new_year - day).days <= (next_new_year.weekday() + 1) % 7:
        week = 1
    fiscal = day + dt.timedelta(days=183)
    fiscal_quarter = (fiscal.month - 1) // 3 + 1
    holiday = (day.day == 1 and day.month <= 9) or (day.month, day.day) == (12, 25)
    values = (
        f"{day:%Y%m%d}", day, f"{month_name} {day.day}, {year}", year, year,
        f"{year}{quarter}", f"{year} Q{quarter}", f"{year}{day.month}", f"{year} {month_name}",
        f"{year}{week}", f"{year}-W{week}", day.isoweekday(), day_name, fiscal.year, fiscal.year,
        f"{fiscal.year}{fiscal_quarter}", f"{fiscal.year} Q{fiscal_quarter}",
        str(holiday).lower(),
    )  # fmt: skip
    return "|".join(map(str, values))


def time_rows(step_seconds: int = 1) -> list[str]:
    """Rows of Time.txt, every `step_seconds` of the day."""
    return [_time_row(second) for second in range(0, 86_400, step_seconds)]


def _time_row(second_of_day: int) -> str:
    hour, rest = divmod(second_of_day, 3600)
    minute, second = divmod(rest, 60)
    clock = f"{hour:02}:{minute:02}:{second:02}"
    market = str("09:30:00" <= clock <= "16:00:00").lower()
    office = str("08:00:00" <= clock <= "17:00:00").lower()
    identifier = clock.replace(":", "")
    return (
        f"{identifier}|{clock}|{hour:02}|{hour:02}|{minute:02}|{hour:02}:{minute:02}"
        f"|{second:02}|{clock}|{market}|{office}"
    )


def company(
    posted: str, name: str, cik: int, status: str, industry: str, rating: str, founded: str = "",
    line1: str = "", line2: str = "", postal_code: str = "", city: str = "", state: str = "",
    country: str = "", chief: str = "", description: str = "",
) -> str:  # fmt: skip
    """A newswire company record (543 characters)."""
    return (
        f"{posted:15}CMP{name:60}{cik:010}{status:4}{industry:2}{rating:4}{founded:8}{line1:80}"
        f"{line2:80}{postal_code:12}{city:25}{state:20}{country:24}{chief:46}{description:150}"
    )


def security(
    posted: str, symbol: str, issue: str, status: str, name: str, exchange: str, shares: int,
    first_trade: str, first_trade_on_exchange: str, dividend: str, issuer: int | str,
) -> str:  # fmt: skip
    """A newswire security record; the issuer is a CIK (170 characters) or a name (220)."""
    return (
        f"{posted:15}SEC{symbol:15}{issue:6}{status:4}{name:70}{exchange:6}{shares!s:13}"
        f"{first_trade:8}{first_trade_on_exchange:8}{dividend:>12}{_issuer(issuer)}"
    )


def financial(
    posted: str, year: int, quarter: int, revenue: str, earnings: str, per_share: str,
    diluted_per_share: str, margin: str, inventory: str, assets: str, liabilities: str,
    shares: int, diluted_shares: int, issuer: int | str,
) -> str:  # fmt: skip
    """A newswire quarterly result; the company is a CIK (196 characters) or a name (246)."""
    start = f"{year}{quarter * 3 - 2:02}01"
    return (
        f"{posted:15}FIN{year:4}{quarter:1}{start}{posted[:8]}{revenue:>17}{earnings:>17}"
        f"{per_share:>12}{diluted_per_share:>12}{margin:>12}{inventory:>17}{assets:>17}"
        f"{liabilities:>17}{shares:>13}{diluted_shares:>13}{_issuer(issuer)}"
    )


def _issuer(issuer: int | str) -> str:
    return f"{issuer:010}" if isinstance(issuer, int) else f"{issuer:60}"


def comma_separated(rows: Iterable[Iterable[str]]) -> bytes:
    """Rows as the marketing list writes them: quotes only around a field that holds quotes."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=ENDING, quoting=csv.QUOTE_MINIMAL).writerows(rows)
    return buffer.getvalue().encode()


def customer_management(actions: str) -> bytes:
    """The CRM document around its actions; its last line has no line end."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<TPCDI:Actions '
    head += 'xmlns:TPCDI="http://www.tpc.org/tpc-di">\n'
    document = head + actions.strip("\n") + "\n</TPCDI:Actions>"
    return document.replace("\n", ENDING).encode()


def audit(*rows: str) -> bytes:
    """An audit file: the header with its stray blanks, then the rows."""
    return lines([AUDIT_HEADER, *rows])


def newswire(records: Iterable[tuple[object, ...]]) -> bytes:
    """Records, each its type (`CMP`, `SEC`, `FIN`) and its fields, as a newswire file."""
    kinds = {"CMP": company, "SEC": security, "FIN": financial}
    return lines(kinds[str(kind)](*values) for kind, *values in records)  # type: ignore[operator]


def brokerage_files(
    *,
    days: int = 2,
    first_date: dt.date = dt.date(2016, 1, 1),
    last_date: dt.date = dt.date(2020, 12, 31),
    time_step_seconds: int = 1,
) -> dict[str, bytes]:
    """Path below the landing directory -> content, for the historical batch and `days` days.

    A shorter calendar and a `time_step_seconds` above 1 make the reference files small; the
    defaults cover every date and time of day that the brokerage's records name.
    """
    files = _reference_files(first_date, last_date, time_step_seconds)
    for number in range(1, days + 2):
        content = b.BATCHES[number]
        files |= {f"Batch{number}/{name}": _file(name, content[name]) for name in content}
        files |= _audit_files(number)
    files["Generator_audit.csv"] = audit(*b.GENERATOR_AUDIT)
    return files


def small_files(days: int = 2) -> dict[str, bytes]:
    """`brokerage_files` with a calendar of one month and a clock that ticks by the hour."""
    return brokerage_files(
        days=days,
        first_date=dt.date(2019, 6, 15),
        last_date=dt.date(2019, 7, 14),
        time_step_seconds=3600,
    )


def _reference_files(first: dt.date, last: dt.date, step: int) -> dict[str, bytes]:
    content = {
        "Date": lines(date_rows(first, last)),
        "Time": lines(time_rows(step)),
        "Industry": lines(b.INDUSTRIES),
        "StatusType": lines(b.STATUS_TYPES),
        "TaxRate": lines(b.TAX_RATES),
        "TradeType": lines(b.TRADE_TYPES),
    }
    files = {f"Batch1/{name}.txt": text for name, text in content.items()}
    return files | {f"Batch1/{name}_audit.csv": audit() for name in content}


def _file(name: str, content: b.Content) -> bytes:
    if not isinstance(content, str):
        return newswire(content) if name.startswith("FINWIRE") else comma_separated(content)
    return customer_management(content) if name.endswith(".xml") else lines(content)


def _audit_files(number: int) -> dict[str, bytes]:
    return {
        f"Batch{number}_audit.csv" if name == "Batch" else f"Batch{number}/{name}_audit.csv": (
            audit(*rows)
        )
        for name, rows in b.AUDIT[number].items()
    }


def write_landing(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files below `root`, which is made when it is missing; gives `root` back."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


if __name__ == "__main__":
    write_landing(Path(sys.argv[1]), brokerage_files())
