"""Sources that are polled: loaded by their job, stream by stream, tried again when they fail."""

import os
import signal
import time
from threading import Thread

import pytest
from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    RetryPolicy,
    build_sensor_context,
)

from ingestion import declarations
from orchestration import assembly, jobs, manifest, raw_assets
from orchestration.jobs import DAY, POLLED
from tests.ingestion.conftest import Source, error_trace, record, state, status, stream
from tests.orchestration.support import materialized, why

STREAMS = [stream("a", n="integer"), stream("b", text="string")]
LINES = [
    *(record("a", {"n": n}) for n in (1, 2, 3)),
    state("a", {"at": 3}),
    status("a"),
    record("b", {"text": "one"}),
    state("b", {"at": 1}),
    status("b"),
]


@pytest.fixture
def source(tmp_path, monkeypatch):
    played = Source(tmp_path)
    played.declared |= {"streams": {"a": {}, "b": {}}, "freshness": "24 hours"}
    monkeypatch.setenv("TRADEHOUSE_HOME", str(played.home))
    monkeypatch.setattr(raw_assets, "RETRIES", RetryPolicy(max_retries=2, delay=0.01))
    return played


@pytest.fixture
def defined(prepared, source):
    sources = [declarations.read("brokerage"), source.declaration()]
    return assembly.assemble(prepared, manifest.read_codes(), sources)


def poll(defined, *streams):
    keys = [AssetKey(["raw", "played", name]) for name in streams]
    with DagsterInstance.ephemeral() as instance:
        job = defined.resolve_job_def(POLLED)
        return job.execute_in_process(
            instance=instance, asset_selection=keys or None, raise_on_error=False
        )


def test_the_job_loads_every_stream_and_says_how_much(source, defined):
    source.plays(LINES, streams=STREAMS)

    result = poll(defined)

    assert result.success, why(result)
    assert materialized(result) == {"raw/played/a", "raw/played/b"}
    told = {
        event.asset_key.path[-1]: event.step_materialization_data.materialization.metadata
        for event in result.all_events
        if event.is_step_materialization
    }
    assert {name: entry["records"].value for name, entry in told.items()} == {"a": 3, "b": 1}
    assert told["a"]["state"].value["stream"] == "complete"
    assert source.query("select n from played.a order by n") == [(1,), (2,), (3,)]


def test_one_stream_is_loaded_by_itself(source, defined):
    source.plays(LINES[:5], streams=STREAMS)

    result = poll(defined, "a")

    assert result.success, why(result)
    assert materialized(result) == {"raw/played/a"}
    assert [one["stream"]["name"] for one in source.got("catalog")["streams"]] == ["a"]


def test_a_source_that_fails_is_tried_again(source, defined):
    source.plays([error_trace("The door is shut.")], streams=STREAMS, exit_code=1)

    result = poll(defined)

    assert not result.success
    assert "The door is shut." in why(result)
    again = [e for e in result.all_events if e.event_type == DagsterEventType.STEP_RESTARTED]
    assert len(again) == 2


def test_only_work_asks_to_be_tried_again(defined):
    """Dagster's own policy would start a step again that somebody stopped."""
    for name in (DAY, POLLED):
        nodes = defined.resolve_job_def(name).graph.nodes
        assert {node.definition.retry_policy for node in nodes} == {None}


def test_a_sync_that_is_stopped_is_not_begun_again(source, defined):
    source.plays(LINES, streams=STREAMS, sleep=15)
    job = defined.resolve_job_def(POLLED)

    def stop() -> None:
        while source.got("catalog") is None:
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    Thread(target=stop, daemon=True).start()

    with DagsterInstance.ephemeral() as instance:
        job.execute_in_process(instance=instance, raise_on_error=False)
        [run] = instance.get_runs()
        kinds = {entry.dagster_event_type for entry in instance.all_logs(run.run_id)}

    # The page says that somebody asked for it, and then it is canceled.
    assert run.status is DagsterRunStatus.FAILURE
    assert DagsterEventType.STEP_START in kinds
    assert DagsterEventType.STEP_UP_FOR_RETRY not in kinds


def test_whatever_writes_is_in_the_pool(defined):
    for name in (DAY, POLLED):
        for node in defined.resolve_job_def(name).graph.nodes:
            assert node.definition.pool == (None if node.name == "brokerage_checks" else "writer")


def test_polled_sources_have_a_daily_schedule_that_asks_once_a_day(defined):
    [schedule] = defined.schedules
    assert schedule.cron_schedule == jobs.DEFAULT_SCHEDULE
    assert schedule.job_name == POLLED
    selected = {
        key.to_user_string()
        for key in defined.resolve_job_def(POLLED).asset_layer.selected_asset_keys
    }
    assert selected == {"raw/played/a", "raw/played/b"}
    assert not any(
        key.path[:2] == ["raw", "played"]
        for key in defined.resolve_job_def(DAY).asset_layer.selected_asset_keys
    )


def tick(defined):
    with DagsterInstance.ephemeral() as instance:
        context = build_sensor_context(instance=instance, definitions=defined)
        return defined.resolve_sensor_def("sources_due").evaluate_tick(context)


def test_a_source_with_a_schedule_is_asked_when_that_says_so(prepared, source):
    source.declared |= {"schedule": "6 hours"}
    sources = [declarations.read("brokerage"), source.declaration()]
    defined = assembly.assemble(prepared, manifest.read_codes(), sources)
    assert not [one for one in defined.schedules or [] if one.job_name == POLLED]

    [first] = tick(defined).run_requests
    assert {key.to_user_string() for key in first.asset_selection} == {
        "raw/played/a",
        "raw/played/b",
    }
    source.plays(LINES, streams=STREAMS)
    assert source.sync().status == "succeeded"
    assert (tick(defined).run_requests, tick(defined).skip_message) == ([], "No source is due.")


def test_a_source_on_delivery_is_left_to_runs_that_people_start(prepared, source):
    source.declared |= {"schedule": "on delivery"}
    sources = [declarations.read("brokerage"), source.declaration()]
    defined = assembly.assemble(prepared, manifest.read_codes(), sources)
    assert not [one for one in defined.schedules or [] if one.job_name == POLLED]
    assert tick(defined).run_requests == []
