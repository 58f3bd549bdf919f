"""Values of filters and cursors: from their text to what a column's type is compared with."""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from exposition.api.opened import Column
from exposition.api.problems import bad_request

LONGEST_VALUE = 1000
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,25}([.][0-9]{1,10})?")


def parse(column: Column, text: str) -> Any:
    """Return a value of a column's type from its text.

    Raises:
        ProblemError: when the text is none.
    """
    kind = column.type.partition("(")[0]
    if kind not in _PARSERS:
        raise bad_request(f"{column.name} is a {column.type}, which cannot be compared here.")
    expected, parser = _PARSERS[kind]
    try:
        if len(text) > LONGEST_VALUE or "\0" in text:
            raise ValueError(text)  # noqa: TRY301
        return parser(text)
    except (ValueError, OverflowError) as error:
        raise bad_request(
            f"{column.name} is compared with {expected}, not {shown(text)}."
        ) from error


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _day(text: str) -> date:
    if len(text) != 10:
        raise ValueError(text)
    return date.fromisoformat(text)


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo is None else found.astimezone(UTC)).replace(tzinfo=None)


def _time(text: str) -> time:
    found = time.fromisoformat(text)
    if found.tzinfo is not None:
        raise ValueError(text)
    return found


_WHOLE_NUMBER = ("a whole number of at most 18 digits", _whole)
_PARSERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), _WHOLE_NUMBER),
    "DECIMAL": ("a number such as 12.50", _decimal),
    "DOUBLE": ("a number", _finite),
    "FLOAT": ("a number", _finite),
    "BOOLEAN": ("true or false", _boolean),
    "DATE": ("a day as YYYY-MM-DD", _day),
    "TIMESTAMP": ("a moment as YYYY-MM-DDTHH:MM:SS, UTC", _moment),
    "TIME": ("a time as HH:MM:SS", _time),
    "VARCHAR": (f"a text of at most {LONGEST_VALUE} characters", str),
}


def shown(text: str) -> str:
    """Return a text as an error can show it: short, whatever is in it."""
    return ascii(text[:60]) if len(text) <= 60 else f"{text[:60]!a}..."
