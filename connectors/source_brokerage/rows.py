"""Exact splitting of text files, row by row: the way for small files and malformed ones.

Whatever cannot be split keeps its text; nothing is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from connectors.source_brokerage.batches import MARK
from connectors.source_brokerage.streams import Format

MAX_ROW_LINES = 100
_QUOTED = re.compile(rb'"((?>[^"]*+(?:""[^"]*+)*))"(?=,|\Z)')
_CLOSED = re.compile(rb'"(?>[^"]*+(?:""[^"]*+)*)"')
_PLAIN = re.compile(rb'[^",]*+(?=,|\Z)')


@dataclass
class Row:
    """A row: its columns (None = empty), or its text when it cannot be split into them.

    `line` is 1-based; a row over several lines has the number of its first.
    """

    line: int
    values: list[str | None] | None
    raw_text: str | None = None


def split_rows(lines: Iterable[bytes], kind: Format, columns: int) -> Iterator[Row]:
    """Split lines (with their ends, LF or CR LF) into rows of `columns` fields.

    Another number of fields, a blank line, a quote that is neither around a whole field nor
    doubled inside one, or bytes that are not UTF-8 give a row with `raw_text` (such bytes as
    backslash escapes) and no values. A quoted field may hold line ends; a quote that is not
    closed within `MAX_ROW_LINES` lines makes its line a malformed row. A byte order mark at
    the head is left out.
    """
    numbered = enumerate(_without_mark(lines), start=1)
    if kind in ("comma", "audit"):
        yield from _comma_rows(numbered, columns)
        return
    delimiter = b"|" if kind == "pipe" else None
    for number, line in numbered:
        text = _without_end(line)
        yield _row(number, text, [text] if delimiter is None else text.split(delimiter), columns)


def _without_mark(lines: Iterable[bytes]) -> Iterator[bytes]:
    rest = iter(lines)
    if first := next(rest, b"").removeprefix(MARK):
        yield first
    yield from rest


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r") if line.endswith(b"\n") else line


def _row(number: int, text: bytes, fields: list[bytes] | None, columns: int) -> Row:
    if text and fields is not None and len(fields) == columns:
        try:
            return Row(number, [field.decode() or None for field in fields])
        except UnicodeDecodeError:
            pass
    return Row(number, None, text.decode("utf-8", "backslashreplace"))


def _comma_rows(numbered: Iterator[tuple[int, bytes]], columns: int) -> Iterator[Row]:
    for number, line in numbered:
        block = [(number, line)]
        text = _without_end(line)
        is_open, fields = split_commas(text)
        while is_open and len(block) < MAX_ROW_LINES and (more := next(numbered, None)):
            block.append(more)
            text = _without_end(b"".join(line for _, line in block))
            is_open, fields = split_commas(text)
        if fields is None and len(block) > 1:
            yield _row(number, _without_end(line), None, columns)
            yield from _comma_rows(iter(block[1:]), columns)
        else:
            yield _row(number, text, fields, columns)


def split_commas(text: bytes) -> tuple[bool, list[bytes] | None]:
    """Fields of a comma-separated row, None when its quotes are wrong; whether a quote is open."""
    if b'"' not in text:
        return False, text.split(b",")
    fields: list[bytes] = []
    position = 0
    while True:
        if quoted := _QUOTED.match(text, position):
            fields.append(quoted[1].replace(b'""', b'"'))
            position = quoted.end()
        elif plain := _PLAIN.match(text, position):
            fields.append(plain[0])
            position = plain.end()
        else:
            is_open = text.startswith(b'"', position) and not _CLOSED.match(text, position)
            return is_open, None
        if position == len(text):
            return False, fields
        position += 1
