"""Loads the brokerage's deliveries: calls `ingestion` and keeps the outcome.

Also finds where deliveries come from: there is no default, except in `tradehouse run --demo`.
"""

import os
import sys
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from connectors.source_brokerage.batches import Batch
from tradehouse.errors import LandingError, TradehouseError, UsageError
from tradehouse.home import database, raw_queries, state, warehouse_queries
from tradehouse.home.files import DamagedError
from tradehouse.home.paths import Home
from tradehouse.home.records import Fault, StreamSync, Sync
from tradehouse.loads import brokerage, freshness
from tradehouse.terminal.progress import Step

SOURCE = warehouse_queries.BY_BATCH
SCALE, SEED, DAYS, FIRST_DAY = 0.1, 1, 3, date(2017, 7, 8)


def given_landing() -> Path | None:
    """Return the landing directory that the settings name, for callers without an option."""
    named = os.environ.get("TRADEHOUSE_LANDING")
    return Path(named) if named else None


def landing_to_read(home: Home, given: Path | None, *, is_demo: bool = False) -> Path | None:
    """Return the landing directory to read, None if only other sources can be loaded.

    In a demo an empty home gets `landing/`, which is then still to be made (`simulate_into`).

    Raises:
        UsageError: when nothing can be loaded, or a brokerage was loaded but nobody knows where its
            deliveries arrive.
    """
    is_on = given is not None or freshness.is_on(home, SOURCE)
    if is_on and (landing := brokerage.find_landing(home, given)):
        return landing
    if is_on and raw_queries.was_synced(home, SOURCE):
        raise UsageError(
            f"The home {home.root} holds a brokerage's data, and where that delivers is not known. "
            "Name the directory once: --landing DIR (make run LANDING=DIR)."
        )
    if is_on and is_demo and not home.raw.exists():
        return home.landing
    if not home.raw.exists() and not any(one.enabled for one in _others(home)):
        raise _nothing_to_load(home)
    return None


def ensure_landing(home: Home, given: Path | None) -> Path:
    """Return the landing directory to read, for callers that load only the brokerage.

    Raises:
        UsageError: as `landing_to_read`, and when there is none.
    """
    landing = landing_to_read(home, given) or brokerage.find_landing(home, given)
    if landing is None:
        raise _nothing_to_load(home)
    return landing


def simulate_into(home: Home, step: Step) -> None:
    """Make the simulated brokerage's deliveries, and say that they are made up."""
    from simulator import simulate

    simulate(SCALE, DAYS, SEED, FIRST_DAY, home.landing)
    step.finish(f"made up, for a demo: scale {SCALE} and {DAYS} days, in {home.landing}")


def _others(home: Home) -> list[freshness.Promise]:
    return [one for one in freshness.read(home) if one.name != SOURCE]


def _nothing_to_load(home: Home) -> UsageError:
    return UsageError(
        f"There is nothing to load into {home.root}: no landing directory of a brokerage is known, "
        "and no other source is enabled. Name the directory (tradehouse run --landing DIR), "
        "declare a source (tradehouse sources add, then tradehouse sources enable), or try it with "
        "a simulated brokerage (tradehouse run --demo, or make run)."
    )


def sync(
    home: Home,
    landing: Path,
    *,
    replace_batches: list[int] | None = None,
    allow_gap: bool = False,
    last_batch: int | None = None,
    step: Step | None = None,
) -> Sync:
    """Load what waits, up to `last_batch`; return the record of the sync, which is kept.

    What was committed before an error stays. Errors of a delivery are in the record's `errors`,
    each with `message` and, where known, `code`, `batch`, `file` and `line`. A batch that the
    build's gate holds may be delivered again with other content without being asked for.

    Raises:
        OtherBrokerageError: when the landing directory is another brokerage's.
        UsageError: when a batch to replace was not delivered.
        BusyError: when another process has the raw file open.
        TradehouseError: when the sync could not start.
    """
    replaced, held = list(replace_batches or []), _held(home)
    started, clock = datetime.now(UTC), time.monotonic()
    try:
        require_delivered(landing, replaced)
        brokerage.require_own(home, landing, replaced, held)
        stamp, found = brokerage.stamp_landing(landing), brokerage.identify(landing)
    except LandingError as error:
        return _refuse(home, landing, error, started)
    replaceable = sorted({*replaced, *held})
    result = _call(home, landing, replaceable, allow_gap, last_batch, step)
    in_force = raw_queries.deliveries_in_force(home)
    brokerage.remember(home, landing, found, in_force, replaceable)
    record = Sync(
        at=started.isoformat(timespec="seconds"),
        landing=str(landing),
        landing_stamp=stamp,
        status=result.status,
        errors=[Fault(**error.as_dict()) for error in result.errors],
        warnings=list(result.warnings),
        new_batches=sorted(result.new_batches),
        loaded={str(batch): delivery for batch, delivery in in_force.items()},
        records=result.records,
        bytes=result.bytes,
        streams={
            name: StreamSync(records=stream.records, bytes=stream.bytes, status=stream.status)
            for name, stream in result.streams.items()
        },
        seconds=round(time.monotonic() - clock, 3),
    )
    state.keep(home, record)
    return record


