"""All definitions put together, from the prepared manifest and the declarations of sources."""

import os
from collections.abc import Mapping
from typing import Any

from dagster import Definitions, in_process_executor

from ingestion import declarations
from orchestration import (
    alerts,
    checks,
    dead_runs,
    deliveries,
    elsewhere,
    jobs,
    partitions,
    publishing,
    raw,
    waiting,
    warehouse,
)
from orchestration.translators import Translator
from tradehouse import syncing

DOCS_VARIABLE = "TRADEHOUSE_DOCS_URL"


def assemble(
    manifest: Mapping[str, Any],
    codes: Mapping[str, str],
    sources: list[declarations.Declaration] | None = None,
) -> Definitions:
    """Return the whole platform; nothing is opened but small files."""
    days = partitions.brokerage_days()
    translator = Translator(codes, days, os.environ.get(DOCS_VARIABLE, ""))
    found = {one.name: one for one in sources or declarations.read_all()}
    polled = [one for one in found.values() if jobs.is_polled(one)]
    day = jobs.day_job(polled)
    brokerage = raw.brokerage_assets(translator, found[syncing.SOURCE], manifest)
    daily = [
        brokerage,
        warehouse.warehouse_assets(translator, manifest),
        *publishing.publishing_assets(translator, manifest),
    ]
    return Definitions(
        assets=[
            *daily,
            *(raw.source_assets(translator, one, manifest) for one in polled),
            *translator.exposure_specs(manifest),
        ],
        asset_checks=[checks.brokerage_checks(list(brokerage.specs))],
        jobs=[day],
        schedules=[jobs.polled_schedule(polled)] if polled else [],
        sensors=[
            deliveries.delivery_sensor(day, jobs.sensor_status()),
            dead_runs.dead_run_sensor(),
            waiting.waiting_sensor(),
            elsewhere.elsewhere_sensor([spec for one in daily for spec in one.specs]),
            alerts.alert_sensor(),
        ],
        executor=in_process_executor,
    )
