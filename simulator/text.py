"""Columns to text: vectorised rendering of rows as delimited or fixed-width lines.

Belongs here: the formats that all files share (numbers, dates, delimiters, line ends) and the file
writer. Does not belong here: which columns a file has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from simulator.randomness import Booleans, Counters, Floats, Integers, Stream

Text: TypeAlias = Any  # pa.StringArray: pyarrow ships no types

LINE_END = "\r\n"
_LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz  ", dtype=np.uint8)


def numbers(values: npt.NDArray[Any]) -> Text:
    """Integers as decimal digits."""
    return pc.cast(pa.array(np.ascontiguousarray(values)), pa.string())


def padded(values: npt.NDArray[Any], width: int) -> Text:
    """Integers with leading zeros."""
    return pc.utf8_lpad(numbers(values), width, "0")


def decimals(units: Integers, places: int = 2) -> Text:
    """Exact decimals from integers that count the last place: 1234 -> `12.34`."""
    wide = np.empty((len(units), 2), dtype=np.int64)
    wide[:, 0] = units
    wide[:, 1] = units >> 63
    kind = pa.decimal128(18, places)
    array = pa.Array.from_buffers(kind, len(units), [None, pa.py_buffer(wide)])
    return pc.cast(array, pa.string())


def dates(days: Integers) -> Text:
    """Days since 1970-01-01 as `YYYY-MM-DD`."""
    return pc.cast(pa.array(days.astype("datetime64[D]")), pa.string())


def compact_dates(days: Integers) -> Text:
    """Days since 1970-01-01 as `YYYYMMDD`."""
    moment = days.astype("datetime64[D]")
    year = moment.astype("datetime64[Y]").astype(np.int64) + 1970
    month = moment.astype("datetime64[M]").astype(np.int64) % 12 + 1
    day = (moment - moment.astype("datetime64[M]")).astype(np.int64) + 1
    return numbers(year * 10_000 + month * 100 + day)


def timestamps(seconds: Integers) -> Text:
    """Seconds since 1970-01-01 00:00:00 as `YYYY-MM-DD HH:MM:SS`."""
    return pc.cast(pa.array(seconds.astype("datetime64[s]")), pa.string())


def choose(words: Sequence[str] | Text, positions: npt.NDArray[Any]) -> Text:
    """The word at each position."""
    array = words if isinstance(words, pa.Array) else pa.array(words, pa.string())
    return array.take(pa.array(positions))


def where(condition: Booleans, chosen: Text | str, other: Text | str) -> Text:
    """Element-wise choice between texts or constants."""
    return pc.if_else(pa.array(condition), chosen, other)


def blanked(condition: Booleans, values: Text) -> Text:
    """Empty where the condition holds."""
    return where(condition, "", values)


def join(*parts: Text | str, separator: str = "") -> Text:
    """Element-wise concatenation; constants are repeated. One part at least is an array."""
    return pc.binary_join_element_wise(*parts, separator)


def lines(*columns: Text | str, delimiter: str = "|") -> Text:
    """Rows as lines with their line ends."""
    return join(join(*columns, separator=delimiter), LINE_END)


def left(values: Text, width: int) -> Text:
    """Left aligned in a field of fixed width."""
    return pc.utf8_rpad(values, width, " ")


def right(values: Text, width: int) -> Text:
    """Right aligned in a field of fixed width."""
    return pc.utf8_lpad(values, width, " ")


def cents(amounts: Floats) -> Integers:
    """Amounts in units rounded to whole hundredths."""
    return np.rint(amounts * 100).astype(np.int64)


class RandomText:
    """Meaningless letters and blanks of `low` to `high` characters, two pieces a text."""

    def __init__(self, stream: Stream, low: int, high: int, pieces: int = 16_384) -> None:
        self._stream = stream
        self._count = pieces
        index = np.arange(pieces, dtype=np.int64)
        lengths = stream["length"].integers(index, (low + 1) // 2, high // 2 + 1)
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
        letters = stream["letter"].integers(np.arange(offsets[-1]), 0, len(_LETTERS))
        self._pieces = pa.Array.from_buffers(
            pa.string(), pieces, [None, pa.py_buffer(offsets), pa.py_buffer(_LETTERS[letters])]
        )

    def texts(self, counters: Counters) -> Text:
        """One text per counter."""
        first = self._stream["first"].integers(counters, 0, self._count)
        second = self._stream["second"].integers(counters, 0, self._count)
        return join(choose(self._pieces, first), choose(self._pieces, second))


class DataFile:
    """A file written in chunks of lines that counts its rows."""

    def __init__(self, path: Path) -> None:
        self.rows = 0
        self._file = path.open("wb", buffering=0)

    def __enter__(self) -> DataFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, rows: Text, count: int | None = None) -> None:
        """Append rendered lines; `count` says how many records they are if not one each."""
        if isinstance(rows, pa.ChunkedArray):
            rows = rows.combine_chunks()
        self.rows += len(rows) if count is None else count
        if len(rows) == 0:
            return
        _, offsets, data = rows.buffers()
        bounds = np.frombuffer(offsets, dtype=np.int32)[rows.offset : rows.offset + len(rows) + 1]
        view = memoryview(data)[bounds[0] : bounds[-1]]
        while len(view):
            view = view[self._file.write(view) :]

    def write_text(self, text: str, count: int = 0) -> None:
        """Append literal text that counts as `count` records."""
        self.rows += count
        self._file.write(text.encode())
