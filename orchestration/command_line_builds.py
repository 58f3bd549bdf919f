"""Reports builds of the command line to the page, so that it shows their days and test results.

It reports days and tests of a build that passed, only tests of one whose tests failed, and only
while nobody writes. Dagster's runs report their own.
"""

import json
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetMaterialization,
    AssetSpec,
    DagsterInstance,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
)

from orchestration import release_assets
from orchestration.build_events import Describer
from orchestration.dead_runs import ALIVE
from orchestration.sensors import watching_sensor
from orchestration.translators import DOCS, RELEASE, UNIQUE_ID
from tradehouse.dbt.runner import LAST_NODE, NodeResult
from tradehouse.home import locks, state
from tradehouse.home.paths import Home, find_home
from tradehouse.home.records import Build, Node, Outcome
from tradehouse.publish import documentation, releases
from tradehouse.publish import publishing as publish

INTERVAL_SECONDS = 30
DAYS_A_TICK = 3
EVER = "1970-01-01T00:00:00+00:00"
CURSOR = "tradehouse_told_tests_of_build"
TOLD_LOADS = "tradehouse_told_loads"
LAST = AssetKey(["silver", LAST_NODE])
CODE_VERSION = "dagster/code_version"


def tell_days(
    instance: DagsterInstance, home: Home, specs: Collection[AssetSpec]
) -> list[str | None]:
    """Report some of the built days that the page does not know; return them.

    Rows of other sources may be of any day: after their loads the newest day is reported again, or
    None where there are no days.
    """
    record = state.last_build(home)
    if record.status is not Outcome.PASSED or is_busy(instance, home):
        return []
    known = instance.get_materialized_partitions(LAST)
    built = [one.batch_date for one in record.batches if one.is_accepted]
    days: list[str | None] = [day for day in built if day not in known][:DAYS_A_TICK]
    loads = json.dumps(record.built_loads, sort_keys=True)
    told = instance.daemon_cursor_storage.get_cursor_values({TOLD_LOADS}).get(TOLD_LOADS, "{}")
    newest = built[-1] if built else None
    if not days and loads != told:
        days = [newest]
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
    if newest in days:
        instance.daemon_cursor_storage.set_cursor_values({TOLD_LOADS: loads})
    return days


def tell_checks(
    instance: DagsterInstance,
    home: Home,
    checks: Collection[AssetCheckSpec],
    counted: Callable[[Home], list[AssetCheckResult]],
) -> int:
    """Report the last build's test results where the page knows only older ones.

    `counted` are the checks that compare what a build wrote down; they hold for one that passed.
    Returns how many were reported.
    """
    record = state.last_build(home)
    is_over = record.status in (Outcome.PASSED, Outcome.TESTS_FAILED)
    if not is_over or is_busy(instance, home):
        return 0
    told = instance.daemon_cursor_storage.get_cursor_values({CURSOR}).get(CURSOR)
    if told == record.id:
        return 0
    since = datetime.fromisoformat(record.started_at or EVER).timestamp()
    found = list(_evaluations(record, checks))
    if record.status is Outcome.PASSED and record.streams:
        found += [_evaluation(one) for one in counted(home)]
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [one.asset_check_key for one in found]
    )
    older = [
        one
        for one in found
        if (last := newest.get(one.asset_check_key)) is None or last.create_timestamp < since
    ]
    for one in older:
        instance.report_runless_asset_event(one)
    instance.daemon_cursor_storage.set_cursor_values({CURSOR: record.id})
    return len(older)


def _evaluations(
    record: Build, checks: Collection[AssetCheckSpec]
) -> Iterator[AssetCheckEvaluation]:
    for check in checks:
        node = record.nodes.get((check.metadata or {}).get(UNIQUE_ID, ""))
        if node is None or node.status not in ("pass", "warn", "fail"):
            continue
        severity = AssetCheckSeverity.ERROR if check.blocking else AssetCheckSeverity.WARN
        yield AssetCheckEvaluation(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=node.status == "pass",
            severity=severity,
            description=node.message or None,
            metadata={"seconds": node.seconds, "made by": "the command line"},
            blocking=check.blocking,
        )


def _evaluation(result: AssetCheckResult) -> AssetCheckEvaluation:
    return AssetCheckEvaluation(
        asset_key=result.asset_key or AssetKey([]),
        check_name=result.check_name or "",
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
    )


def is_busy(instance: DagsterInstance, home: Home) -> bool:
    """Whether somebody writes, so that the last build's record may be outdated."""
    return bool(locks.find_holder(home) or instance.get_runs(RunsFilter(statuses=ALIVE), limit=1))


def describe_all(
    home: Home, record: Build, specs: Collection[AssetSpec]
) -> Iterator[tuple[AssetSpec, dict[str, Any]]]:
    """Yield every asset that stands, with what the page shows of it."""
    describer = Describer(home, [spec for spec in specs if UNIQUE_ID in spec.metadata])
    current = releases.find_current(home)
    is_published = current is not None and publish.is_release_of(home, current, record)
    for spec in specs:
        if spec.key == RELEASE:
            if is_published:
                yield spec, release_assets.describe_release(home)
        elif spec.key == DOCS:
            if not documentation.are_outdated(home):
                yield spec, {"page": str(home.docs / documentation.PAGE)}
        elif spec.key in describer.id_of:
            node = _result(describer.id_of[spec.key], record)
            yield spec, describer.describe(spec.key, node)
        else:
            yield spec, {}


def _result(unique_id: str, record: Build) -> NodeResult:
    """Return what the build did to a model; its rows are those that were counted at the end."""
    kind, _, name = unique_id.split(".", 2)
    node = record.nodes.get(unique_id, Node(status=""))
    counts = [rows[name] for rows in record.rows.values() if name in rows]
    return NodeResult(
        name=name,
        unique_id=unique_id,
        resource_type=kind,
        status=node.status,
        seconds=node.seconds,
        failures=0,
        message="",
        rows=counts[0] if counts else None,
        columns=node.columns,
    )


def command_line_builds_sensor(
    specs: Collection[AssetSpec],
    checks: Collection[AssetCheckSpec],
    counted: Callable[[Home], list[AssetCheckResult]],
) -> SensorDefinition:
    """Return the sensor that reports such days and tests."""

    def look(context: SensorEvaluationContext) -> str:
        home = find_home()
        days = tell_days(context.instance, home, specs)
        # Days that are still to come would make the tests look older than what they tested.
        is_last = len(days) < DAYS_A_TICK
        tests = tell_checks(context.instance, home, checks, counted) if is_last else 0
        if days:
            return f"Told: {', '.join(day or 'what has no day' for day in days)}"
        return f"Told: {tests} tests" if tests else "Every day that is built is known."

    return watching_sensor(
        "days_built_elsewhere",
        INTERVAL_SECONDS,
        "Tells the page of days that the command line built, and of their tests.",
        look,
    )
