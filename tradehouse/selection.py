"""What the rows of a daily batch can reach: models and tests to run, relations of gold to publish.

A stream without a row in the batches that are built leaves its bronze model, and whatever is made
of such streams alone, as it is; a view is what it was as long as its code is. That holds for a
warehouse that passed its last build and was not touched since: `tradehouse.build` knows that.
"""

from dataclasses import dataclass
from typing import Any

from tradehouse.dbt_runner import DbtRunner, NodeResult
from tradehouse.partial import DONE

WINDOW = ("bronze_brokerage__batch_date", "bronze_batches")
ALWAYS_LIVE = ("batch_date", "audit")


@dataclass(frozen=True)
class Reach:
    """What a daily build runs, which results of the last one stand, what it changes in gold."""

    names: list[str]
    untouched: dict[str, dict[str, Any]]
    gold_changes: dict[str, dict[str, Any]]

    def report_untouched(self, runner: DbtRunner) -> None:
        """Tell whoever listens to results that those of the last build stand."""
        if runner.on_result is None:
            return
        for unique_id, result in self.untouched.items():
            node = runner.parse().nodes[unique_id]
            runner.on_result(
                NodeResult(
                    name=node.name,
                    unique_id=unique_id,
                    resource_type=str(node.resource_type),
                    status=result["status"],
                    seconds=0.0,
                    failures=0,
                    message="No row of the batch reaches it: what was built before stands.",
                    rows=None if node.config.materialized == "view" else result["rows"],
                    columns=result.get("columns"),
                )
            )


def find_reach(runner: DbtRunner, record: dict[str, Any], live_streams: set[str]) -> Reach | None:
    """Return what rows of some streams can reach, or None where everything has to be run.

    Args:
        runner: dbt on the home.
        record: the last build, which passed; what it did to the nodes that are left out has to be
            known and to have been done by the code as it is.
        live_streams: names of the raw tables with rows in the batches that are built.
    """
    manifest = runner.parse()
    names = names_to_run(manifest, live_streams)
    running = set(names)
    untouched = {}
    for unique_id, code in runner.fingerprints.items():
        if manifest.nodes[unique_id].name in running:
            continue
        result = record.get("nodes", {}).get(unique_id, {})
        if result.get("status") not in DONE or result.get("code") != code:
            return None
        untouched[unique_id] = result
    return Reach(names, untouched, gold_changes(manifest, live_streams))


def reached_nodes(manifest: Any, live_streams: set[str]) -> list[Any]:
    """Return the models, snapshots and tests that rows of some streams can reach.

    What is built batch by batch reads from `WINDOW` which ones; that alone does not let it change.

    Args:
        manifest: the parsed project.
        live_streams: names of the raw tables with rows in the batches that are built.
    """
    live = live_streams.union(ALWAYS_LIVE)
    known: dict[str, bool] = {
        unique_id: source.identifier in live for unique_id, source in manifest.sources.items()
    }
    return [
        node
        for unique_id, node in manifest.nodes.items()
        if node.resource_type in ("model", "snapshot", "test")
        and _is_reached(manifest, unique_id, known)
    ]


def names_to_run(manifest: Any, live_streams: set[str]) -> list[str]:
    """Return the names of what a build has to run for rows of some streams."""
    nodes = reached_nodes(manifest, live_streams)
    return sorted(node.name for node in nodes if node.config.materialized != "view")


def gold_changes(manifest: Any, live_streams: set[str]) -> dict[str, dict[str, Any]]:
    """Return what a build for rows of some streams can change in gold, by relation.

    A model says with `meta.release_key`, and `meta.release_touched` where it takes more, how its
    changed rows are found (see `tradehouse.gold_copy.GoldChange`).
    """
    return {
        node.alias or node.name: {
            "key": node.config.meta.get("release_key", []),
            "touched": node.config.meta.get("release_touched"),
        }
        for node in reached_nodes(manifest, live_streams)
        if node.resource_type != "test" and node.schema == "gold"
    }


def _is_reached(manifest: Any, unique_id: str, known: dict[str, bool]) -> bool:
    if unique_id not in known:
        node = manifest.nodes[unique_id]
        is_windowed = (
            node.config.materialized == "incremental"
            and node.config.incremental_strategy == "batches"
            and node.name not in WINDOW
        )
        parents = [
            parent
            for parent in getattr(node.depends_on, "nodes", ())
            if not is_windowed or parent.split(".")[-1] not in WINDOW
        ]
        known[unique_id] = any(_is_reached(manifest, parent, known) for parent in parents)
    return known[unique_id]
