"""Loads of polled sources on their way to the release: pending loads start a job.

The job builds what the new rows reach, tests and publishes, as `tradehouse run --no-sync` does; the
page then marks the models as built (`orchestration.command_line_builds`).
"""

import json
from datetime import UTC, datetime

from dagster import (
    DefaultSensorStatus,
    Failure,
    JobDefinition,
    OpExecutionContext,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    in_process_executor,
    job,
    op,
    sensor,
)

from orchestration.asset_execution import POOL, runner_of, work
from tradehouse.home import state
from tradehouse.home.paths import Home, find_home
from tradehouse.home.records import Outcome
from tradehouse.loads import syncs
from tradehouse.runs import pipeline
from tradehouse.terminal.progress import Steps

TAKE = "take_loads"


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


INTERVAL_SECONDS = 30


def take_job() -> JobDefinition:
    """Return the job that builds and publishes what is loaded."""

    @op(name="build_and_publish", pool=POOL)
    def take(context: OpExecutionContext) -> None:
        """Build what new rows of any source reach, test and publish."""
        list(work(context, "run", lambda home, _, steps: take_all(context, home, steps)))

    @job(
        name=TAKE,
        executor_def=in_process_executor,
        description="Build, test and publish what was loaded, as `tradehouse run --no-sync` does.",
    )
    def take_loads() -> None:
        take()

    return take_loads


def take_all(context: OpExecutionContext, home: Home, steps: Steps) -> Failure | None:
    """Build and publish what waits; return what keeps it from being published."""
    outcome = pipeline.build_pending_loads(home, runner_of(context, home), steps)
    for record in outcome.builds:
        context.log.info(f"{record.status}: {'; '.join(record.reasons)}")
    for publication in outcome.publications:
        context.log.info(pipeline.describe_publication(publication))
    broken = [one for one in outcome.builds if one.status is not Outcome.PASSED]
    if not broken:
        return None
    failed = ", ".join(one.test for one in broken[-1].failures)
    words = broken[-1].error or f"failed: {failed}"
    return Failure(f"{words} The release stayed as it was.", allow_retries=False)


def take_sensor(target: JobDefinition, status: DefaultSensorStatus) -> SensorDefinition:
    """Return the sensor that starts the job when a source has loads that are not built."""

    @sensor(
        name="loads_waiting",
        job=target,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=status,
        description="Builds and publishes what polled sources brought, once for every load.",
    )
    def watch_loads(context: SensorEvaluationContext) -> RunRequest | SkipReason:
        home = find_home()
        build = state.last_build(home)
        waiting = syncs.loads_waiting(home, build.built_loads)
        if not waiting:
            return SkipReason("Every load is built.")
        # Asked for again after another build, and after an hour: a run may have died.
        asked = {"loads": waiting, "after": build.id, "hour": f"{now():%Y-%m-%d %H}"}
        return RunRequest(run_key=json.dumps(asked, sort_keys=True))

    return watch_loads
