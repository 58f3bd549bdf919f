"""Airbyte protocol messages as JSON lines on a binary stream. What to say lives elsewhere."""

from __future__ import annotations

import time
from typing import Any, BinaryIO

import orjson


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Writer:
    """Writes messages to `stream`; counts the records of each stream since its last state."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.emitted_at = now()
        self.counts: dict[str, int] = {}
        self._running: set[str] = set()

    def message(self, kind: str, content: dict[str, Any]) -> None:
        """One message of the type `kind`, whose content lies under its lower-case name."""
        key = {"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())
        self.stream.write(orjson.dumps({"type": kind, key: content}) + b"\n")

    def flush(self) -> None:
        """Hand everything to the reader of the stream."""
        self.stream.flush()

    def log(self, level: str, text: str) -> None:
        """A LOG message; `level` is one of INFO, WARN, ERROR."""
        self.message("LOG", {"level": level, "message": text})

    def trace(self, kind: str, content: dict[str, Any]) -> None:
        """A TRACE message of the type `kind` (ERROR, ESTIMATE, STREAM_STATUS)."""
        self.message("TRACE", {"type": kind, "emitted_at": float(now()), kind.lower(): content})

    def status(self, stream: str, status: str) -> None:
        """STARTED, RUNNING, COMPLETE or INCOMPLETE for a stream."""
        self.trace("STREAM_STATUS", {"stream_descriptor": {"name": stream}, "status": status})
        self.flush()

    def running(self, stream: str) -> None:
        """RUNNING, once, before the first record of the stream."""
        if stream not in self._running:
            self._running.add(stream)
            self.status(stream, "RUNNING")

    def estimate(self, stream: str, size: int) -> None:
        """How many bytes the stream is going to read."""
        self.trace("ESTIMATE", {"name": stream, "type": "STREAM", "byte_estimate": size})

    def error(self, text: str, details: dict[str, Any], failure: str, trace: str = "") -> None:
        """An ERROR trace; `details` becomes the internal message, as JSON."""
        internal = orjson.dumps(details).decode()
        content = {"message": text, "internal_message": internal, "failure_type": failure}
        self.trace("ERROR", content | ({"stack_trace": trace} if trace else {}))
        self.flush()

    def record(self, stream: str, data: dict[str, Any], **more: Any) -> None:
        """A RECORD; `more` holds further keys, such as `file_reference`."""
        record = {"stream": stream, "data": data, "emitted_at": self.emitted_at, **more}
        self.message("RECORD", record)
        self.counts[stream] = self.counts.get(stream, 0) + 1

    def state(self, stream: str, state: dict[str, Any]) -> None:
        """A STREAM state with the count of the records since the stream's last one."""
        count = self.counts.pop(stream, 0)
        self.message(
            "STATE",
            {
                "type": "STREAM",
                "stream": {"stream_descriptor": {"name": stream}, "stream_state": state},
                "sourceStats": {"recordCount": float(count)},
            },
        )
        self.flush()
