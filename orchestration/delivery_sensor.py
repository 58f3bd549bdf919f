"""The sensor that detects a complete delivery in the landing directory and runs its day.

Complete means: every required file is there, and no size has changed for a minute. A batch that is
loaded, or that has to wait for another one, is left alone. The connector judges what is inside the
files.
"""

import json
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from connectors.source_brokerage.batches import Batch, find_batches
from connectors.source_brokerage.faults import Fault
from connectors.source_brokerage.streams import STREAMS
from orchestration import partitions
from tradehouse.errors import UsageError
from tradehouse.home import state
from tradehouse.home.paths import Home, find_home, whole_number_setting
from tradehouse.home.records import Sync
from tradehouse.loads import brokerage, brokerage_sync

QUIET_SECONDS = 60
INTERVAL_SECONDS = 15

now = time.time


@dataclass
class Watch:
    """What the sensor remembers: sizes of each waiting batch, since when, and days it started."""

    sizes: dict[str, dict[str, int]] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, cursor: str | None) -> "Watch":
        """Return what the cursor says; nothing where there is none."""
        return cls(**json.loads(cursor)) if cursor else cls()

    def dump(self) -> str:
        """Return the cursor."""
        return json.dumps(vars(self))

    def look(self, batch: Batch, moment: float) -> float:
        """Note a batch's sizes and return for how many seconds they have been the same."""
        number = str(batch.number)
        sizes = {one.name: one.size for files in batch.files.values() for one in files}
        if self.sizes.get(number) != sizes:
            self.sizes[number], self.since[number] = sizes, moment
        return moment - self.since[number]

    def forget(self, keep: set[int]) -> None:
        """Forget the sizes of batches that no longer wait."""
        kept = {str(number) for number in keep}
        self.sizes = {number: sizes for number, sizes in self.sizes.items() if number in kept}
        self.since = {number: since for number, since in self.since.items() if number in kept}


def missing_files(batch: Batch) -> list[str]:
    """Return the required files that a batch lacks."""
    return [
        stream.pattern
        for stream in STREAMS
        if stream.is_required(batch.number) and not batch.of(stream.name)
    ]


def find_waiting(home: Home, landing: Path) -> dict[int, Batch]:
    """Return the batches of the landing directory that are not loaded, ascending.

    Raises:
        Fault: when the directory cannot be listed or holds no batch.
    """
    last = state.find(home, Sync)
    loaded = last.loaded if last else {}
    found = find_batches(landing)
    return {n: one for n, one in found.items() if n and str(n) not in loaded}


def choose_days(
    home: Home, landing: Path, watch: Watch, moment: float
) -> tuple[list[date], list[str]]:
    """Return the days to start, in order, and why others are left alone."""
    quiet_seconds = whole_number_setting("TRADEHOUSE_QUIET_SECONDS", QUIET_SECONDS)
    waiting = find_waiting(home, landing)
    watch.forget(set(waiting))
    days = brokerage.find_days(landing)
    ready: list[date] = []
    reasons: list[str] = []
    for number, batch in waiting.items():
        same_for = watch.look(batch, moment)
        missing = missing_files(batch)
        if missing or batch.fault or number not in days:
            what = f"{', '.join(missing[:3])} missing" if missing else "its date cannot be read"
            reasons.append(f"Batch{number} is not complete: {what}")
        elif same_for < quiet_seconds:
            reasons.append(f"Batch{number} changed {same_for:.0f} s ago")
        elif reasons:
            reasons.append(f"Batch{number} comes after one that is not complete")
        elif days[number].isoformat() not in watch.started:
            ready.append(days[number])
    return ready, reasons


def request(days: list[date]) -> RunRequest:
    """Return one run for all of the days."""
    first, last = min(days).isoformat(), max(days).isoformat()
    if first == last:
        return RunRequest(run_key=last, partition_key=last)
    tags = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
    return RunRequest(run_key=f"{first}..{last}", tags=tags)


def delivery_sensor(job: Any, status: DefaultSensorStatus) -> SensorDefinition:
    """Return the sensor on the job of a day."""

    @sensor(
        name="complete_deliveries",
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=status,
        description="Starts a day when its delivery is complete and has been quiet for a minute.",
    )
    def watch_landing(context: SensorEvaluationContext) -> RunRequest | SkipReason:
        home = find_home()
        try:
            landing = brokerage_sync.landing_to_read(home, brokerage_sync.given_landing())
        except UsageError as error:
            return SkipReason(str(error))
        if landing is None:
            return SkipReason("No landing directory yet: tradehouse run --landing DIR names it.")
        watch = Watch.load(context.cursor)
        try:
            days, reasons = choose_days(home, landing, watch, now())
        except Fault as fault:
            return SkipReason(str(fault))
        known = partitions.brokerage_days()
        unknown = [day for day in days if not known.has_partition_key(day.isoformat())]
        if unknown:
            context.update_cursor(watch.dump())
            return SkipReason(f"{unknown[0]} is complete, and starts when the days are read again.")
        watch.started += [day.isoformat() for day in days]
        context.update_cursor(watch.dump())
        if not days:
            return SkipReason("; ".join(reasons) or f"Nothing new in {landing}.")
        return request(days)

    return watch_landing
