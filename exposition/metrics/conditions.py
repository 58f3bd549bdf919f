"""Conditions on dimensions: how a person's words become typed values.

The values are no part of any SQL; `exposition.metrics.answers` binds them when it runs.
"""

import csv
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NoReturn

from exposition.metrics.definitions import Definitions, Dimension, Metric, shown
from tradehouse.errors import UsageError

COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
LISTS = ("in", "not in")
WITHOUT_VALUE = ("is null", "is not null")
OPERATORS = (*COMPARISONS, *LISTS, *WITHOUT_VALUE)
OF_TYPE = {
    "text": ("=", "!=", *LISTS, *WITHOUT_VALUE),
    "boolean": ("=", "!=", *WITHOUT_VALUE),
    "number": OPERATORS,
    "date": OPERATORS,
}
LONGEST_TEXT = 1000
MOST_VALUES = 200
_FILTER = re.compile(
    r"\s*(?P<dimension>\w+)\s*"
    r"(?P<operator><=|>=|!=|<>|=|<|>|\b(?:not\s+in|in|is\s+not\s+null|is\s+null)\b)"
    r"(?P<value>.*)",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}([.][0-9]{1,9})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORDS = {"true": True, "yes": True, "false": False, "no": False}

Value = str | Decimal | date | bool


@dataclass(frozen=True)
class Filter:
    """One condition: a dimension by name, one of `OPERATORS`, values of the dimension's type."""

    dimension: str
    operator: str
    values: tuple[Value, ...]


def read_filter(
    definitions: Definitions, metrics: Iterable[Metric], text: str, may_see: Collection[str]
) -> Filter:
    """Return the condition that a text such as `customer__tier = 1` means; raises UsageError."""
    parts = _FILTER.fullmatch(text)
    if parts is None:
        raise UsageError(
            f"{shown(text)} is no condition. It has a dimension, an operator and a value, such "
            f"as 'customer__tier = 1'. Operators: {', '.join(OPERATORS)}."
        )
    dimension = definitions.dimension(parts["dimension"], metrics, may_see)
    operator, text = " ".join(parts["operator"].lower().split()), parts["value"].strip()
    operator = "!=" if operator == "<>" else operator
    if operator in WITHOUT_VALUE and text:
        raise UsageError(f"Nothing may follow {operator!r}: {shown(text)}.")
    if operator in LISTS:
        return filter_of(dimension, operator, _list_of(text))
    return filter_of(dimension, operator, [_unquoted(text)] if text else [])


def filter_of(dimension: Dimension, operator: str, values: Sequence[str]) -> Filter:
    """Return a condition on a dimension, from the values as somebody wrote them.

    Raises:
        UsageError: when the dimension's type does not take the operator or a value.
    """
    if operator not in OF_TYPE[dimension.type]:
        raise UsageError(
            f"{dimension.name} is a {dimension.type}, which {shown(operator)} does not suit. "
            f"Possible: {', '.join(OF_TYPE[dimension.type])}."
        )
    if not values and operator not in WITHOUT_VALUE:
        raise UsageError(f"The condition on {dimension.name} has no value after {operator!r}.")
    if len(values) > MOST_VALUES:
        raise UsageError(f"A list has at most {MOST_VALUES} values, and this one {len(values)}.")
    return Filter(dimension.name, operator, tuple(_value(dimension, one) for one in values))


def _list_of(text: str) -> list[str]:
    """Return the values between commas; one with a comma in it stands in double quotes."""
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise UsageError(f"{shown(text)} is no list of values: {error}.") from error
    return [_unquoted(one.strip()) for one in rows[0]] if rows else []


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def _value(dimension: Dimension, text: str) -> Value:
    if dimension.type == "number":
        if not _NUMBER.fullmatch(text):
            _refuse(dimension, text, "such as 2 or -0.5")
        return Decimal(text)
    if dimension.type == "date":
        return read_day(text) or _refuse(dimension, text, "such as 2017-03-31")
    if dimension.type == "boolean":
        if text.lower() not in _WORDS:
            _refuse(dimension, text, "true or false")
        return _WORDS[text.lower()]
    if len(text) > LONGEST_TEXT or "\0" in text or not _is_utf8(text):
        _refuse(dimension, text, f"of up to {LONGEST_TEXT:,} characters, none of them NUL")
    return text


def _refuse(dimension: Dimension, text: str, expected: str) -> NoReturn:
    raise UsageError(f"{dimension.name} is a {dimension.type} {expected}, and not {shown(text)}.")


def read_day(text: str) -> date | None:
    """Return the day that a text such as `2017-03-31` is, None for any other."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
