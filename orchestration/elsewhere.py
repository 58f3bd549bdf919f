"""Days that the command line built: told to the page, so that it shows which days are loaded.

Only what a passed build says is told, while nobody writes; a run of Dagster's tells its own days.
"""

from collections.abc import Collection, Iterator
from typing import Any

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetSpec,
    DagsterInstance,
    RunsFilter,
    SensorDefinition,
)

from orchestration import publishing
from orchestration.dead_runs import ALIVE
from orchestration.sensors import watching_sensor
from orchestration.telling import Describer
from orchestration.translators import DOCS, RELEASE, UNIQUE_ID
from tradehouse import build, docs, locks, publish, releases, state
from tradehouse.dbt_runner import NodeResult
from tradehouse.home import Home, find_home
from tradehouse.partial import LAST_NODE

INTERVAL_SECONDS = 30
DAYS_A_TICK = 3
LAST = AssetKey(["silver", LAST_NODE])
CODE_VERSION = "dagster/code_version"


def tell_days(instance: DagsterInstance, home: Home, specs: Collection[AssetSpec]) -> list[str]:
    """Tell some of the days that were built and that the page does not know; return them."""
    record = state.read(home, "build")
    if record.get("status") != build.PASSED or is_busy(instance, home):
        return []
    known = instance.get_materialized_partitions(LAST)
    built = [one["batch_date"] for one in record["batches"] if one["is_accepted"]]
    days = [day for day in built if day not in known][:DAYS_A_TICK]
    if not days:
        return []
    # The last node is told last: a day that was told in part is told again.
    found = sorted(describe_all(home, record, specs), key=lambda one: one[0].key == LAST)
    for day in days:
        for spec, metadata in found:
            event = AssetMaterialization(
                spec.key,
                description="Made by the command line.",
                metadata=metadata,
                partition=day,
                tags={CODE_VERSION: spec.code_version} if spec.code_version else {},
            )
            instance.report_runless_asset_event(event)
    return days


def is_busy(instance: DagsterInstance, home: Home) -> bool:
    """Whether somebody writes, so that what the last build says may be over."""
    return bool(locks.find_holder(home) or instance.get_runs(RunsFilter(statuses=ALIVE), limit=1))


def describe_all(
    home: Home, record: dict[str, Any], specs: Collection[AssetSpec]
) -> Iterator[tuple[AssetSpec, dict[str, Any]]]:
    """Yield every asset that stands, with what the page shows of it."""
    describer = Describer(home, [spec for spec in specs if UNIQUE_ID in spec.metadata])
    current = releases.find_current(home)
    is_published = current is not None and publish.is_release_of(home, current, record)
    for spec in specs:
        if spec.key == RELEASE:
            if is_published:
                yield spec, publishing.describe_release(home)
        elif spec.key == DOCS:
            if not docs.are_outdated(home):
                yield spec, {"page": str(home.docs / docs.PAGE)}
        elif spec.key in describer.id_of:
            node = _result(describer.id_of[spec.key], record)
            yield spec, describer.describe(spec.key, node)
        else:
            yield spec, {}


def _result(unique_id: str, record: dict[str, Any]) -> NodeResult:
    """Return what the build did to a model; its rows are those that were counted at the end."""
    kind, _, name = unique_id.split(".")[:3]
    node = record["nodes"].get(unique_id, {})
    counts = [rows[name] for rows in record["rows"].values() if name in rows]
    return NodeResult(
        name=name,
        unique_id=unique_id,
        resource_type=kind,
        status=node.get("status", ""),
        seconds=node.get("seconds", 0.0),
        failures=0,
        message="",
        rows=counts[0] if counts else None,
        columns=node.get("columns"),
    )


def elsewhere_sensor(specs: Collection[AssetSpec]) -> SensorDefinition:
    """Return the sensor that tells of such days."""
    return watching_sensor(
        "days_built_elsewhere",
        INTERVAL_SECONDS,
        "Tells the page of days that the command line built.",
        lambda context: (
            f"Told: {', '.join(days)}"
            if (days := tell_days(context.instance, find_home(), specs))
            else "Every day that is built is known."
        ),
    )
