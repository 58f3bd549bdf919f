"""Assets downstream of gold: the documentation, the release, and its readers.

The release is made by the one function that publishes (`tradehouse.publish.publishing`), from a
build whose tests passed. Documentation and release have the models' days, so that several days at
once are one run, from the streams to the release.
"""

from collections.abc import Mapping
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    AutomationCondition,
    BackfillPolicy,
    Failure,
    MaterializeResult,
    PartitionsDefinition,
    multi_asset,
)

from orchestration import build_events
from orchestration.asset_execution import POOL, Emit, runner_of, work
from orchestration.translators import DOCS, PUBLISHED, RELEASE, Translator
from tradehouse.build import execution
from tradehouse.home import state
from tradehouse.home.paths import Home
from tradehouse.publish import documentation as docs
from tradehouse.publish import publishing, releases
from tradehouse.runs import pipeline
from tradehouse.terminal.progress import Steps

OWNER = "team:data-platform"
Days = PartitionsDefinition[str]
WHEN_GOLD_IS_SOUND = (
    AutomationCondition.eager()
    # Not the last day of the calendar, but each that was built.
    .without(AutomationCondition.in_latest_time_window())
    & AutomationCondition.all_deps_blocking_checks_passed()
)


def publishing_assets(
    translator: Translator, manifest: Mapping[str, Any]
) -> list[AssetsDefinition]:
    """Return documentation and release, behind every gold model."""
    gold = [
        translator.get_asset_key(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "gold"
    ]
    specs, _ = translator.dbt_specs(manifest)
    return [docs_asset(gold, translator.days, specs), release_asset(gold, translator.days)]


def docs_asset(gold: list[AssetKey], days: Days, specs: list[AssetSpec]) -> AssetsDefinition:
    """Return the documentation site as an asset."""
    spec = AssetSpec(
        DOCS,
        deps=gold,
        partitions_def=days,
        group_name=PUBLISHED,
        owners=[OWNER],
        kinds={"dbt", "html"},
        tags={"tradehouse/layer": "release"},
        description="The documentation site of the models; made anew when the project changed.",
    )

    @multi_asset(name="docs", specs=[spec], pool=POOL, backfill_policy=BackfillPolicy.single_run())
    def documentation(context: AssetExecutionContext) -> Any:
        def make(home: Home, emit: Emit, steps: Steps) -> Failure | None:
            made = pipeline.make_docs(home, runner_of(context, home), steps)
            page = home.docs / docs.PAGE
            size = page.stat().st_size if page.exists() else 0
            if made is not None:
                for observation in build_events.Describer(home, specs).observe_lineage():
                    emit(observation)
            emit(
                MaterializeResult(
                    DOCS, metadata={"page": str(page), "bytes": size, "is_new": made is not None}
                )
            )
            return None

        yield from work(context, "docs", make)

    return documentation


def release_asset(gold: list[AssetKey], days: Days) -> AssetsDefinition:
    """Return the published release as an asset."""
    spec = AssetSpec(
        RELEASE,
        deps=[DOCS, *gold],
        partitions_def=days,
        group_name=PUBLISHED,
        owners=[OWNER],
        kinds={"duckdb"},
        tags={"tradehouse/layer": "release"},
        automation_condition=WHEN_GOLD_IS_SOUND,
        description="The published release: gold in one file that is never changed, and the "
        "pointer that readers follow. Made only from a build whose tests passed.",
    )

    @multi_asset(
        name="release", specs=[spec], pool=POOL, backfill_policy=BackfillPolicy.single_run()
    )
    def release(context: AssetExecutionContext) -> Any:
        def publish(home: Home, emit: Emit, steps: Steps) -> Failure | None:
            record = execution.require_passed(home, state.last_build(home))
            publishing.ensure_graph(home, runner_of(context, home))
            publication = pipeline.publish_build(home, record, steps)
            if publication is not None and not publication.is_published:
                context.log.warning(pipeline.describe_publication(publication))
            emit(MaterializeResult(RELEASE, metadata=describe_release(home)))
            return None

        yield from work(context, "publish", publish)

    return release


def describe_release(home: Home) -> dict[str, Any]:
    """Return what the page shows of the published release."""
    current = [release for release in releases.list_releases(home) if release.is_current]
    hold = releases.read_hold(home)
    if not current:
        return {"held_since": hold.since if hold else ""}
    [release] = current
    return {
        "release": release.id,
        "path": str(releases.current_database(home)),
        "dagster/row_count": sum(release.rows.values()),
        "rows_by_table": release.rows,
        "bytes": release.bytes,
        "days": [batch.batch_date for batch in release.batches],
        "tests": release.tests.model_dump(),
        **({"held_since": hold.since} if hold else {}),
    }
