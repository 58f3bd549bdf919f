"""Jobs, and the schedule of the sources that are polled.

What starts a day of the brokerage is in `orchestration.deliveries`.
"""

import os
from collections.abc import Sequence

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    ScheduleDefinition,
    define_asset_job,
    in_process_executor,
)
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition as UnresolvedJob,
)

from ingestion.declarations import Declaration
from orchestration import translators
from tradehouse import syncing

DAY = "brokerage_day"
POLLED = "polled_sources"
EVERY_MORNING = "0 5 * * *"
PROFILE_VARIABLE = "TRADEHOUSE_PROFILE"
OUTSIDE = AssetSelection.groups("exposures")


def is_automatic() -> bool:
    """Whether schedules and sensors start switched on: in production, not in development."""
    return os.environ.get(PROFILE_VARIABLE) == "prod"


def schedule_status() -> DefaultScheduleStatus:
    """Return how schedules start."""
    return DefaultScheduleStatus.RUNNING if is_automatic() else DefaultScheduleStatus.STOPPED


def sensor_status() -> DefaultSensorStatus:
    """Return how sensors start."""
    return DefaultSensorStatus.RUNNING if is_automatic() else DefaultSensorStatus.STOPPED


def day_job(polled: Sequence[Declaration]) -> UnresolvedJob:
    """Return the daily job: the brokerage's day from its streams to the release."""
    others = [translators.raw_group(one.name) for one in polled]
    selection = AssetSelection.all() - OUTSIDE
    if others:
        selection = selection - AssetSelection.groups(*others)
    return define_asset_job(
        DAY,
        selection,
        executor_def=in_process_executor,
        description="Sync, build, test and publish a day, as `tradehouse run` does.",
    )


def polled_job(polled: Sequence[Declaration]) -> UnresolvedJob:
    """Return the job that loads every source that is polled."""
    groups = [translators.raw_group(one.name) for one in polled]
    return define_asset_job(
        POLLED,
        AssetSelection.groups(*groups),
        executor_def=in_process_executor,
        description="Load what is new in the sources that deliver nothing by themselves.",
    )


def is_polled(declaration: Declaration) -> bool:
    """Whether a source is asked for what is new, instead of delivering it."""
    return declaration.enabled and declaration.name != syncing.SOURCE


def polled_schedule(polled: Sequence[Declaration]) -> ScheduleDefinition:
    """Return the daily schedule of the sources that are polled."""
    return ScheduleDefinition(
        name="polled_sources_daily",
        job=polled_job(polled),
        cron_schedule=EVERY_MORNING,
        execution_timezone="UTC",
        default_status=schedule_status(),
    )
