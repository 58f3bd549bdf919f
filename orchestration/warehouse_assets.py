"""dbt's assets: every model and seed, and every data test as a check, in one invocation.

`tradehouse.build.execution` decides what is built, and why; here its results become events.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    BackfillPolicy,
    Failure,
    multi_asset,
)

from orchestration import build_events
from orchestration.asset_execution import BUILDING, POOL, Emit, runner_of, work
from orchestration.translators import UNIQUE_ID, Translator
from tradehouse.build import execution
from tradehouse.dbt.runner import DbtRunner, NodeResult, OnResult
from tradehouse.errors import LandingError
from tradehouse.home.paths import Home
from tradehouse.home.records import Build, Outcome
from tradehouse.loads import days as business_days
from tradehouse.runs import pipeline
from tradehouse.terminal.progress import Steps

PUBLISHABLE = (Outcome.PASSED, Outcome.PARTIAL)


def warehouse_assets(translator: Translator, manifest: Mapping[str, Any]) -> AssetsDefinition:
    """Return dbt's models and seeds as one step that can be restricted to some of them."""
    specs, checks = translator.dbt_specs(manifest)
    model_of = {spec.key: manifest["nodes"][spec.metadata[UNIQUE_ID]]["name"] for spec in specs}
    key_of = {spec.metadata[UNIQUE_ID]: spec.key for spec in specs}
    parents_of = {spec.key: [dep.asset_key for dep in spec.deps] for spec in specs}
    check_of = {check.metadata[UNIQUE_ID]: check for check in checks if check.metadata}
    test_of = {check.key: manifest["nodes"][one]["name"] for one, check in check_of.items()}

    @multi_asset(
        name=BUILDING,
        specs=specs,
        check_specs=checks,
        can_subset=True,
        pool=POOL,
        backfill_policy=BackfillPolicy.single_run(),
    )
    def warehouse(context: AssetExecutionContext) -> Iterator[Any]:
        """Build and test with dbt."""
        keys, tests = context.selected_asset_keys, context.selected_asset_check_keys
        has_days = context.has_partition_key or context.has_partition_key_range
        days = list(context.partition_keys) if has_days else []
        is_whole = len(keys) == len(specs)
        alone = [test_of[check] for check in tests if check.asset_key not in keys]
        select = [] if is_whole else [*(model_of[key] for key in keys), *alone]

        def build_days(home: Home, emit: Emit, steps: Steps) -> Failure | None:
            told = build_events.OrderedMaterializations(
                parents_of, keys, build_events.Describer(home, specs), emit
            )

            def tell(node: NodeResult) -> None:
                if node.unique_id in key_of:
                    told.add(key_of[node.unique_id], node)
                elif node.unique_id in check_of:
                    result = _result_of(node, check_of[node.unique_id])
                    if result is not None and check_of[node.unique_id].key in tests:
                        emit(result)

            record = build_selection(home, runner_of(context, home), select, days, tell, steps)
            if record.status in PUBLISHABLE:
                told.add_rest()
                for observation in build_events.observe_streams(record, parents_of, keys):
                    emit(observation)
                return None
            return Failure(explain(record), allow_retries=False)

        yield from work(context, "build", build_days)

    return warehouse


def build_selection(
    home: Home, runner: DbtRunner, select: list[str], days: list[str], tell: OnResult, steps: Steps
) -> Build:
    """Build what waits, and days that are built already again; nothing selected is everything.

    Raises:
        TradehouseError: when a day was not delivered, or not loaded.
    """
    batches = business_days.batches_of(home, days)
    again = business_days.first_built(home, batches)
    plan = execution.make_plan(home, runner, from_batch=again)
    missing = [batch for batch in batches if batch not in plan.in_force]
    if missing:
        raise LandingError(
            f"Batch{missing[0]} is delivered and not loaded. Load it first: materialize the "
            "brokerage's streams of that day, or `tradehouse sync`."
        )
    return pipeline.build_one(home, runner, plan, None, steps, select, tell)


def explain(record: Build) -> str:
    """Return what failed in a build, in the words of `tradehouse status`."""
    tests = [f"{one.test}: {one.message}" for one in record.failures]
    return "\n".join([*filter(None, [record.error]), *tests]) or f"The build {record.status}."


def _result_of(node: NodeResult, check: AssetCheckSpec) -> AssetCheckResult | None:
    """Return a test's result as that of its check; None for a test that was skipped."""
    if node.status not in ("pass", "warn", "fail"):
        return None
    return AssetCheckResult(
        passed=node.status == "pass",
        asset_key=check.asset_key,
        check_name=check.name,
        severity=AssetCheckSeverity.ERROR if check.blocking else AssetCheckSeverity.WARN,
        metadata={"failing_rows": node.failures, "seconds": round(node.seconds, 3)},
        description=node.message or None,
    )
