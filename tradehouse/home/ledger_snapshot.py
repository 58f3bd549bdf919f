"""Sync state readable without the database: a ledger snapshot and markers of running syncs.

`state/ingestion.json` is the ledger as of the last sync, `state/sync-<source>.json` says that one
runs. Both are derived: the next sync writes them. The loader writes them, and readers need not
import it. The ledger itself is in `ingestion.ledger`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from tradehouse.home import files, processes
from tradehouse.home.files import Kept

SNAPSHOT = "ingestion.json"
ANEW = "The next sync writes it anew from the ledger in raw.duckdb."


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


class SyncRow(Kept):
    """A stream of a sync, as the ledger has it."""

    sync_id: str
    source: str
    status: str
    stream: str | None = None
    started_at: str = ""
    ended_at: str | None = None
    records: int = 0
    bytes: int = 0
    nulled_values: int = 0
    error: Any = None


class StreamRow(Kept):
    """What was loaded of a stream in all, and when it last succeeded."""

    source: str
    stream: str | None = None
    succeeded_at: Annotated[str, AfterValidator(_moment)] | None = None


class BatchRow(Kept):
    """A delivery of a batch."""

    source: str
    batch: int


class LoadRow(Kept):
    """The last load of a source without batches; when it was committed, in microseconds."""

    source: str
    load: int
    committed_at: int = 0


class HeldRow(Kept):
    """A source whose newest load its contract holds, with those since `since_load`."""

    source: str
    load: int
    since_load: int = 0
    reason: str | None = None
    held_at: str = ""


class Snapshot(Kept):
    """`ingestion.json`."""

    written_at: str | None = None
    syncs: list[SyncRow] = []
    streams: list[StreamRow] = []
    batches: list[BatchRow] = []
    loads: list[LoadRow] = []
    held: list[HeldRow] = []


class Marker(Kept):
    """`sync-<source>.json`: a sync that runs; `started` is when its process began."""

    sync_id: str = ""
    source: str
    pid: int
    started: int = 0
    started_at: str | None = None


def write(state: Path, content: Mapping[str, Any]) -> None:
    """Replace the snapshot of a home's directory `state`."""
    files.write(state / SNAPSHOT, Snapshot, content)


def read(state: Path) -> dict[str, Any]:
    """Return the snapshot, empty lists where nothing was synced yet or it cannot be read.

    Raises:
        NewerError: when a newer Tradehouse wrote it.
    """
    return (files.load_or_tell(state / SNAPSHOT, Snapshot, ANEW) or Snapshot()).model_dump()


def find_successes(content: Mapping[str, Any]) -> dict[str, datetime]:
    """Return when a sync of each source last succeeded, UTC, by what `read` returned."""
    successes: dict[str, datetime] = {}
    for stream in content["streams"]:
        if stream["succeeded_at"]:
            moment = datetime.fromisoformat(stream["succeeded_at"]).astimezone(UTC)
            successes[stream["source"]] = max(moment, successes.get(stream["source"], moment))
    return successes


def is_late(succeeded_at: datetime | None, limit: timedelta, now: datetime) -> bool:
    """Whether a source's last success is further away than `limit`, or there was none.

    A success that far ahead was noted by a wrong clock, so it does not count either.
    """
    return succeeded_at is None or abs(now - succeeded_at) > limit


def running(state: Path) -> list[dict[str, Any]]:
    """Return the markers of the syncs whose process lives."""
    found = []
    for path in sorted(state.glob("sync-*.json")):
        with suppress(files.DamagedError):
            marker = files.read(path, Marker)
            if marker and processes.is_alive(marker["pid"], marker["started"]):
                found.append(marker)
    return found


@contextmanager
def marked(state: Path, source: str, sync_id: str, started_at: datetime) -> Iterator[None]:
    """Say that a sync runs, while the block does."""
    pid = os.getpid()
    path = state / f"sync-{source}.json"
    content = {
        "sync_id": sync_id,
        "source": source,
        "pid": pid,
        "started": processes.started_at(pid),
        "started_at": started_at,
    }
    files.write(path, Marker, content)
    try:
        yield
    finally:
        files.remove(path)
