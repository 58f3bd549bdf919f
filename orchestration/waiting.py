"""Queued runs: what they wait for, reported where people look.

The page itself says that the pool is full; this names the run that writes, or the command line with
its process. `tradehouse.home.locks` and the pool decide who may write.
"""

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter, SensorDefinition

from orchestration.dead_runs import ALIVE
from orchestration.sensors import watching_sensor
from tradehouse.home import locks
from tradehouse.home.paths import Home, find_home

INTERVAL_SECONDS = 10
TAG = "waited_for"


def tell_waiting(instance: DagsterInstance, home: Home) -> list[str]:
    """Say what every queued run waits for, in a tag and its log; return new sentences."""
    waiting = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.QUEUED]))
    reason = find_reason(instance, home) if waiting else ""
    said = []
    for run in waiting:
        if reason and run.tags.get(TAG) != reason:
            instance.add_run_tags(run.run_id, {TAG: reason})
            instance.report_engine_event(f"Waits for {reason}.", run)
            said.append(f"{run.run_id[:8]} waits for {reason}")
    return said


def find_reason(instance: DagsterInstance, home: Home) -> str:
    """Return who writes or is about to: the run, and the process that holds the lock."""
    runs = instance.get_runs(RunsFilter(statuses=ALIVE))
    named = ", ".join(describe(run) for run in reversed(runs))
    holder = locks.find_holder(home)
    if holder is None or any(run.run_id[:8] in str(holder["command"]) for run in runs):
        return named
    writer = locks.describe(holder)
    return f"{named}, which waits for {writer}" if named else writer


def describe(run: DagsterRun) -> str:
    """Return a run as people find it on the page: the beginning of its id, its job, its day."""
    days = [run.tags.get(f"dagster/{name}") for name in ("partition", "asset_partition_range_end")]
    day = next((f" of {day}" for day in days if day), "")
    return f"run {run.run_id[:8]} ({run.job_name}{day})"


def waiting_sensor() -> SensorDefinition:
    """Return the sensor that says what queued runs wait for."""
    return watching_sensor(
        "waiting_runs",
        INTERVAL_SECONDS,
        "Says of every queued run which run or process it waits for.",
        lambda context: (
            "; ".join(tell_waiting(context.instance, find_home())) or "Nothing new waits."
        ),
    )
