"""Detects and closes runs whose process is gone, so that none hangs and no slot stays taken.

Called by a sensor while the daemon runs and when the page starts. The lock of the home needs no
help: the operating system frees it with the last process that holds it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunsFilter,
    SensorDefinition,
)

from orchestration.sensors import watching_sensor
from tradehouse.home import processes

INTERVAL_SECONDS = 20
ALIVE = [DagsterRunStatus.STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.CANCELING]
MESSAGE = (
    "The process of this run is gone (killed, or the machine stopped). What it committed stays; "
    "start it again, or resume it from the failed assets."
)
_PID = re.compile(r"pid: (\d+)")


def close_dead_runs(instance: DagsterInstance) -> list[str]:
    """Mark every run whose process is gone as failed, and free its slots; return their ids."""
    closed = []
    for run in instance.get_runs(RunsFilter(statuses=ALIVE)):
        process = find_process(instance, run)
        if process is None or is_running(process, run.run_id):
            continue
        instance.report_run_failed(run, MESSAGE)
        if instance.event_log_storage.supports_global_concurrency_limits:
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        closed.append(run.run_id)
    return closed


def find_process(instance: DagsterInstance, run: DagsterRun) -> int | None:
    """Return the last process the run is known to have; None before it has one."""
    found = None
    for number in _processes(instance, run):
        found = number
    return found


def _processes(instance: DagsterInstance, run: DagsterRun) -> Iterator[int]:
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        if event is None:
            continue
        metadata = getattr(event.event_specific_data, "metadata", {}) or {}
        value = getattr(metadata.get("pid"), "value", None)
        match = _PID.search(event.message or "")
        if value is not None and str(value).isdigit():
            yield int(str(value))
        elif match:
            yield int(match[1])


def is_running(process: int, run_id: str) -> bool:
    """Whether the process lives; a number that was given to another program does not count."""
    if not processes.is_alive(process):
        return False
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return True
    return b"dagster" in words or b"python" in words


def dead_run_sensor() -> SensorDefinition:
    """Return the sensor that closes dead runs."""
    return watching_sensor(
        "dead_runs",
        INTERVAL_SECONDS,
        "Closes runs whose process was killed.",
        lambda context: (
            f"Closed: {', '.join(closed)}"
            if (closed := close_dead_runs(context.instance))
            else "Every run is alive."
        ),
    )
