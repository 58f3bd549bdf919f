"""What watches by itself: dead runs are closed, and what is late is told."""

import os
import subprocess
import sys

import pytest
from dagster import DagsterInstance, DagsterRunStatus, build_sensor_context
from dagster._core.events import EngineEventData

from orchestration import dead_runs
from orchestration.jobs import DAY
from tests.orchestration.support import open_instance
from tradehouse import alerts
from tradehouse.home import Home


@pytest.fixture
def instance(home):
    with open_instance(home) as opened:
        yield opened


def started_run(instance: DagsterInstance, definitions, process: int | None) -> str:
    job = definitions.resolve_job_def(DAY)
    run = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
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


def test_the_sensor_says_what_was_told(home, definitions, instance, monkeypatch):
    assert tick(definitions, instance, "alerts") == "Nothing new to tell."
    asked = []
    monkeypatch.setattr(alerts, "report", lambda one: asked.append(one) or ["late -> desk: sent"])

    assert tick(definitions, instance, "alerts") == "late -> desk: sent"
    assert asked == [Home(home)]
