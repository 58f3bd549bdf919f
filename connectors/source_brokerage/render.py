"""Bulk rendering: DuckDB writes the protocol's lines of a well-formed text file.

A file that is not well-formed is found before anything of it is written and goes through
`emit.emit_rows`, row by row.
"""

from __future__ import annotations

import os
import stat
import threading
from io import TextIOWrapper
from typing import Any

import duckdb

from connectors.source_brokerage.batches import MARK, Content
from connectors.source_brokerage.emit import emit_rows
from connectors.source_brokerage.opening import SourceFile, open_file
from connectors.source_brokerage.protocol import Writer
from connectors.source_brokerage.streams import Format, Stream

# DuckDB's start and a query's cost more than a small file's rows in Python.
SMALL_LINES = 2_000
COPY_BYTES = 1 << 20
# One thread renders as fast as two, in a quarter of the memory, and leaves a core to the reader.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "autoinstall_known_extensions": "false",
}
_BUFFER_BYTES = 4 << 20
_DIALECTS: dict[Format, str] = {
    "pipe": "delim = '|', quote = '', escape = ''",
    "comma": "delim = ',', quote = '\"', escape = '\"'",
    "lines": "delim = chr(1), quote = '', escape = ''",
}

_DELIMITERS: dict[Format, bytes] = {"pipe": b"|", "comma": b",", "lines": b"\1"}


def emit_text(
    writer: Writer, stream: Stream, file: SourceFile, content: Content, delivery: int
) -> None:
    """The file's rows as records, equal to `emit_rows` value by value."""
    if content.lines <= SMALL_LINES:
        emit_rows(writer, stream, file, delivery)
        return
    connection = duckdb.connect(config=_SETTINGS)
    try:
        with open_file(file) as opened:
            # By the descriptor: at the path something else may lie by now, and names are patterns.
            path = f"/dev/fd/{opened.fileno()}"
            if not _is_well_formed(connection, stream, file, content, path):
                emit_rows(writer, stream, file, delivery)
                return
            writer.running(stream.name)
            writer.flush()
            with _Output(writer) as target:
                connection.execute(_copy(writer, stream, file, path, delivery, target))
        writer.counts[stream.name] = writer.counts.get(stream.name, 0) + content.lines
    finally:
        connection.close()


def _is_well_formed(
    connection: duckdb.DuckDBPyConnection,
    stream: Stream,
    file: SourceFile,
    content: Content,
    path: str,
) -> bool:
    """Whether DuckDB is sure to read the file as `rows.split_rows` does, without malformed rows.

    DuckDB's own check is not enough: it lets pass a further delimiter at a line's end, blank lines
    and lone CRs, so bytes are counted first.
    """
    if not _is_plain(stream, file, content) or not (content.is_ascii or _is_utf8(file)):
        return False
    try:
        query = f"select count(*) from {_reader(stream, file, path)}"
        counted = connection.execute(query).fetchone()
    except duckdb.Error:
        return False
    return counted == (content.lines,)


def _is_plain(stream: Stream, file: SourceFile, content: Content) -> bool:
    """Whether line ends are all alike and delimiters as many as they must be; nothing is quoted."""
    delimiter = _DELIMITERS[stream.format]
    wanted = content.lines * (len(stream.file_columns(file.batch)) - 1)
    found = pairs = returns = 0
    last = b""
    with open_file(file) as blocks:
        while block := blocks.read(COPY_BYTES):
            if not last and block.startswith(MARK):
                return False
            if b"\0" in block or (stream.format == "comma" and b'"' in block):
                return False
            found += block.count(delimiter)
            returns += block.count(b"\r")
            pairs += block.count(b"\r\n") + (last == b"\r" and block.startswith(b"\n"))
            last = block[-1:]
    return found == wanted and returns == pairs and returns in (0, content.lines)


def _is_utf8(file: SourceFile) -> bool:
    try:
        with (
            open_file(file) as stream,
            TextIOWrapper(stream, encoding="utf-8", newline="") as text,
        ):
            while text.read(COPY_BYTES):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _reader(stream: Stream, file: SourceFile, path: str) -> str:
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in stream.file_columns(file.batch))
    return (
        f"read_csv({_text(path)}, {_DIALECTS[stream.format]}, header = false, nullstr = '', "
        f"columns = {{{columns}}}, auto_detect = false, buffer_size = {_BUFFER_BYTES})"
    )


def _copy(
    writer: Writer, stream: Stream, file: SourceFile, path: str, delivery: int, target: str
) -> str:
    delivered = stream.file_columns(file.batch)
    fields = [f"{name}: {name if name in delivered else 'null'}" for name in stream.columns]
    fields += [
        f"_batch: {file.batch}",
        f"_delivery: {delivery}",
        f"_file: {_text(file.relative)}",
        "_line: _line",
        "_raw_text: null",
    ]
    record = f"{{stream: {_text(stream.name)}, data: {{{', '.join(fields)}}}, "
    record += f"emitted_at: {writer.emitted_at}}}"
    return (
        f"copy (select 'RECORD' as type, {record} as record "
        f"from (select *, row_number() over () as _line from {_reader(stream, file, path)})) "
        f"to {_text(target)} (format json)"
    )


class _Output:
    """A path that DuckDB can write to and that ends up on the writer's stream.

    Standard output itself where it is a pipe, else a pipe whose other end is copied: opening
    `/dev/stdout` anew would overwrite a file.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self._thread: threading.Thread | None = None
        self._ends: tuple[int, int] | None = None

    def __enter__(self) -> str:
        if self._is_pipe():
            return "/dev/stdout"
        self._ends = os.pipe()
        self._thread = threading.Thread(target=self._copy_all, args=(self._ends[0],))
        self._thread.start()
        return f"/dev/fd/{self._ends[1]}"

    def _is_pipe(self) -> bool:
        try:
            number = self.writer.stream.fileno()
        except (OSError, AttributeError):
            return False
        return number == 1 and stat.S_ISFIFO(os.fstat(number).st_mode)

    def _copy_all(self, end: int) -> None:
        while block := os.read(end, COPY_BYTES):
            self.writer.stream.write(block)

    def __exit__(self, failure: object, *_: Any) -> None:
        if self._ends and self._thread:
            os.close(self._ends[1])
            self._thread.join()
            os.close(self._ends[0])
        if failure is not None:
            # DuckDB was in the middle of a line, or of its end.
            self.writer.stream.write(b"\n")
