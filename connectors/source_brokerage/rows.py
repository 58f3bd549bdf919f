"""Exact splitting of text files, row by row: the way for small files and malformed ones.

A row is a line: no field holds a line break. A line that cannot be split keeps its text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from connectors.source_brokerage.streams import Format

_MARK = "\ufeff"


@dataclass
class Row:
    """A line: its columns (None = empty), or its text when it cannot be split into them."""

    line: int
    values: list[str | None] | None
    raw_text: str | None = None


def split_rows(lines: Iterable[bytes], kind: Format, columns: int) -> Iterator[Row]:
    """Split lines (with their ends) into rows of `columns` fields.

    A line with another number of fields, a blank line, wrong quotes or bytes that are not UTF-8
    gives a row with `raw_text` (such bytes as backslash escapes) and no values.
    """
    split = {"pipe": _split_pipe, "lines": _whole}.get(kind, _split_comma)
    for number, content in enumerate(lines, start=1):
        content = content.removesuffix(b"\n").removesuffix(b"\r")
        try:
            text = content.decode()
        except UnicodeDecodeError:
            yield Row(number, None, content.decode("utf-8", "backslashreplace"))
            continue
        if number == 1:
            text = text.removeprefix(_MARK)
        fields = split(text)
        if fields is None or len(fields) != columns or not text:
            yield Row(number, None, text)
        else:
            yield Row(number, [field or None for field in fields])


def _split_pipe(text: str) -> list[str]:
    return text.split("|")


def _whole(text: str) -> list[str]:
    return [text]


def _split_comma(text: str) -> list[str] | None:
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        return None
