"""Polled sources on the page: each is synced when its declaration says so.

A sensor starts those with an interval or times; those without a schedule are synced every morning,
and those `on delivery` only by runs that people start.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from dagster import (
    AssetKey,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition as UnresolvedJob,
)

from tradehouse.home.paths import find_home
from tradehouse.loads import polled
from tradehouse.loads.freshness import Promise

INTERVAL_SECONDS = 30


def due_sensor(
    job: UnresolvedJob,
    keys: Mapping[Promise, Sequence[AssetKey]],
    status: DefaultSensorStatus,
) -> SensorDefinition:
    """Return the sensor that loads sources when they are due.

    Args:
        job: loads polled sources.
        keys: the streams of every source that has a schedule.
        status: whether it is on at first.
    """

    @sensor(
        name="sources_due",
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=status,
        description="Loads a polled source when the schedule of its declaration asks for it.",
    )
    def watch_sources(_context: SensorEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        began, now = polled.last_begun(find_home()), datetime.now(UTC)
        is_due = False
        for promise, streams in keys.items():
            asked_at = promise.last_due_at(began.get(promise.name), now)
            if asked_at is not None:
                is_due = True
                run_key = f"{promise.name} {asked_at.isoformat()}"
                yield RunRequest(run_key=run_key, asset_selection=list(streams))
        if not is_due:
            yield SkipReason("No source is due.")

    return watch_sources
