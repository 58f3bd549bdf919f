"""Reading the Airbyte protocol from a byte stream: runs of records, and every other message.

Records are nearly all of the stream, so they are not parsed here: a regular expression finds runs
of lines of one stream, which go to the loader as bytes. Text before, between and after messages on
one line is noise; a line that may have held a record and cannot be read is an error. Not here: what
messages mean (`reader`).
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from ingestion import json_text
from ingestion.errors import ProtocolError

BLOCK_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 200
RECORD_DEPTH = 1000
"""How deep messages and records may be nested: beyond, orjson and Python give up, DuckDB dies."""
KEPT_PREFIXES = 10_000

_TEXT = rb'"((?:[^"\\\n]|\\[^\n])*)"'
# What repeats a group without going back is `(?>(?:...)+)` here, and nowhere `(?:...)++`: up to
# Python 3.11.4 that goes on behind the beginning of a repetition that did not match.
DATA = rb'(?>(?:\s*+"emitted_at"\s*+:\s*+\d{1,16}\s*+,)?)\s*+"data"\s*+:\s*+\{'
RECORD_HEAD = re.compile(
    rb'(\{\s*"type"\s*:\s*"RECORD"\s*,\s*"record"\s*:\s*\{\s*'
    rb'(?:"namespace"\s*:\s*(?:null|' + _TEXT + rb")\s*,\s*)?"
    rb'"stream"\s*:\s*' + _TEXT + rb"\s*,"
    rb'(?:\s*"namespace"\s*:\s*(?:null|' + _TEXT + rb")\s*,)?)" + DATA
)
_PADDING = b" \t\r\n\0\v\f"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_KINDS = rb"RECORD|STATE|TRACE|CONTROL|LOG|SPEC|CATALOG|CONNECTION_STATUS"
_KNOWN = ("RECORD", "STATE", "TRACE", "CONTROL", "LOG", "SPEC", "CATALOG", "CONNECTION_STATUS")
_BODIES = rb"record|state|trace|control|log|spec|catalog|connectionStatus"
_START = re.compile(
    rb'\{\s*"(?:type"\s*:\s*"(?:' + _KINDS + rb')"|(?:' + _BODIES + rb')"\s*:\s*\{)'
)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_LIKE_A_MESSAGE = re.compile(rb"\btype\W{1,12}(?:Type\.)?(?:RECORD|STATE)\b")

_RETURNED = ("STATE", "CONTROL")

StreamKey = tuple[str | None, str]
"""A stream's identity: its namespace and its name."""


def known_as(key: StreamKey, known: Collection[StreamKey]) -> StreamKey | None:
    """Which of the known streams is meant.

    Connectors may leave out or add an empty namespace; the name decides where it can.
    """
    if key in known:
        return key
    same_name = [each for each in known if each[1] == key[1]]
    if len(same_name) == 1 and (key[0] or None) in (None, same_name[0][0]):
        return same_name[0]
    return None


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
    """A line, or what stands around messages on one: something a connector printed."""

    text: str
    line: int


@dataclass(frozen=True)
class Cut:
    """A last line without its end that is no whole message; `error` says what it is."""

    error: ProtocolError
    line: int


Item = RecordRun | Message | Noise | Cut


