"""Runs an asset's work in a thread, under the home's lock, and emits its events as they happen.

The lock is the operating system's and the truth (`tradehouse.home.locks`); the pool of the same
name is what the page shows while a run waits in the queue.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from dagster import AssetExecutionContext, Failure, OpExecutionContext

from tradehouse.dbt.runner import DbtRunner
from tradehouse.errors import TradehouseError
from tradehouse.home.paths import Home, find_home, whole_number_setting
from tradehouse.runs import session

POOL = "writer"
BUILDING = "warehouse"
WAIT_SECONDS = 6 * 3600

Event = TypeVar("Event")
Context = AssetExecutionContext | OpExecutionContext
Emit = Callable[[Any], None]


_runners: dict[str, DbtRunner] = {}


def runner_of(context: Context, home: Home) -> DbtRunner:
    """Return dbt for a run: its steps share a process, so that the project is parsed once."""
    run_id = context.run.run_id
    if run_id not in _runners:
        _runners.clear()
        _runners[run_id] = DbtRunner(home)
    return _runners[run_id]


def parsing_beside(
    context: AssetExecutionContext, home: Home
) -> AbstractContextManager[None, bool | None]:
    """Parse beside a sync when the run builds as well, as `tradehouse run` does."""
    steps = {node.name for node in context.job_def.graph.nodes}
    if BUILDING in steps and context.run.run_id not in _runners:
        return runner_of(context, home).parsing_beside()
    return nullcontext()


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def work(
    context: Context, command: str, function: Callable[[Home, Emit], Failure | None]
) -> Iterator[Any]:
    """Call `function(home, emit)` as the home's only writer; yield what it emits, at once.

    The lock is taken and held by the thread that writes: where a run is stopped from the page, it
    is free only when the whole process is gone. When the writing has ended, what is wrong or over
    is told as after the command of this name (`tradehouse.observe.alerts`).

    Raises:
        Failure: what the function returns, or the sentence of an error; with retries allowed only
            where trying again may mend it.
    """
    events: SimpleQueue[Any] = SimpleQueue()
    home = find_home()

    def run() -> None:
        try:
            with session.writing(
                home,
                command,
                whole_number_setting("TRADEHOUSE_WAIT_SECONDS", WAIT_SECONDS),
                holder=f"Dagster run {context.run.run_id[:8]}, {command}",
                on_wait=context.log.warning,
            ):
                failure = function(home, events.put)
        except BaseException as error:  # handed to the thread that waits
            events.put(_End(error))
        else:
            events.put(_End(failure))

    Thread(target=run, name="tradehouse-writer", daemon=True).start()
    while not isinstance(event := _next(events), _End):
        yield event
    if isinstance(event.error, TradehouseError):
        raise Failure(str(event.error), allow_retries=is_passing(event.error)) from event.error
    if event.error is not None:
        raise event.error


def _next(events: SimpleQueue[Any]) -> Any:
    """Wait for an event; a thread that waits without end would not hear that the run is stopped."""
    while True:
        try:
            return events.get(timeout=0.5)
        except Empty:
            continue


def is_passing(error: TradehouseError) -> bool:
    """Whether an error may be gone when the same is tried again."""
    return error.exit_code in (1, 5)
