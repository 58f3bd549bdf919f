"""What watches by itself: dead runs are closed, and what is late is told."""

import os
import subprocess
import sys

import pytest
from dagster import DagsterInstance, DagsterRunStatus, build_sensor_context, job, reconstructable
from dagster._core.events import EngineEventData
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from orchestration import dead_runs, waiting
from orchestration.jobs import DAY
from tests.orchestration.support import open_instance
from tradehouse.home import locks
from tradehouse.home.paths import Home
from tradehouse.observe import alerts


@pytest.fixture
def instance(home):
    with open_instance(home) as opened:
        yield opened


def started_run(instance: DagsterInstance, definitions, process: int | None) -> str:
    wanted = definitions.resolve_job_def(DAY)
    run = instance.create_run_for_job(wanted, status=DagsterRunStatus.STARTED)
    if process is not None:
        data = EngineEventData.in_process(process)
        instance.report_engine_event(f"Started process for run (pid: {process}).", run, data)
    return run.run_id


def gone() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.mark.parametrize(
    ("process", "status"),
    [(gone, DagsterRunStatus.FAILURE), (os.getpid, DagsterRunStatus.STARTED)],
)
def test_a_run_whose_process_is_gone_is_closed(home, definitions, instance, process, status):
    run_id = started_run(instance, definitions, process())

    closed = dead_runs.close_dead_runs(instance)

    assert closed == ([run_id] if status == DagsterRunStatus.FAILURE else [])
    assert instance.get_run_by_id(run_id).status == status
    assert dead_runs.close_dead_runs(instance) == []


def test_a_run_that_has_no_process_yet_is_left_alone(definitions, instance):
    started_run(instance, definitions, None)

    assert dead_runs.close_dead_runs(instance) == []


def test_a_number_that_another_program_got_does_not_count(definitions, instance):
    other = subprocess.Popen(["sleep", "60"])
    try:
        run_id = started_run(instance, definitions, other.pid)
        assert dead_runs.close_dead_runs(instance) == [run_id]
    finally:
        other.kill()
        other.wait()


def tick(definitions, instance, name):
    context = build_sensor_context(instance=instance, definitions=definitions)
    return definitions.resolve_sensor_def(name).evaluate_tick(context).skip_message


def test_the_sensor_closes_dead_runs(definitions, instance):
    assert tick(definitions, instance, "dead_runs") == "Every run is alive."
    run_id = started_run(instance, definitions, gone())

    assert tick(definitions, instance, "dead_runs") == f"Closed: {run_id}"


def queued_run(instance, definitions) -> str:
    wanted = definitions.resolve_job_def(DAY)
    location = RegisteredCodeLocationOrigin("definitions")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "repository"), DAY)
    return instance.create_run_for_job(
        wanted,
        status=DagsterRunStatus.QUEUED,
        remote_job_origin=origin,
        job_code_origin=reconstructable(never_started).get_python_origin(),
    ).run_id


@job
def never_started() -> None:
    """What a queued run would be made from."""


def messages(instance, run_id) -> list[str]:
    return [entry.message for entry in instance.all_logs(run_id) if "Waits for" in entry.message]


def test_a_queued_run_names_the_run_that_writes(home, definitions, instance):
    assert tick(definitions, instance, "waiting_runs") == "Nothing new waits."
    queued = queued_run(instance, definitions)
    assert tick(definitions, instance, "waiting_runs") == "Nothing new waits."
    writing = started_run(instance, definitions, os.getpid())
    reason = f"run {writing[:8]} ({DAY})"

    with locks.writing(Home(home), command=f"Dagster run {writing[:8]}, build"):
        said = tick(definitions, instance, "waiting_runs")

    assert said == f"{queued[:8]} waits for {reason}"
    assert instance.get_run_by_id(queued).tags[waiting.TAG] == reason
    assert messages(instance, queued) == [f"Waits for {reason}."]
    assert tick(definitions, instance, "waiting_runs") == "Nothing new waits."


def test_a_queued_run_names_the_command_line_that_writes(home, definitions, instance):
    queued = queued_run(instance, definitions)

    with locks.writing(Home(home), command="tradehouse run --landing /deliveries"):
        waiting.tell_waiting(instance, Home(home))

    [said] = messages(instance, queued)
    assert said.startswith("Waits for `tradehouse run --landing /deliveries` (process ")
    assert f"(process {os.getpid()}, since " in said


def test_a_queued_run_names_the_run_before_it_and_what_that_waits_for(home, definitions, instance):
    queued = queued_run(instance, definitions)
    before = started_run(instance, definitions, os.getpid())

    with locks.writing(Home(home), command="tradehouse sync crm"):
        waiting.tell_waiting(instance, Home(home))

    [said] = messages(instance, queued)
    assert f"Waits for run {before[:8]} ({DAY}), which waits for `tradehouse sync crm` " in said


def test_the_sensor_says_what_was_told(home, definitions, instance, monkeypatch):
    assert tick(definitions, instance, "alerts") == "Nothing new to tell."
    asked = []
    monkeypatch.setattr(alerts, "report", lambda one: asked.append(one) or ["late -> desk: sent"])

    assert tick(definitions, instance, "alerts") == "late -> desk: sent"
    assert asked == [Home(home)]
