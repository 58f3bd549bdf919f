"""Reading the Airbyte protocol from a byte stream: runs of records, and every other message.

Records are nearly all of the stream, so they are not parsed here: a regular expression finds runs
of lines of one stream, which go to the loader as bytes. Not here: what messages mean (`reader`).
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from ingestion.errors import ProtocolError

BLOCK_BYTES = 4 * 1024 * 1024
SHOWN_CHARACTERS = 200

_TEXT = rb'"((?:[^"\\\n]|\\[^\n])*)"'
_RECORD_HEAD = re.compile(
    rb'\{\s*"type"\s*:\s*"RECORD"\s*,\s*"record"\s*:\s*\{\s*'
    rb'(?:"namespace"\s*:\s*(?:null|' + _TEXT + rb")\s*,\s*)?"
    rb'"stream"\s*:\s*' + _TEXT + rb"\s*,"
    rb'(?:\s*"namespace"\s*:\s*(?:null|' + _TEXT + rb")\s*,)?"
)

StreamKey = tuple[str | None, str]
"""A stream's identity: its namespace and its name."""


@dataclass(frozen=True)
class RecordRun:
    """Consecutive complete lines, each a RECORD of one stream; `line` is the first one's number."""

    key: StreamKey
    lines: bytes
    count: int
    line: int


@dataclass(frozen=True)
class Message:
    """Any other line that parsed as a JSON object."""

    content: dict[str, Any]
    line: int


@dataclass(frozen=True)
class Noise:
    """A line that does not begin with `{`: something a connector printed."""

    text: str
    line: int


Item = RecordRun | Message | Noise


class Splitter:
    """Splits a connector's output into items. Memory is bounded by block and line length.

    Records of the `ambiguous` stream names, which occur in several namespaces, are parsed where
    the namespace does not stand at their beginning.
    """

    def __init__(
        self, ambiguous: Collection[str] = (), max_line_bytes: int = 256 * 1024 * 1024
    ) -> None:
        self._ambiguous = frozenset(ambiguous)
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._line = 1
        self._max_line_bytes = max_line_bytes
        self._runs: dict[bytes, tuple[StreamKey, re.Pattern[bytes] | None]] = {}

    @property
    def line(self) -> int:
        """The number of the line that is read next."""
        return self._line

    def feed(self, block: bytes) -> Iterator[Item]:
        """The items of the lines that this block completes. Raises ProtocolError."""
        end = block.rfind(b"\n") + 1
        if not end:
            self._keep(block)
            return
        self._rest.append(block[:end])
        lines = b"".join(self._rest)
        self._rest, self._rest_bytes = [], 0
        self._keep(block[end:])
        yield from self._split(lines)

    def close(self) -> Iterator[Item]:
        """The items of a last line without its end. Raises ProtocolError."""
        lines = b"".join(self._rest)
        self._rest, self._rest_bytes = [], 0
        if lines.strip():
            yield from self._split(lines + b"\n")

    def _keep(self, rest: bytes) -> None:
        if not rest:
            return
        self._rest.append(rest)
        self._rest_bytes += len(rest)
        if self._rest_bytes > self._max_line_bytes:
            raise ProtocolError(
                f"Line {self._line} of the connector's output is longer than "
                f"{self._max_line_bytes} bytes and has no end."
            )

    def _split(self, lines: bytes) -> Iterator[Item]:
        position, size = 0, len(lines)
        while position < size:
            head = _RECORD_HEAD.match(lines, position)
            if head is None:
                end = lines.index(b"\n", position) + 1
                yield from self._other(lines[position:end])
                position = end
                continue
            key, run = self._run_of(head)
            if run is None:
                end = lines.index(b"\n", position) + 1
                yield from self._other(lines[position:end])
                position = end
                continue
            match = run.match(lines, position)
            end = match.end() if match else lines.index(b"\n", position) + 1
            body = lines[position:end]
            count = body.count(b"\n")
            yield RecordRun(key, body, count, self._line)
            self._line += count
            position = end

    def _run_of(self, head: re.Match[bytes]) -> tuple[StreamKey, re.Pattern[bytes] | None]:
        prefix = head.group()
        known = self._runs.get(prefix)
        if known is None:
            namespace = head[1] if head[1] is not None else head[3]
            key = (None if namespace is None else _text(namespace), _text(head[2]))
            run = re.compile(rb"(?:" + re.escape(prefix) + rb'(?!\s*"namespace")[^\n]*\n)+')
            whole = key[0] is not None or key[1] not in self._ambiguous
            known = self._runs[prefix] = (key, run if whole else None)
        return known

    def _other(self, line: bytes) -> Iterator[Item]:
        number = self._line
        self._line += 1
        text = line.strip()
        if not text:
            return
        if not text.startswith(b"{"):
            yield Noise(text.decode("utf-8", "backslashreplace"), number)
            return
        content = parse_line(text, number)
        record = content.get("record")
        if content.get("type") == "RECORD" and isinstance(record, dict):
            # A record whose keys stand in an unusual order: written again in the usual one.
            key = (record.get("namespace"), str(record.get("stream")))
            usual = {"stream": key[1], "namespace": key[0]} | record
            body = orjson.dumps({"type": "RECORD", "record": usual})
            yield RecordRun(key, body + b"\n", 1, number)
        else:
            yield Message(content, number)


def parse_line(text: bytes, number: int) -> dict[str, Any]:
    """One line as a JSON object. Raises ProtocolError with its number and beginning."""
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        beginning = text[:SHOWN_CHARACTERS].decode("utf-8", "backslashreplace")
        raise ProtocolError(
            f"Line {number} of the connector's output begins with {{ and is not valid JSON "
            f"({error}): {beginning}"
        ) from None
    return content if isinstance(content, dict) else {}


class Output(Protocol):
    """Whatever bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, empty at the end."""


def read_items(output: Output, ambiguous: Collection[str] = ()) -> Iterator[Item]:
    """Every item of a connector's output until it ends. Raises ProtocolError."""
    splitter = Splitter(ambiguous)
    while block := output.read(BLOCK_BYTES):
        yield from splitter.feed(block)
    yield from splitter.close()


def _text(quoted: bytes) -> str:
    return str(orjson.loads(b'"' + quoted + b'"'))