class Splitter:
    """Splits a connector's output into items. Memory is bounded by block and line length."""

    def __init__(self, max_line_bytes: int = 256 * 1024 * 1024) -> None:
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._line = 1
        self._max_line_bytes = max_line_bytes
        self._runs: dict[bytes, tuple[StreamKey, re.Pattern[bytes], int]] = {}

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
        """The items of a last line without its end."""
        lines = b"".join(self._rest)
        self._rest, self._rest_bytes = [], 0
        if not lines.strip():
            return
        number = self._line
        try:
            yield from self._other(lines)
        except ProtocolError as error:
            yield Cut(error, number)

    def _keep(self, rest: bytes) -> None:
        if not rest:
            return
        self._rest.append(rest)
        self._rest_bytes += len(rest)
        if self._rest_bytes > self._max_line_bytes:
            raise ProtocolError(
                f"Line {self._line} of the connector's output is longer than "
                f"{self._max_line_bytes} bytes and has no end.",
                self._rest[0],
            )

    def _split(self, lines: bytes) -> Iterator[Item]:
        position, size = 0, len(lines)
        while position < size:
            head = RECORD_HEAD.match(lines, position)
            run = self._run_of(head) if head else None
            match = run[1].match(lines, position) if run else None
            if run is None or match is None:
                end = lines.index(b"\n", position) + 1
                yield from self._other(lines[position:end])
                position = end
                continue
            position = match.end()
            body = match.group()
            count = body.count(b"\n")
            check_depth(body, self._line, RECORD_DEPTH)
            if _says_namespace_again(body, count * run[2]):
                yield from self._one_by_one(body)
            else:
                yield RecordRun(run[0], body, count, self._line)
                self._line += count

    def _run_of(self, head: re.Match[bytes]) -> tuple[StreamKey, re.Pattern[bytes], int] | None:
        """The stream of a record's head, the expression of a run, how often it says `namespace`."""
        prefix = head[1]
        known = self._runs.get(prefix)
        if known is None:
            namespace = head[2] if head[2] is not None else head[4]
            try:
                key = (None if namespace is None else _text(namespace), _text(head[3]))
            except orjson.JSONDecodeError:
                return None
            line = re.escape(prefix) + rb'(?!\s*"namespace")' + DATA + rb".*+\n"
            run = re.compile(rb"(?>(?:" + line + rb")+)")
            if len(self._runs) >= KEPT_PREFIXES:
                self._runs.clear()
            known = self._runs[prefix] = (key, run, prefix.count(b'"namespace"'))
        return known

    def _one_by_one(self, lines: bytes) -> Iterator[Item]:
        """The items of lines that are parsed; records of one stream stay together."""
        gathered: list[RecordRun] = []
        for line in lines.split(b"\n")[:-1]:
            for item in self._other(line):
                if gathered and not _goes_on(gathered[-1], item):
                    yield _together(gathered)
                    gathered = []
                if isinstance(item, RecordRun):
                    gathered.append(item)
                else:
                    yield item
        if gathered:
            yield _together(gathered)

    def _other(self, line: bytes) -> Iterator[Item]:
        """The items of one line, parsed. Raises ProtocolError."""
        number = self._line
        self._line += 1
        text = line.strip(_PADDING).removeprefix(_BYTE_ORDER_MARK).strip(_PADDING)
        if not text:
            return
        unreadable: ValueError | None = None
        if text.startswith(b"{"):
            check_depth(text + b"\n", number)
            try:
                yield _item(_content(text), text, number)
                return  # noqa: TRY300 - the item is not what may fail
            except ValueError as error:
                unreadable = error
        found = list(_messages_in(text, number))
        if unreadable and not found:
            raise _not_json(text, number, unreadable)
        position = 0
        for start, end, content in found:
            yield from _noise(text[position:start], number)
            yield _item(content, text[start:end], number)
            position = end
        yield from _noise(text[position:], number)


def _says_namespace_again(lines: bytes, known: int) -> bool:
    """Whether a record may say another namespace behind its data than before it."""
    found = lines.count(b'"namespace"')
    if found > known:
        found -= lines.count(b'"namespace": null') + lines.count(b'"namespace":null')
    return found > known


def _goes_on(run: RecordRun, item: Item) -> bool:
    return isinstance(item, RecordRun) and item.key == run.key and item.line == run.line + 1


def _together(runs: list[RecordRun]) -> RecordRun:
    first = runs[0]
    return RecordRun(first.key, b"".join(run.lines for run in runs), len(runs), first.line)


def _content(text: bytes) -> Any:
    """What a message says. Raises ValueError.

    What goes back to the connector stays as it came; elsewhere half a surrogate is U+FFFD.
    """
    try:
        return json_text.strict(text)
    except ValueError:
        content = json_text.loads(text)
    if isinstance(content, dict) and content.get("type") in _RETURNED:
        return content
    return json_text.loads(json_text.replace_lone_surrogates(text))


def _item(content: dict[str, Any], text: bytes, number: int) -> Item:
    """A record with the bytes it came in, or any other message. Raises ProtocolError."""
    record = content.get("record")
    if content.get("type") != "RECORD":
        if isinstance(record, dict) and "data" in record and "stream" in record:
            raise ProtocolError(
                f"Line {number} of the connector's output holds a record, and its `type` is not "
                f"the text RECORD.",
                text,
            )
        if content.get("type") not in _KNOWN and _holds_a_record(content):
            raise ProtocolError(
                f"Line {number} of the connector's output holds a record inside something else: a "
                f"message is a JSON object on a line of its own.",
                text,
            )
        return Message(content, number)
    wrong = _fault_of(record)
    if wrong:
        raise ProtocolError(f"Line {number} of the connector's output is a RECORD {wrong}.", text)
    assert isinstance(record, dict)
    return RecordRun((record.get("namespace"), record["stream"]), text + b"\n", 1, number)


