"""Assets behind gold: the documentation, the release, and who reads it.

The release is made by the one function that publishes (`tradehouse.publish`), from a build whose
tests passed.
"""

from collections.abc import Mapping
from typing import Any

from dagster import (
    AssetDep,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AutomationCondition,
    Failure,
    LastPartitionMapping,
    MaterializeResult,
    asset,
)

from orchestration.translators import DOCS, PUBLISHED, RELEASE, Translator
from orchestration.working import POOL, Emit, work
from tradehouse import build, docs, releases, run, state
from tradehouse.dbt_runner import DbtRunner
from tradehouse.home import Home
from tradehouse.progress import Steps

OWNER = "team:data-platform"
WHEN_GOLD_IS_SOUND = (
    AutomationCondition.eager().without(~AutomationCondition.any_deps_missing())
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
    return [docs_asset(gold), release_asset(gold)]


def docs_asset(gold: list[AssetKey]) -> AssetsDefinition:
    """Return the documentation site as an asset."""

    @asset(
        key=DOCS,
        deps=[AssetDep(key, partition_mapping=LastPartitionMapping()) for key in gold],
        group_name=PUBLISHED,
        owners=[OWNER],
        kinds={"dbt", "html"},
        tags={"tradehouse/layer": "release"},
        pool=POOL,
        description="The documentation site of the models; made anew when the project changed.",
    )
    def documentation(context: AssetExecutionContext) -> Any:
        def make(home: Home, emit: Emit) -> Failure | None:
            made = run.make_docs(home, DbtRunner(home), Steps(quiet=True))
            page = home.docs / docs.PAGE
            size = page.stat().st_size if page.exists() else 0
            emit(
                MaterializeResult(
                    metadata={"page": str(page), "bytes": size, "is_new": made is not None}
                )
            )
            return None

        yield from work(context, "docs", make)

    return documentation


def release_asset(gold: list[AssetKey]) -> AssetsDefinition:
    """Return the published release as an asset."""

    @asset(
        key=RELEASE,
        deps=[DOCS, *(AssetDep(key, partition_mapping=LastPartitionMapping()) for key in gold)],
        group_name=PUBLISHED,
        owners=[OWNER],
        kinds={"duckdb"},
        tags={"tradehouse/layer": "release"},
        pool=POOL,
        automation_condition=WHEN_GOLD_IS_SOUND,
        description="The published release: gold in one file that is never changed, and the "
        "pointer that readers follow. Made only from a build whose tests passed.",
    )
    def release(context: AssetExecutionContext) -> Any:
        def publish(home: Home, emit: Emit) -> Failure | None:
            record = build.require_passed(home, state.read(home, "build"))
            publication = run.publish_build(home, record, Steps(quiet=True))
            if publication is not None and not publication.is_published:
                context.log.warning(run.describe_publication(publication))
            emit(MaterializeResult(metadata=describe_release(home)))
            return None

        yield from work(context, "publish", publish)

    return release


def describe_release(home: Home) -> dict[str, Any]:
    """Return what the page shows of the published release."""
    current = [release for release in releases.list_releases(home) if release["is_current"]]
    hold = releases.read_hold(home)
    if not current:
        return {"held_since": hold["since"] if hold else ""}
    [release] = current
    return {
        "release": release["id"],
        "path": str(releases.current_database(home)),
        "dagster/row_count": sum(release["rows"].values()),
        "rows_by_table": release["rows"],
        "bytes": release["bytes"],
        "days": [batch["batch_date"] for batch in release["batches"]],
        "tests": release["tests"],
        **({"held_since": hold["since"]} if hold else {}),
    }
