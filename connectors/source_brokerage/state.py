"""What was loaded before: the state of each stream, batch by batch.

A stream's state maps each batch to its delivery's number, a digest of the files' names, sizes and
times (equal means unread and unchanged) and a digest of each file's content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from connectors.source_brokerage.config import Selection
from connectors.source_brokerage.faults import Fault
from connectors.source_brokerage.opening import SourceFile

VERSION = 1
DIGEST_LENGTH = 16


@dataclass(frozen=True)
class Loaded:
    """A batch of a stream as it was loaded; `date` is kept for the stream `batch_date` only."""

    delivery: int
    stat: str
    files: dict[str, str]
    date: str | None = None


@dataclass
class StreamState:
    """All loaded batches of a stream by number."""

    batches: dict[int, Loaded] = field(default_factory=dict)

    def dump(self) -> dict[str, Any]:
        """The state as the protocol carries it."""
        batches = {}
        for number, loaded in sorted(self.batches.items()):
            batches[str(number)] = {
                "delivery": loaded.delivery,
                "stat": loaded.stat,
                "files": loaded.files,
            } | ({"date": loaded.date} if loaded.date else {})
        return {"version": VERSION, "batches": batches}


def stat_digest(files: Iterable[SourceFile]) -> str:
    """A digest of names, sizes and modification times."""
    text = repr([(file.name, file.size, file.modified_ns) for file in files])
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


def parse_states(content: Any, selections: Iterable[Selection]) -> dict[str, StreamState]:
    """The states of the selected streams; full-refresh streams and unknown ones start empty.

    `content` is a list of state messages (STREAM or GLOBAL) or nothing. `Fault`
    (`state_invalid`) when it is neither, or was written by a newer version.
    """
    found = dict(_stream_states(content))
    return {
        selection.stream.name: _parse(found.get(selection.stream.name), selection.stream.name)
        if selection.is_incremental
        else StreamState()
        for selection in selections
    }


def _stream_states(content: Any) -> Iterable[tuple[str, Any]]:
    messages = content if isinstance(content, list) else [content] if content else []
    try:
        for message in messages:
            if "state" in message and message.get("type") == "STATE":
                message = message["state"]
            if message.get("type") == "GLOBAL":
                states = message["global"]["stream_states"]
            else:
                states = [message["stream"]]
            for state in states:
                yield state["stream_descriptor"]["name"], state.get("stream_state")
    except (AttributeError, KeyError, TypeError) as error:
        raise Fault(
            "state_invalid",
            f"The state is not a list of Airbyte stream states ({error!r}). "
            "Pass the states of the last sync, or none.",
        ) from None


def _parse(content: Any, stream: str) -> StreamState:
    if not content:
        return StreamState()
    version = content.get("version") if isinstance(content, dict) else None
    if version != VERSION:
        raise Fault(
            "state_invalid",
            f"The state of stream {stream} has version {version!r}; this connector knows "
            f"version {VERSION}. Use the connector that wrote it, or a newer one.",
        )
    try:
        return StreamState(
            {
                int(number): Loaded(
                    int(entry["delivery"]), entry["stat"], dict(entry["files"]), entry.get("date")
                )
                for number, entry in content["batches"].items()
            }
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Fault(
            "state_invalid", f"The state of stream {stream} cannot be understood ({error!r})."
        ) from None
