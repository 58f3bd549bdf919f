"""Splitting a delivered file line by line, exactly by its declared format.

The slow, exact way: for files in which the fast one (`bulk_files`) found anything unusual. A row
that cannot be split keeps its text. Not here: storing the rows.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ingestion.declarations import FileFormat
from ingestion.errors import IngestionError

NO_DELIMITER = 1
"""For files whose lines are one column: a byte that must not occur in them."""


class Row(NamedTuple):
    """A row of a file: its values, or where it cannot be split, its text."""

    line: int
    values: tuple[str | None, ...] | None
    raw_text: str | None


def rows(path: Path, file_format: FileFormat, layout: str | None) -> Iterator[Row]:
    """Every row of the file in order, with its 1-based line number.

    A line ends with LF or CR LF. A quoted field may hold delimiters, doubled quotes and line ends;
    the row then has the number of its first line. An empty field is NULL. A row is malformed when
    its number of fields is not the layout's, when a quote is neither around a whole field nor
    doubled inside one, when it is empty, or when its bytes are not UTF-8. A byte order mark at the
    head of the file is left out.
    """
    width = len(file_format.layout_columns(layout))
    with path.open("rb") as handle:
        lines = _without_mark(handle)
        if file_format.quote is None:
            for number, line in enumerate(lines, start=1):
                yield _plain_row(number, _without_end(line), file_format.delimiter, width)
        else:
            yield from _quoted_rows(lines, file_format, width)


def _without_mark(lines: Iterator[bytes]) -> Iterator[bytes]:
    first = next(lines, b"")
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise IngestionError(
            "A file begins with the byte order mark of UTF-16; expected text in UTF-8."
        )
    if first := first.removeprefix(codecs.BOM_UTF8):
        yield first
    yield from lines


def rows_with_quotes(
    path: Path, file_format: FileFormat, layout: str | None, most: int
) -> list[Row] | None:
    """The rows of a file that have a quote, as `rows` gives them; what has none is not split.

    None where a row goes on in the next line, where there are more than `most`, and where a line
    holds the byte that stands for no delimiter, of which the database would forget the last.
    """
    quote, delimiter = (file_format.quote or "").encode(), (file_format.delimiter or "").encode()
    width = len(file_format.layout_columns(layout))
    found: list[Row] = []
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            if NO_DELIMITER in line:
                return None
            if quote not in line:
                continue
            text = _without_end(line)
            state, fields = _split_quoted(text, delimiter, quote)
            if state == "open" or len(found) == most:
                return None
            found.append(_quoted_row(number, text, fields if state == "whole" else None, width))
    return found


def _without_end(line: bytes) -> bytes:
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith(b"\n") else line


def _malformed(number: int, text: bytes) -> Row:
    return Row(number, None, text.decode("utf-8", "backslashreplace"))


def _plain_row(number: int, text: bytes, delimiter: str | None, width: int) -> Row:
    if not text:
        return _malformed(number, text)
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        return _malformed(number, text)
    fields = [decoded] if delimiter is None else decoded.split(delimiter)
    if len(fields) != width:
        return _malformed(number, text)
    return Row(number, tuple(field or None for field in fields), None)


def _quoted_rows(handle: Iterator[bytes], file_format: FileFormat, width: int) -> Iterator[Row]:
    delimiter = (file_format.delimiter or "").encode()
    quote = (file_format.quote or "").encode()
    pending: list[bytes] = []
    first = 0
    for number, line in enumerate(handle, start=1):
        if not pending:
            first = number
            if quote not in line:
                yield _plain_row(number, _without_end(line), file_format.delimiter, width)
                continue
        pending.append(line)
        state, fields = _split_quoted(_without_end(b"".join(pending)), delimiter, quote)
        if state == "open" and len(pending) < MAX_ROW_LINES:
            continue
        yield from _finish(first, pending, fields if state == "whole" else None, width, file_format)
        pending = []
    if pending:
        yield from _finish(first, pending, None, width, file_format)


MAX_ROW_LINES = 100
"""A quoted field over more lines than this is taken for a quote that was never closed."""


def _finish(
    first: int,
    pending: list[bytes],
    fields: list[bytes] | None,
    width: int,
    file_format: FileFormat,
) -> Iterator[Row]:
    """The row of these lines; where they are none, their first as malformed and the rest anew."""
    if fields is not None or len(pending) == 1:
        yield _quoted_row(first, _without_end(b"".join(pending)), fields, width)
        return
    yield _malformed(first, _without_end(pending[0]))
    for row in _quoted_rows(iter(pending[1:]), file_format, width):
        yield row._replace(line=row.line + first)


def _quoted_row(number: int, text: bytes, fields: list[bytes] | None, width: int) -> Row:
    if fields is None or len(fields) != width:
        return _malformed(number, text)
    try:
        values = [field.decode("utf-8") for field in fields]
    except UnicodeDecodeError:
        return _malformed(number, text)
    return Row(number, tuple(value or None for value in values), None)


def _split_quoted(text: bytes, delimiter: bytes, quote: bytes) -> tuple[str, list[bytes]]:
    """Fields of a row, with "whole", "open" (a quoted field has no end yet) or "broken"."""
    fields: list[bytes] = []
    position, size = 0, len(text)
    while True:
        if text.startswith(quote, position):
            value = bytearray()
            position += 1
            while True:
                end = text.find(quote, position)
                if end < 0:
                    return "open", fields
                value += text[position:end]
                position = end + 1
                if not text.startswith(quote, position):
                    break
                value += quote
                position += 1
            fields.append(bytes(value))
            if position < size and not text.startswith(delimiter, position):
                return "broken", fields
        else:
            end = text.find(delimiter, position)
            field = text[position : end if end >= 0 else size]
            if quote in field:
                return "broken", fields
            fields.append(field)
            position += len(field)
        if position >= size:
            return "whole", fields
        position += len(delimiter)