def _refuse(home: Home, landing: Path, error: LandingError, started: datetime) -> Sync:
    """Keep that nothing could be read; what was loaded before can still be built and published."""
    if not home.raw.exists():
        raise error
    before = state.find(home, Sync)
    record = Sync(
        at=started.isoformat(timespec="seconds"),
        landing=str(landing),
        status="failed",
        errors=[Fault(code="landing_missing", message=str(error))],
        loaded=before.loaded if before else {},
    )
    state.keep(home, record)
    return record


def _call(
    home: Home,
    landing: Path,
    replace_batches: list[int],
    allow_gap: bool,
    last_batch: int | None,
    step: Step | None,
) -> Any:
    import ingestion
    from ingestion.errors import IngestionError

    sizes = _bytes_to_come(home, landing)
    seen: dict[str, tuple[int, int]] = {}

    def show(progress: ingestion.Progress) -> None:
        seen[progress.stream] = (progress.records, progress.bytes)
        if step is not None:
            records = sum(count for count, _ in seen.values())
            rate = records / max(step.seconds, 0.001)
            note = f"{records:,} records, {rate:,.0f}/s, {progress.stream}"
            step.update(sum(size for _, size in seen.values()), sizes, note)

    try:
        with database.alone(home.root):
            return ingestion.sync(
                SOURCE,
                home=home.root,
                landing=landing,
                replace_batches=replace_batches,
                allow_gap=allow_gap,
                config={} if last_batch is None else {"last_batch": last_batch},
                progress=show,
                on_wait=say_waiting,
            )
    except DamagedError as error:
        if error.path != home.raw:
            raise
        raise TradehouseError(database.describe_raw(home.raw, error.reason)) from error
    except IngestionError as error:
        fault = database.find_corruption(home.raw) if error.is_corrupt else ""
        words = database.describe_raw(home.raw, fault) if fault else str(error)
        raise TradehouseError(words) from error


def say_waiting(sentence: str) -> None:
    """Say on standard error that a sync waits for readers of raw, and for whom."""
    print(f"sync     {sentence}", file=sys.stderr)


def _held(home: Home) -> list[int]:
    return [one.batch for one in state.last_build(home).batches if not one.is_accepted]


def require_delivered(landing: Path, batches: Iterable[int]) -> None:
    """Check that batches which are to be read anew lie in the landing directory.

    Raises:
        LandingError: when the directory cannot be read.
        UsageError: when one is not there.
    """
    there = brokerage.find_batches(landing)
    if missing := sorted(set(batches) - there.keys()):
        known = f"{min(there)} to {max(there)}" if there else "none"
        raise UsageError(
            f"There is no Batch{missing[0]} in {landing} that could be loaded again; batches that "
            f"are there: {known}."
        )


def find_waiting(home: Home, landing: Path) -> list[int]:
    """Return the batches that no sync has loaded; whether they are good is not looked at."""
    try:
        return [batch.number for batch in _waiting(home, landing)]
    except LandingError:
        return []


def _waiting(home: Home, landing: Path) -> list[Batch]:
    last = state.find(home, Sync)
    return [
        batch
        for number, batch in brokerage.find_batches(landing).items()
        if last is None or str(number) not in last.loaded
    ]


def _bytes_to_come(home: Home, landing: Path) -> int:
    files = {
        file.path: file.size
        for batch in _waiting(home, landing)
        for found in batch.files.values()
        for file in found
    }
    return sum(files.values())
