"""The frame of every writing command: the lock, its entry in the history, alerts.

Each command's own module does its work; `tradehouse.home.locks` decides who may write.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from tradehouse.build import repair
from tradehouse.errors import TradehouseError
from tradehouse.home import history, locks, records
from tradehouse.home.history import End
from tradehouse.home.paths import Home
from tradehouse.home.records import Outcome
from tradehouse.home.warehouse_queries import BY_BATCH
from tradehouse.observe import alerts
from tradehouse.publish.publishing import Publication
from tradehouse.terminal import exits
from tradehouse.terminal.progress import Step, Steps

BROKEN_KEPT = 20


@contextmanager
def writing(
    home: Home,
    command: str,
    wait_seconds: float = 0.0,
    *,
    steps: Steps | None = None,
    holder: str | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[history.Run]:
    """Hold the home's lock while the block runs; then report new and resolved problems.

    Yields the entry of the run. It notes what `steps` do and how the block ends; who knows it
    better sets `outcome` and `error`.

    Args:
        home: the home.
        command: what is done, for the history and alerts.
        wait_seconds: how long to wait while another process writes.
        steps: the steps of the command, if it has any.
        holder: what others read about this process; default: its command line.
        on_wait: gets a sentence that names the holder; default: printed to standard error.

    Raises:
        BusyError: when another process holds the lock after `wait_seconds`.
    """
    called = holder or " ".join(["tradehouse", *sys.argv[1:]])
    try:
        with (
            locks.writing(home, wait_seconds, command=called, on_wait=on_wait) as dead,
            _entered(home, command, called, steps or Steps(quiet=True)) as run,
        ):
            if dead is not None:
                print(
                    f"{locks.describe(dead)} was killed. What it had committed stays.",
                    file=sys.stderr,
                )
                alerts.report(home, dead=dead)
            repair.mend(home)
            yield run
    except BaseException as error:
        _tell(alerts.report(home, command=command, error=error))
        raise
    _tell(alerts.report(home, command=command))


@contextmanager
def _entered(home: Home, command: str, called: str, steps: Steps) -> Iterator[history.Run]:
    """Keep the entry of a run while it goes on, and complete it."""
    clock = time.monotonic()
    run = history.begin(home, command, called)
    try:
        with steps.heard_by(lambda step: _note(home, run, step)):
            yield run
    except BaseException as error:
        stop = exits.describe_stop(error)
        kind = "" if isinstance(error, TradehouseError) else f"{type(error).__name__}: "
        run.outcome, run.error = End.STOPPED if stop else End.FAILED, stop or f"{kind}{error}"
        raise
    finally:
        if run.outcome is End.RUNNING:
            _judge(run)
        run.ended_at = datetime.now(UTC).isoformat(timespec="seconds")
        run.seconds = round(time.monotonic() - clock, 3)
        history.keep(home, run)


def _note(home: Home, run: history.Run, step: Step) -> None:
    """Note a step that has ended, and what it did."""
    from ingestion.results import SyncResult

    said = history.Phase(name=step.name, seconds=round(step.seconds, 3), said=step.outcome)
    run.phases = [*run.phases, said]
    made = step.result
    if isinstance(made, records.Sync):
        error = made.errors[0].message if made.errors else ""
        loaded = history.Synced(
            source=BY_BATCH, records=made.records, batches=made.new_batches, error=error
        )
        run.synced = [*run.synced, loaded]
    elif isinstance(made, SyncResult):
        error = made.errors[0].message if made.errors else ""
        loaded = history.Synced(source=made.source, records=made.records, error=error)
        run.synced = [*run.synced, loaded]
    elif isinstance(made, history.Synced):
        run.synced = [*run.synced, made]
    elif isinstance(made, records.Build):
        run.builds = [*run.builds, _describe(made)]
    elif isinstance(made, Publication) and made.is_published and made.release:
        run.releases = [*run.releases, made.release.id]
    history.keep(home, run)


def _judge(run: history.Run) -> None:
    """Say how a run ended that came to its end, as its last build and its syncs have it."""
    last = run.builds[-1] if run.builds else None
    lost = next((f"{one.source}: {one.error}" for one in run.synced if one.error), "")
    if last is not None and last.outcome not in (Outcome.PASSED, Outcome.PARTIAL):
        is_tested = last.outcome is Outcome.TESTS_FAILED
        run.outcome = End.TESTS_FAILED if is_tested else End.FAILED
        names = ", ".join(one.name for one in last.broken)
        run.error = last.error or f"failed: {names}"
    elif run.error:
        run.outcome = End.FAILED
    else:
        did = run.builds or run.releases or any(one.records for one in run.synced)
        is_idle = run.command in ("sync", "build") and not did
        done = End.IDLE if is_idle else End.DONE
        run.outcome, run.error = (End.HELD, lost) if lost else (done, "")


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][: history.MESSAGE_KEPT]


def _describe(build: records.Build) -> history.Built:
    """Return what the history keeps of a build: no rows of anybody."""
    before = {(row[0], row[2], row[3]) for row in build.built_before if row[0] == BY_BATCH}
    loads_before = {(row[0], row[1], row[4]) for row in build.built_before}
    failures = {one.test: one.message for one in build.failures}
    broken = [
        history.Broken(
            name=(name := unique_id.split(".")[2]),
            status=node.status,
            message=_first_line(node.message or failures.get(name, "")),
        )
        for unique_id, node in build.nodes.items()
        if node.status in ("error", "fail")
    ]
    return history.Built(
        id=build.id,
        outcome=build.status,
        seconds=build.seconds,
        reasons=build.reasons,
        batches=[
            one.batch
            for one in build.batches
            if one.is_accepted and (BY_BATCH, one.batch, one.delivery) not in before
        ],
        loads={
            source: load
            for source, (load, at) in build.built_loads.items()
            if (source, load, at) not in loads_before
        },
        tests=build.tests,
        broken=broken[:BROKEN_KEPT],
        error=_first_line(build.error),
    )


def _tell(messages: list[alerts.Told]) -> None:
    for message in messages:
        print(f"alert    {message}", file=sys.stderr)
