"""Assembles all definitions from the prepared manifest and the declarations of sources."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from dagster import Definitions, in_process_executor

from exposition import companions
from ingestion.declarations import Declaration
from orchestration import (
    alerts,
    checks,
    command_line_builds,
    dead_runs,
    delivery_sensor,
    jobs,
    partitions,
    pending_loads,
    polling,
    raw_assets,
    release_assets,
    waiting,
    warehouse_assets,
)
from orchestration.page import DOCS_VARIABLE
from orchestration.sources import Source, read_all
from orchestration.translators import Translator
from tradehouse.loads import brokerage_sync, freshness


def assemble(
    manifest: Mapping[str, Any],
    codes: Mapping[str, str],
    sources: Sequence[Source | Declaration] | None = None,
) -> Definitions:
    """Return the whole platform; nothing is opened but small files."""
    companions.register()
    days = partitions.brokerage_days()
    translator = Translator(codes, days, os.environ.get(DOCS_VARIABLE, ""))
    known = [one if isinstance(one, Source) else Source(one) for one in sources or read_all()]
    found = {one.name: one for one in known}
    polled = {
        name: raw_assets.source_assets(translator, one, manifest)
        for name, one in found.items()
        if one.is_polled
    }
    brokerage = raw_assets.brokerage_assets(translator, found[brokerage_sync.SOURCE], manifest)
    daily = [
        brokerage,
        warehouse_assets.warehouse_assets(translator, manifest),
        *release_assets.publishing_assets(translator, manifest),
    ]
    day = jobs.day_job([key for one in daily for key in one.keys])
    asked = [key for one in polled.values() for key in one.keys]
    promised = {
        freshness.of(found[name].declaration): list(one.keys) for name, one in polled.items()
    }
    timed = {one: keys for one, keys in promised.items() if one.schedule is not None}
    untimed = [key for one, keys in promised.items() if one not in timed for key in keys]
    poll = jobs.polled_job(asked)
    loaded = [*brokerage.keys, *asked]
    take = pending_loads.take_job()
    return Definitions(
        assets=[
            *daily,
            *polled.values(),
            *translator.unloaded_specs(known, manifest, loaded),
            *translator.exposure_specs(manifest),
        ],
        asset_checks=[checks.brokerage_checks(list(brokerage.specs))],
        jobs=[day, take, *([poll] if asked else [])],
        schedules=[jobs.polled_schedule(poll, untimed)] if untimed else [],
        sensors=[
            delivery_sensor.delivery_sensor(day, jobs.sensor_status()),
            pending_loads.take_sensor(take, jobs.sensor_status()),
            *([polling.due_sensor(poll, timed, jobs.sensor_status())] if timed else []),
            dead_runs.dead_run_sensor(),
            waiting.waiting_sensor(),
            command_line_builds.command_line_builds_sensor(
                [spec for one in daily for spec in one.specs],
                [check for one in daily for check in one.check_specs],
                checks.counted_checks(list(brokerage.specs)),
            ),
            alerts.alert_sensor(),
        ],
        executor=in_process_executor,
    )
