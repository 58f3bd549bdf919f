"""Jobs, and the schedule of polled sources.

What starts a day of the brokerage is in `orchestration.delivery_sensor`.
"""

import os
from collections.abc import Sequence

from dagster import (
    AssetKey,
    AssetSelection,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    ScheduleDefinition,
    define_asset_job,
    in_process_executor,
)
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition as UnresolvedJob,
)

from orchestration.page import PROFILE_VARIABLE

DAY = "brokerage_day"
POLLED = "polled_sources"
DEFAULT_SCHEDULE = "0 5 * * *"


def is_automatic() -> bool:
    """Whether schedules and sensors start switched on: in production, not in development."""
    return os.environ.get(PROFILE_VARIABLE) == "prod"


def schedule_status() -> DefaultScheduleStatus:
    """Return how schedules start."""
    return DefaultScheduleStatus.RUNNING if is_automatic() else DefaultScheduleStatus.STOPPED


def sensor_status() -> DefaultSensorStatus:
    """Return how sensors start."""
    return DefaultSensorStatus.RUNNING if is_automatic() else DefaultSensorStatus.STOPPED


def day_job(keys: Sequence[AssetKey]) -> UnresolvedJob:
    """Return the daily job: the brokerage's day from its streams to the release."""
    return define_asset_job(
        DAY,
        AssetSelection.assets(*keys),
        executor_def=in_process_executor,
        description="Sync, build, test and publish a day, as `tradehouse run` does.",
    )


def polled_job(keys: Sequence[AssetKey]) -> UnresolvedJob:
    """Return the job that loads every source that is polled."""
    return define_asset_job(
        POLLED,
        AssetSelection.assets(*keys),
        executor_def=in_process_executor,
        description="Load what is new in the sources that deliver nothing by themselves.",
    )


def polled_schedule(job: UnresolvedJob, keys: Sequence[AssetKey]) -> ScheduleDefinition:
    """Return the daily schedule of the polled sources that have none of their own."""
    return ScheduleDefinition(
        name="polled_sources_daily",
        job=job,
        execution_fn=lambda _: RunRequest(asset_selection=list(keys)),
        cron_schedule=DEFAULT_SCHEDULE,
        execution_timezone="UTC",
        default_status=schedule_status(),
    )
