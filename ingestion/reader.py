"""What a connector's messages mean: records are collected into segments, states seal them.

Not here: splitting the output into messages (`protocol`), loading segments (`committer`), and the
outcome of the sync as a whole (`sync`).
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from ingestion import json_text
from ingestion.errors import ProtocolError, Redact
from ingestion.protocol import (
    Cut,
    Item,
    Message,
    Noise,
    RecordRun,
    StreamKey,
    known_as,
    parse_line,
)
from ingestion.results import SyncError
from ingestion.segments import FileReference, Part, Segment, State

SPOOL_SEGMENT_BYTES = 32 * 1024 * 1024
FILE_SEGMENT_BYTES = 4 * 1024 * 1024
LAST_SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_SECONDS = 30.0
KIND_SHOWN = 100
NOISE_BYTES = 64 * 1024 * 1024


class Reader:
    """Reads items and hands sealed segments to `submit`. Used by one thread.

    `streams` are the selected ones; those with True are held back until they are complete, and
    those in `last` are committed after everything before them. `shares_state` says that the source
    had one state for all streams so far. Where all streams are held back, it goes with them.
    """

    def __init__(
        self,
        streams: Mapping[StreamKey, bool],
        *,
        last: Iterable[StreamKey],
        spool: Path,
        submit: Callable[[Segment], None],
        log: Callable[[str, str], None],
        save_config: Callable[[dict[str, Any]], None],
        redact: Redact = str,
        first_position: int = 0,
        shares_state: bool = False,
    ) -> None:
        self._streams = dict(streams)
        self._all_held = all(self._streams.values())
        self._last = frozenset(last)
        self._spool = spool
        self._submit = submit
        self._log = log
        self._save_config = save_config
        self._redact = redact
        self._first_position = self._position = first_position + 1
        self._parts: dict[StreamKey, Part] = {}
        self._states: dict[StreamKey | None, State] = {}
        self._since_state: Counter[StreamKey] = Counter()
        self._sealed: list[Segment] = []
        self._latest: dict[StreamKey, Segment] = {}
        self._global = self._shares_state = shares_state
        self._noise_bytes = 0
        self._opened_at = self._last_sealed_at = time.monotonic()
        self._sealed_bytes = 0
        self._number = 0
        self.complete: set[StreamKey] = set()
        self.incomplete: set[StreamKey] = set()
        self.errors: list[SyncError] = []
        self.cut: Cut | None = None
        self.noise_lines = 0
        self.first_noise: Noise | None = None
        self.unknown_messages: Counter[str] = Counter()
        self.unselected: Counter[StreamKey] = Counter()
        self.unselected_states: Counter[str] = Counter()
        self.estimated_records: dict[StreamKey, int] = {}
        self.spooled: dict[StreamKey, tuple[int, int]] = {}

    def read(self, item: Item) -> None:
        """Take one item. Raises ProtocolError."""
        if isinstance(item, RecordRun):
            self._record(item)
        elif isinstance(item, Noise):
            self._noise(item)
        elif isinstance(item, Cut):
            self.cut = item
        else:
            self._message(item)

    def _noise(self, item: Noise) -> None:
        self._log("OUTPUT", item.text)
        self.noise_lines += 1
        self.first_noise = self.first_noise or item
        self._noise_bytes += len(item.text)
        if self._noise_bytes > NOISE_BYTES:
            raise ProtocolError(
                f"The connector printed more than {NOISE_BYTES} bytes that are not the Airbyte "
                f"protocol, up to line {item.line}",
                item.text.encode(),
                is_noise=True,
            )

    def _key(self, key: StreamKey) -> StreamKey | None:
        return known_as(key, self._streams)

    def _part(self, key: StreamKey) -> Part:
        part = self._parts.get(key)
        if part is None:
            self._number += 1
            part = self._parts[key] = Part(key, self._spool / f"{self._number:06d}.jsonl")
        return part

    def _record(self, run: RecordRun) -> None:
        key = self._key(run.key)
        if key is None:
            self._unselected(run)
            return
        part = self._part(key)
        if b'"file_reference"' in run.lines:
            self._mixed(part, run)
        else:
            part.append(run)
            count, size = self.spooled.get(key, (0, 0))
            self.spooled[key] = (count + run.count, size + len(run.lines))
        self._since_state[key] += run.count

    def _unselected(self, run: RecordRun) -> None:
        """Nothing reads these lines any more, so a second message on one is looked for here."""
        self.unselected[run.key] += run.count
        if run.lines.count(b'"type"') > run.count:
            for offset, line in enumerate(run.lines.split(b"\n")[:-1]):
                parse_line(line, run.line + offset)

    def _mixed(self, part: Part, run: RecordRun) -> None:
        """Lines of which at least one may hand over a file."""
        for offset, line in enumerate(run.lines.split(b"\n")[:-1]):
            number = run.line + offset
            message = Message(parse_line(line, number), number)
            record = _object(message.content, "record", message)
            if record.get("file_reference"):
                part.references.append(_reference(record, number))
            else:
                part.append(RecordRun(part.key, line + b"\n", 1, number))

    def _message(self, message: Message) -> None:
        content, line = message.content, message.line
        kind = content.get("type")
        if not isinstance(kind, str):
            self._noise(Noise(json_text.dumps(content).decode(), line))
            return
        if kind not in ("STATE", "TRACE", "LOG", "CONTROL"):
            self._unknown(kind, message)
            return
        body = body_of(message, kind.lower())
        if kind == "STATE":
            self._state(body, message)
        elif kind == "TRACE":
            self._trace(body, message)
        elif kind == "LOG":
            self._log(str(body.get("level", "INFO")), str(body.get("message", "")))
        else:
            self._control(body, message)

    def _unknown(self, kind: str, message: Message) -> None:
        self.unknown_messages[self._redact(kind)[:KIND_SHOWN]] += 1
        self._log("UNKNOWN", json_text.dumps(message.content).decode())

    def _control(self, body: dict[str, Any], message: Message) -> None:
        config = configuration_in(message)
        if config is None:
            self._unknown(f"CONTROL {body.get('type')}", Message({"type": "CONTROL"}, message.line))
        else:
            self._save_config(config)

    def _state(self, body: dict[str, Any], message: Message) -> None:
        kind = body.get("type") or "LEGACY"
        if kind not in ("STREAM", "GLOBAL", "LEGACY"):
            raise odd(message, "its type should be STREAM, GLOBAL or LEGACY")
        self._position += 1
        if kind == "STREAM":
            described = _object(body, "stream", message)
            key = self._described(described, message)
            if key is None:
                self.unselected_states[described["stream_descriptor"]["name"]] += 1
                return
            self._check_count(body, self._since_state.pop(key, 0), message, key[1])
            self._states[key] = State("STREAM", key, body, self._position)
            self._part(key).cover()
            if key in self._last:
                if self._is_last_due():
                    self._seal_all_covered()
            elif self._is_due(self._parts[key]) and not self._held(key) and not self._global:
                self._seal([self._parts[key]])
            return
        if kind == "GLOBAL":
            _object(body, "global", message)
        self._global = True
        self._check_count(body, sum(self._since_state.values()), message, "all streams")
        self._since_state.clear()
        self._states[None] = State(str(kind), None, body, self._position)
        for part in self._parts.values():
            part.cover()
        if self._all_due():
            self._seal_all_covered()

    def _described(self, body: dict[str, Any], message: Message) -> StreamKey | None:
        """The selected stream that `stream_descriptor` names."""
        return self._named(_object(body, "stream_descriptor", message), message)

    def _named(self, descriptor: dict[str, Any], message: Message) -> StreamKey | None:
        name, namespace = descriptor.get("name"), descriptor.get("namespace")
        if not isinstance(name, str) or not isinstance(namespace, str | None):
            raise odd(message, "a stream's `name` and `namespace` should be texts")
        return self._key((namespace and json_text.whole(namespace), json_text.whole(name)))

    def _check_count(self, body: dict[str, Any], found: int, message: Message, what: str) -> None:
        statistics = body.get("sourceStats")
        expected = statistics.get("recordCount") if isinstance(statistics, dict) else None
        if statistics is None or (isinstance(statistics, dict) and expected is None):
            return
        if isinstance(expected, bool) or not isinstance(expected, int | float):
            raise odd(message, "`sourceStats.recordCount` should be a number")
        if expected != found:
            raise ProtocolError(
                f"Line {message.line}: the state of {what} says it covers {expected:.15g} records "
                f"since the last one; {found} arrived. Nothing of them is kept."
            )

    def _trace(self, body: dict[str, Any], message: Message) -> None:
        kind = body.get("type")
        if kind == "ERROR":
            self.errors.append(error_of(body.get("error")))
        elif kind == "STREAM_STATUS":
            status = _object(body, "stream_status", message)
            key = self._described(status, message)
            if key is not None:
                self._status(key, status.get("status"), message)
        elif kind == "ESTIMATE":
            estimate = _object(body, "estimate", message)
            rows = estimate.get("row_estimate")
            if estimate.get("type") == "SYNC" or not isinstance(rows, int):
                return  # Of the whole sync, or of bytes: nothing is shown of these.
            key = self._named(estimate, message)
            if key is not None:
                self.estimated_records[key] = rows
        elif kind != "ANALYTICS":
            self._unknown(f"TRACE {kind}", message)

    def _status(self, key: StreamKey, status: Any, message: Message) -> None:
        if status == "COMPLETE":
            self.complete.add(key)
            self.incomplete.discard(key)
            part = self._part(key)
            is_large = part.bytes >= FILE_SEGMENT_BYTES and key not in self._last
            if not self._global and (self._held(key) or (is_large and part.is_covered)):
                self._seal([part], complete=[key])
        elif status == "INCOMPLETE":
            self.incomplete.add(key)
            self.complete.discard(key)
        elif status not in ("STARTED", "RUNNING"):
            self._unknown(f"STREAM_STATUS {status}", message)

    def complete_all(self) -> None:
        """Take every stream for complete that did not say it is not."""
        for key in self._streams.keys() - self.complete - self.incomplete:
            self._part(key)
            self.complete.add(key)

    def _held(self, key: StreamKey) -> bool:
        return self._streams[key]

    def _is_due(self, part: Part) -> bool:
        return (
            part.spool_bytes >= SPOOL_SEGMENT_BYTES
            or part.bytes - part.spool_bytes >= FILE_SEGMENT_BYTES
            or time.monotonic() - self._opened_at > SEGMENT_SECONDS
        )

    def _all_due(self) -> bool:
        total = sum(part.spool_bytes for part in self._parts.values())
        return total >= SPOOL_SEGMENT_BYTES or any(map(self._is_due, self._parts.values()))

    def _is_last_due(self) -> bool:
        """Many small deliveries are committed together: each costs statements and states."""
        total = self._sealed_bytes + sum(part.bytes for part in self._parts.values())
        since = time.monotonic() - self._last_sealed_at
        return total >= LAST_SEGMENT_BYTES or since > SEGMENT_SECONDS

    def _seal_all_covered(self) -> None:
        """One segment of every part that states cover, after everything sealed so far."""
        if self._all_held:
            return
        parts = [p for p in self._parts.values() if p.is_covered and not self._held(p.key)]
        self._seal(parts, follows=self._sealed)
        self._sealed_bytes, self._last_sealed_at = 0, time.monotonic()

    def _seal(
        self,
        parts: list[Part],
        *,
        follows: list[Segment] | None = None,
        complete: list[StreamKey] | None = None,
    ) -> None:
        keys = {part.key for part in parts}
        keys_of_states = [key for key in self._states if key is None or key in keys]
        states = [self._states.pop(key) for key in keys_of_states]
        if follows is None:
            follows = [self._latest[key] for key in keys if key in self._latest]
        follows = [segment for segment in follows if not segment.settled.is_set()]
        self._sealed_bytes += sum(part.bytes for part in parts)
        for part in parts:
            part.close()
            del self._parts[part.key]
        if not (states or complete or any(part.records or part.references for part in parts)):
            return
        number = len(self._sealed) + 1
        segment = Segment(number, parts, states, follows, complete or [])
        self._sealed.append(segment)
        self._latest.update(dict.fromkeys(keys, segment))
        self._opened_at = time.monotonic()
        self._submit(segment)

    def close(self) -> None:
        """Let go of what is not sealed."""
        for part in self._parts.values():
            with suppress(OSError):
                part.close()
        self._parts.clear()

    def finish(self, *, succeeded: bool) -> None:
        """The connector ended: seal what may be kept.

        After a success that is everything; after a failure what states cover, and nothing of
        streams that are held back until they are complete.
        """
        if succeeded:
            self._end_shared_state()
        elif self._all_held:
            self.close()
            return
        else:
            for part in list(self._parts.values()):
                if self._held(part.key):
                    del self._parts[part.key]
                else:
                    part.cut_to_covered()
        complete = [key for key in self._parts if key in self.complete]
        self._seal(list(self._parts.values()), follows=self._sealed, complete=complete)

    def _end_shared_state(self) -> None:
        """The shared state of rows that go goes with them, also where none takes its place."""
        brought = any(part.records or part.references for part in self._parts.values())
        if self._shares_state and self._all_held and brought and None not in self._states:
            nothing = {"type": "LEGACY", "data": None}
            self._states[None] = State("LEGACY", None, nothing, self._first_position)


def odd(message: Message, wrong: str) -> ProtocolError:
    """A message that is none of the protocol: which one, what of it, and its beginning."""
    return ProtocolError(
        f"Line {message.line}: a message {message.content.get('type')} is not understood, {wrong}",
        json_text.dumps(message.content) if len(message.content) > 1 else b"",
    )


def body_of(message: Message, key: str) -> dict[str, Any]:
    """What a message says under a key. Raises ProtocolError where that is no object."""
    return _object(message.content, key, message)


def configuration_in(message: Message) -> dict[str, Any] | None:
    """The configuration that a connector changed; None where the message says nothing of one.

    Raises ProtocolError where it is no object.
    """
    if message.content.get("type") != "CONTROL":
        return None
    control = body_of(message, "control")
    if control.get("type") != "CONNECTOR_CONFIG":
        return None
    bare = Message({"type": "CONTROL"}, message.line)  # What it holds is secret.
    return _object(_object(control, "connectorConfig", bare), "config", bare)


def error_in(message: Message) -> SyncError | None:
    """The error that a message tells of."""
    kind, trace = message.content.get("type"), message.content.get("trace")
    if kind != "TRACE" or not isinstance(trace, dict) or trace.get("type") != "ERROR":
        return None
    return error_of(trace.get("error"))


def _object(body: dict[str, Any], key: str, message: Message) -> dict[str, Any]:
    found = body.get(key)
    if not isinstance(found, dict):
        raise odd(message, f"`{key}` should be an object")
    return found


def error_of(error: Any) -> SyncError:
    """A connector's ERROR trace; an internal message in JSON gives code, batch, file and line."""
    error = error if isinstance(error, dict) else {"message": error}
    internal = error.get("internal_message")
    details: dict[str, Any] = {}
    if isinstance(internal, str) and internal.startswith("{"):
        try:
            details = parse_line(internal.encode("utf-8", "replace"), 0)
        except ProtocolError:
            details = {}
    descriptor = error.get("stream_descriptor")
    stream = descriptor.get("name") if isinstance(descriptor, dict) else None
    return SyncError(
        message=str(error.get("message") or internal or "the connector gave no reason"),
        code=_text(details.get("code")),
        batch=_number(details.get("batch")),
        file=_text(details.get("file")),
        line=_number(details.get("line")),
        stream=_text(stream or details.get("stream")),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _reference(record: dict[str, Any], line: int) -> FileReference:
    reference, data = record["file_reference"], record.get("data")
    data = data if isinstance(data, dict) else {}
    try:
        url = str(reference["staging_file_url"])
        path = Path(unquote(urlparse(url).path) if url.startswith("file:") else url)
        return FileReference(
            path=path,
            relative_path=str(reference["source_file_relative_path"]),
            bytes=int(reference["file_size_bytes"]),
            batch=_number(data.get("_batch")),
            delivery=_number(data.get("_delivery")),
            layout=_text(data.get("_layout")),
            digest=_text(data.get("_sha256")),
            emitted_at=int(record.get("emitted_at") or 0),
            modified_ns=data.get("_modified_ns"),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProtocolError(f"Line {line}: a file reference is not complete: {error!r}") from None
