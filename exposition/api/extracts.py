"""Extracts: all rows of a question as Arrow, Parquet, CSV or JSON, piece by piece.

An extract holds one batch of rows in memory, however long it is. Text in CSV that a spreadsheet
would take for a formula gets an apostrophe in front; the other formats have every value as it is.
"""

import io
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from exposition.api.opened import Opened
from exposition.api.queries import Question, rows_sql

ROWS = 20_000
"""Rows of a batch, which is also a row group of Parquet."""
FORMULA = r"^[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"
"""Also as Japanese keyboards write them, which spreadsheets take for the same."""


class Format(StrEnum):
    """What an extract can be."""

    ARROW = "arrow"
    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"


MEDIA_TYPES = {
    Format.ARROW: "application/vnd.apache.arrow.stream",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSON: "application/json",
}


class _Pieces(io.RawIOBase):
    """A file that a writer writes to, emptied after every batch."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(self._written[-1])

    def take(self) -> bytes:
        piece, self._written = b"".join(self._written), []
        return piece


def stream(opened: Opened, question: Question, form: Format) -> Iterator[bytes]:
    """Yield an extract in pieces; closing the generator ends the query."""
    sql, values = rows_sql(question)
    with opened.cursor() as cursor:
        reader = cursor.execute(sql, values).to_arrow_reader(ROWS)
        if form is Format.JSON:
            yield from _json(reader)
        else:
            yield from _written(reader, form)


def _written(reader: Any, form: Format) -> Iterator[bytes]:
    pieces = _Pieces()
    with _WRITERS[form](pieces, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(guard(batch) if form is Format.CSV else batch)
            if piece := pieces.take():
                yield piece
    yield pieces.take()


def _arrow(sink: Any, schema: Any) -> Any:
    return pa.ipc.new_stream(sink, schema)


def _parquet(sink: Any, schema: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(sink, schema, compression="zstd")


def _csv(sink: Any, schema: Any) -> Any:
    from pyarrow import csv

    return csv.CSVWriter(sink, schema)


_WRITERS: dict[Format, Callable[[Any, Any], Any]] = {
    Format.ARROW: _arrow,
    Format.PARQUET: _parquet,
    Format.CSV: _csv,
}


def guard(batch: Any) -> Any:
    """Return a batch in which no text begins like a formula."""
    columns = []
    for column in batch.columns:
        if pa.types.is_string(column.type):
            risky = pc.match_substring_regex(column, FORMULA)
            if pc.any(risky).as_py():
                quoted = pc.binary_join_element_wise(pa.scalar("'"), column, pa.scalar(""))
                column = pc.if_else(pc.fill_null(risky, False), quoted, column)
        columns.append(column)
    return pa.record_batch(columns, schema=batch.schema)


def _json(reader: Any) -> Iterator[bytes]:
    between = b"[\n"
    for batch in reader:
        rows = b",\n".join(map(orjson.dumps, _plain_rows(batch)))
        if rows:
            yield between + rows
            between = b",\n"
    yield b"[]\n" if between == b"[\n" else b"\n]\n"


def _plain_rows(batch: Any) -> Iterator[dict[str, Any]]:
    """Yield rows that orjson knows by itself; converting whole columns is the fastest."""
    columns = []
    for column in batch.columns:
        kind = column.type
        if pa.types.is_decimal(kind):
            texts = column.cast(pa.string()).to_pylist()
            columns.append([one and orjson.Fragment(one) for one in texts])
        else:
            columns.append(column.to_pylist())
    names = batch.schema.names
    return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def dumps(value: Any) -> bytes:
    """Return JSON; decimals are numbers with all of their digits."""
    return orjson.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError(type(value))
