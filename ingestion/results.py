"""What a sync reports: its progress while it runs, its result when it ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Status = Literal["succeeded", "failed", "cancelled"]


@dataclass(frozen=True)
class Progress:
    """A step of a running sync; totals are since its start.

    `expected_records` is what the connector estimates, where it does.
    """

    source: str
    stream: str
    phase: Literal["reading", "committed", "complete"]
    records: int
    bytes: int
    expected_records: int | None = None


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class SyncError:
    """Why a sync failed. `code`, `batch`, `file`, `line` are set where the connector says them."""

    message: str
    code: str | None = None
    batch: int | None = None
    file: str | None = None
    line: int | None = None
    stream: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The fields that are set."""
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass
class StreamResult:
    """What one sync did to one stream."""

    records: int = 0
    bytes: int = 0
    nulled_values: int = 0
    status: str = "pending"


@dataclass
class SyncResult:
    """The outcome of one sync; what was committed before a failure stays committed."""

    sync_id: str
    source: str
    status: Status
    started_at: datetime
    duration_seconds: float
    streams: dict[str, StreamResult] = field(default_factory=dict)
    new_batches: list[int] = field(default_factory=list)
    errors: list[SyncError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unselected_records: dict[str, int] = field(default_factory=dict)
    log: str | None = None
    runner: str = "embedded"
    job_id: int | None = None
    job_url: str | None = None
    """The server's job and its page, where a server ran the source."""

    @property
    def records(self) -> int:
        """Records committed by this sync."""
        return sum(stream.records for stream in self.streams.values())

    @property
    def bytes(self) -> int:
        """Bytes read for the records committed by this sync."""
        return sum(stream.bytes for stream in self.streams.values())
