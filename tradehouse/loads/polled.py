"""Polled sources: which are due, each loaded by itself.

`tradehouse.loads.brokerage_sync` loads the brokerage. A source that cannot be loaded holds up only
its own new rows: its error is reported and the other sources continue.
"""

from collections.abc import Collection
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tradehouse.errors import UsageError, plain_errors
from tradehouse.home import database, raw_queries
from tradehouse.home.paths import Home
from tradehouse.loads import brokerage_sync, freshness, syncs
from tradehouse.terminal.output import count
from tradehouse.terminal.progress import Step

if TYPE_CHECKING:
    from ingestion.contracts.gate import Case
    from ingestion.results import SyncResult


def find_due(home: Home, names: Collection[str] | None = None) -> list[str]:
    """Return the sources that are on and due, by name.

    Due is what its schedule has asked for since it was last begun, what has no schedule, and what
    failed or was never loaded.

    Args:
        home: the home.
        names: these, due or not; default: all that are due.

    Raises:
        UsageError: when a named source is not declared.
    """
    declared = {one.name: one for one in freshness.read(home) if one.name != brokerage_sync.SOURCE}
    if names is not None:
        unknown = sorted(set(names) - {brokerage_sync.SOURCE, *declared})
        if unknown:
            raise UsageError(
                f"There is no source {unknown[0]}. `tradehouse sources list` names all."
            )
        return sorted(set(names) & set(declared))
    began, now = last_begun(home), datetime.now(UTC)
    failed = {sync["source"] for sync in syncs.last_syncs(home) if sync["status"] != "succeeded"}
    return [
        name
        for name, promise in declared.items()
        if promise.enabled
        and (
            promise.is_always_due
            or name in failed
            or name not in began
            or promise.last_due_at(began[name], now) is not None
        )
    ]


def last_begun(home: Home) -> dict[str, datetime]:
    """Return when the last sync of every source began."""
    return {
        sync["source"]: datetime.fromisoformat(str(sync["started_at"])).astimezone(UTC)
        for sync in syncs.last_syncs(home)
    }


def is_loaded(home: Home) -> bool:
    """Whether models have anything to be built from.

    Without a brokerage its tables are made, empty: the models stand on them.

    Raises:
        BusyError: when another process has the raw file open.
    """
    if raw_queries.deliveries_in_force(home):
        return True
    if not raw_queries.has_loads(home):
        return False
    from ingestion.contracts import tables

    with plain_errors():
        tables.prepare(brokerage_sync.SOURCE, home.root)
    return True


def judge_loads(home: Home) -> None:
    """Before a build: make the tables that contracts declare, and hold the loads that break them.

    Models stand on the tables, whether their source was loaded yet or not. Raw is opened for
    writing only where something is to be made or judged.

    Raises:
        UsageError: when a contract or its declaration cannot be read.
        BusyError: when another process has the raw file open.
    """
    from ingestion.contracts import model

    if model.names() == [brokerage_sync.SOURCE]:
        return
    from ingestion.contracts import gate, tables

    with plain_errors():
        with database.kept_open(home.raw):
            missing = tables.missing(raw_queries.read(home, tables.present) or {})
            cases = [] if missing else _cases(home)
        for source in missing:
            tables.prepare(source, home.root)
        cases = _cases(home) if missing else cases
        if cases:
            gate.judge(home.root, cases)


def _cases(home: Home) -> "list[Case]":
    from ingestion.contracts import gate

    waiting: dict[str, list[int]] = {}
    for load in raw_queries.loads_waiting(home, with_held=True):
        waiting.setdefault(load.source, []).append(load.number)
    return raw_queries.read(home, lambda raw: gate.pending(raw, waiting)) or []


def load(
    home: Home,
    name: str,
    step: Step,
    *,
    streams: Collection[str] = (),
    full_refresh: bool = False,
    reset: bool = False,
) -> "SyncResult":
    """Load what is new in a source; what was committed before an error stays.

    Raises:
        UsageError: when its declaration cannot be read.
        BusyError: when another process has the raw file open.
        TradehouseError: when the sync could not start.
    """
    from ingestion import Progress, declarations, sync

    seen: dict[str, int] = {}
    expected: dict[str, int] = {}

    def show(progress: Progress) -> None:
        if progress.phase == "committed":
            for job in [name for name in seen if name.startswith("job ")]:
                del seen[job]  # What the server counted, now counted by stream.
        elif progress.stream.startswith("job "):
            seen.clear()
        seen[progress.stream] = progress.records
        if progress.expected_records:
            expected[progress.stream] = progress.expected_records
        done, total = sum(seen.values()), sum(expected.values())
        step.update(done, total or None, f"{count(done, 'record')}, {progress.stream}")

    with plain_errors():
        declaration = declarations.read(name)
        by_server = declaration.runner == "server"  # It opens raw only before and after a job.
    with plain_errors(), nullcontext() if by_server else database.alone(home.root):
        result = sync(
            declaration,
            home.root,
            streams=list(streams) or None,
            full_refresh=full_refresh,
            reset=reset,
            progress=show,
            on_wait=brokerage_sync.say_waiting,
        )
    nulled = sum(stream.nulled_values for stream in result.streams.values())
    fits = f", {count(nulled, 'value')} did not fit and became null" if nulled else ""
    step.finish(
        f"{count(result.records, 'record')} of {count(len(result.streams), 'stream')}, "
        f"{result.status}{fits}",
        result,
    )
    return result
