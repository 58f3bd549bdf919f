"""Runs an asset's work in a thread, under the home's lock, and emits its events as they happen.

The lock that counts is the operating system's (`tradehouse.home.locks`); the pool of the same name
is what the page shows while a run waits in the queue.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from dagster import (
    AssetExecutionContext,
    Failure,
    OpExecutionContext,
    RetryPolicy,
    RetryRequested,
)

from orchestration import launcher
from tradehouse.dbt.runner import DbtRunner
from tradehouse.errors import TradehouseError
from tradehouse.home.paths import Home, find_home, whole_number_setting
from tradehouse.runs import session
from tradehouse.terminal.progress import Steps

POOL = "writer"
BUILDING = "warehouse"
WAIT_SECONDS = 6 * 3600

Event = TypeVar("Event")
Context = AssetExecutionContext | OpExecutionContext
Emit = Callable[[Any], None]


_runners: dict[str, DbtRunner] = {}
_parsed: dict[str, DbtRunner] = {}
"""What was parsed before this process was forked, by the state it is the parse of."""


def keep_parsed(runner: DbtRunner, state: str) -> None:
    """Keep what was parsed for the run that this process may be forked for (`launcher`)."""
    _parsed.clear()
    _parsed[state] = runner


def runner_of(context: Context, home: Home) -> DbtRunner:
    """Return dbt for a run: its steps share a process, so that the project is parsed once.

    That may have been done before, unless something changed since.
    """
    run_id = context.run.run_id
    if run_id not in _runners:
        parsed = _parsed.get(launcher.digest_state()) if _parsed else None
        _runners.clear()
        _runners[run_id] = DbtRunner(home)
        if parsed is not None:
            _runners[run_id].take_parse(parsed)
    return _runners[run_id]


def parsing_in_background(
    context: AssetExecutionContext, home: Home
) -> AbstractContextManager[None, bool | None]:
    """Parse beside a sync when the run builds as well, as `tradehouse run` does."""
    steps = {node.name for node in context.job_def.graph.nodes}
    if BUILDING in steps and context.run.run_id not in _runners:
        runner = runner_of(context, home)
        if runner.manifest is None:
            return runner.parsing_in_background()
    return nullcontext()


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def work(
    context: Context,
    command: str,
    function: Callable[[Home, Emit, Steps], Failure | None],
    retries: RetryPolicy | None = None,
) -> Iterator[Any]:
    """Call `function(home, emit, steps)` as the home's only writer; yield what it emits, at once.

    The lock is taken and held by the thread that writes: where a run is stopped from the page, it
    is free only when the whole process is gone. When the writing has ended, new and resolved
    problems are reported as after the command of this name (`tradehouse.observe.alerts`).

    Retries are asked for here: those of an asset's own policy also follow when somebody stops the
    run, whose writing thread still works.

    Raises:
        Failure: what the function returns, or the sentence of an error.
        RetryRequested: where trying again may help.
    """
    events: SimpleQueue[Any] = SimpleQueue()
    home = find_home()

    def run() -> None:
        steps = Steps(quiet=True)
        try:
            with session.writing(
                home,
                command,
                whole_number_setting("TRADEHOUSE_WAIT_SECONDS", WAIT_SECONDS),
                steps=steps,
                holder=f"Dagster run {context.run.run_id[:8]}, {command}",
                on_wait=context.log.warning,
            ) as entry:
                failure = function(home, events.put, steps)
                if failure is not None:
                    entry.error = failure.description or "failed"
        except BaseException as error:  # handed to the thread that waits
            events.put(_End(error))
        else:
            events.put(_End(failure))

    Thread(target=run, name="tradehouse-writer", daemon=True).start()
    while not isinstance(event := _next(events), _End):
        yield event
    if event.error is not None:
        raised = _as_dagster_has_it(context, event.error, retries)
        raise raised from (None if raised is event.error else event.error)


def _as_dagster_has_it(
    context: Context, error: BaseException, retries: RetryPolicy | None
) -> BaseException:
    """Return what a step raises for an error: its sentence, or that it is to be tried again."""
    failure = error
    if isinstance(error, TradehouseError):
        failure = Failure(str(error), allow_retries=error.is_transient)
    may_help = isinstance(failure, Exception) and getattr(failure, "allow_retries", True)
    if retries is not None and may_help and context.retry_number < retries.max_retries:
        seconds = retries.calculate_delay(context.retry_number + 1)
        return RetryRequested(retries.max_retries, seconds)
    return failure


def _next(events: SimpleQueue[Any]) -> Any:
    """Wait for an event; a thread that waits without end would not hear that the run is stopped."""
    while True:
        try:
            return events.get(timeout=0.5)
        except Empty:
            continue