def _holds_a_record(value: Any) -> bool:
    """Whether what is no message of the protocol has one inside that says a record, or a state."""
    if isinstance(value, list):
        return any(map(_holds_a_record, value))
    if isinstance(value, str):
        text = value.lstrip()
        return text.startswith("{") and _LIKE_A_MESSAGE.search(text.encode()) is not None
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    is_named = isinstance(kind, str) and kind.strip().upper() in ("RECORD", "STATE")
    is_record = isinstance(value.get("stream"), str) and isinstance(value.get("data"), dict)
    return is_named or is_record or any(map(_holds_a_record, value.values()))


def _fault_of(record: Any) -> str | None:
    """What of a record's shape is not the protocol's."""
    if not isinstance(record, dict):
        return f"whose `record` is {_kind(record)} instead of an object"
    if not isinstance(record.get("stream"), str):
        return f"whose `stream` is {_kind(record.get('stream'))} instead of a text"
    if not isinstance(record.get("namespace"), str | None):
        return f"whose `namespace` is {_kind(record['namespace'])} instead of a text"
    if not isinstance(record.get("data"), dict) and not record.get("file_reference"):
        return f"whose `data` is {_kind(record.get('data'))} instead of an object"
    return None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "missing or null" if value is None else names.get(type(value), "a number")


def _messages_in(text: bytes, number: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Where messages begin and end on a line with something else on it, and what they are."""
    position = 0
    while (start := _START.search(text, position)) is not None:
        end = _end_of_object(text, start.start()) or len(text)
        message = text[start.start() : end]
        check_depth(message + b"\n", number)
        try:
            content = _content(message)
        except ValueError as error:
            raise _not_json(message, number, error) from None
        yield start.start(), end, content
        position = end


def _end_of_object(text: bytes, start: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return token.end()
    return None


def _noise(text: bytes, number: int) -> Iterator[Noise]:
    text = text.strip(_PADDING)
    if not text:
        return
    if _LIKE_A_MESSAGE.search(text.replace(b"\0", b"")):
        raise ProtocolError(
            f"Line {number} of the connector's output looks like a message and cannot be read as "
            f"one: a message is a JSON object in UTF-8 on a line of its own.",
            text,
        )
    yield Noise(text.decode("utf-8", "backslashreplace"), number)


def check_depth(lines: bytes, number: int, most: int = MAX_DEPTH) -> None:
    """Raise ProtocolError for the first line, counted from `number`, that is nested too deeply.

    Only lines of at least two bytes a level can be, and few have as many brackets.
    """
    position, least, size = 0, 2 * most, len(lines)
    while position + least < size:
        last = lines.rfind(b"\n", position, position + least)
        if last >= 0:
            position = last + 1
            continue
        end = lines.index(b"\n", position)
        line = lines[position:end]
        if line.count(b"{") + line.count(b"[") > most and _depth(line) > most:
            raise ProtocolError(
                f"Line {number + lines.count(bytes([10]), 0, position)} of the connector's output "
                f"is JSON nested more than {most} levels deep, which is not loaded.",
                line,
            )
        position = end + 1


def _depth(line: bytes) -> int:
    depth = deepest = 0
    for token in _TOKEN.finditer(line):
        depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(token[0], 0)
        deepest = max(deepest, depth)
    return deepest


def _not_json(text: bytes, number: int, reason: Exception) -> ProtocolError:
    return ProtocolError(
        f"Line {number} of the connector's output begins a message that is not valid JSON on one "
        f"line ({reason})",
        text,
    )


def parse_line(text: bytes, number: int) -> dict[str, Any]:
    """One line as a JSON object. Raises ProtocolError with its number and beginning."""
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            content = _content(text)
        except ValueError as error:
            raise _not_json(text, number, error) from None
    return content if isinstance(content, dict) else {}


class Output(Protocol):
    """Whatever bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, empty at the end."""


def read_items(output: Output) -> Iterator[Item]:
    """Every item of a connector's output until it ends. Raises ProtocolError."""
    splitter = Splitter()
    while block := output.read(BLOCK_BYTES):
        yield from splitter.feed(block)
    yield from splitter.close()


def _text(quoted: bytes) -> str:
    return str(orjson.loads(b'"' + quoted + b'"'))
