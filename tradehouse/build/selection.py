"""What the rows of loads can reach: models and tests to run, relations of gold to publish.

A raw table without a row in the loads that are built does not affect its bronze model or anything
built only from such tables; a view changes only with its code. That holds for a warehouse that
passed its last build and was not touched since: `tradehouse.build.execution` checks that.
"""

import re
from dataclasses import dataclass
from typing import Any

from tradehouse.build.partial_build import DONE
from tradehouse.dbt.runner import DbtRunner, NodeResult, OnResult
from tradehouse.home import records
from tradehouse.home.raw_queries import EVERY_TABLE

WINDOW = ("bronze_brokerage__batch_date", "bronze_batches")
ALWAYS_LIVE = ("batch_date", "audit")
LEDGER = ("_tradehouse", "loads")
BUILT = ("model", "snapshot", "test")

_REFERENCE = re.compile(r"""\bref\(\s*(?:['"][^'"]+['"]\s*,\s*)?['"]([^'"]+)['"]""")

_LOAD_WINDOW = re.compile(r"""\bin_load_window\(\s*['"](\w+)['"]""")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)

RawTable = tuple[str, str]
"""A raw table: its schema, which is called as its source, and its name; no letter has a case."""


def raw_table(source: Any) -> RawTable:
    """Return which raw table a source of dbt is; names that differ in case are one table's."""
    return source.schema.casefold(), source.identifier.replace('""', '"').casefold()


@dataclass(frozen=True)
class Reach:
    """What a daily build runs, which results of the last one stand, what it changes in gold."""

    names: list[str]
    untouched: dict[str, records.Node]
    gold_changes: dict[str, records.Change]

    def report_untouched(self, runner: DbtRunner, on_result: OnResult) -> None:
        """Report the last build's results, which still stand, to `on_result`."""
        for unique_id, result in self.untouched.items():
            node = runner.parse().nodes[unique_id]
            on_result(
                NodeResult(
                    name=node.name,
                    unique_id=unique_id,
                    resource_type=str(node.resource_type),
                    status=result.status,
                    seconds=0.0,
                    failures=0,
                    message="No new row reaches it: what was built before stands.",
                    rows=None if node.config.materialized == "view" else result.rows,
                    columns=result.columns,
                )
            )


def find_reach(
    runner: DbtRunner, record: records.Build, live: set[RawTable], whole: set[RawTable]
) -> Reach | None:
    """Return what new rows of raw tables can reach, or None where everything has to be run.

    Args:
        runner: dbt on the home.
        record: the last build, which passed; what it did to the nodes that are left out has to be
            known and to have been done by the code as it is.
        live: the raw tables with rows in the loads that are built.
        whole: those of them whose rows are not told apart by batch.
    """
    manifest = runner.parse()
    names = names_to_run(manifest, live)
    running = set(names)
    untouched = {}
    for unique_id, code in runner.fingerprints.items():
        if manifest.nodes[unique_id].name in running:
            continue
        result = record.nodes.get(unique_id)
        if result is None or result.status not in DONE or result.code != code:
            return None
        untouched[unique_id] = result
    return Reach(names, untouched, gold_changes(manifest, live, whole))


def reached_nodes(manifest: Any, live: set[RawTable]) -> list[Any]:
    """Return the models, snapshots and tests that new rows of raw tables can reach.

    What is built batch by batch reads from `WINDOW` which ones, and looks up their days there
    (macro `looked_up`); that alone does not let it change.

    Args:
        manifest: the parsed project.
        live: the raw tables with rows in the loads that are built.
    """
    wanted = {(schema.casefold(), name.casefold()) for schema, name in live}
    known: dict[str, bool] = {
        unique_id: not wanted.isdisjoint(
            {raw_table(source), (source.schema.casefold(), EVERY_TABLE)}
        )
        for unique_id, source in manifest.sources.items()
    }
    return [
        node
        for unique_id, node in manifest.nodes.items()
        if node.resource_type in BUILT and _is_reached(manifest, unique_id, known)
    ]


def names_to_run(manifest: Any, live: set[RawTable]) -> list[str]:
    """Return the names of what a build has to run for new rows of raw tables."""
    nodes = reached_nodes(manifest, live)
    return sorted(node.name for node in nodes if node.config.materialized != "view")


def names_to_rebuild(manifest: Any, whole: set[RawTable]) -> list[str]:
    """Return the names of models built batch by batch that rows without a batch can reach.

    Such rows may belong to batches that are built, so these models are built from nothing: save
    those that read them load by load (macro `in_load_window`), unless they also read a model that
    is built from nothing for them.
    """
    found: set[str] = set()
    for source in {schema for schema, _ in whole}:
        tables = {(schema, table) for schema, table in whole if schema == source}
        reached = {one.unique_id: one for one in reached_nodes(manifest, tables)}
        is_undone = (source, EVERY_TABLE) in tables
        known: dict[str, bool] = {}
        for unique_id, node in reached.items():
            if _is_windowed(node) and _is_anew(manifest, unique_id, source, reached, known):
                found.add(node.name)
        found |= {one.name for one in reached.values() if is_undone and _is_windowed(one)}
    return sorted(found)


def windows_by_load(node: Any) -> set[str]:
    """Return the sources that a model reads load by load."""
    return set(_LOAD_WINDOW.findall(_COMMENT.sub("", node.raw_code)))


def _is_anew(
    manifest: Any, unique_id: str, source: str, reached: dict[str, Any], known: dict[str, bool]
) -> bool:
    """Whether rows of a source reach a node by a model that is built from nothing, as it may be."""
    if unique_id not in reached:
        return False
    if unique_id not in known:
        node = reached[unique_id]
        known[unique_id] = (_is_windowed(node) and source not in windows_by_load(node)) or any(
            _is_anew(manifest, parent, source, reached, known)
            for parent in getattr(node.depends_on, "nodes", ())
        )
    return known[unique_id]


def names_of_tests(manifest: Any, whole: set[RawTable]) -> list[str]:
    """Return the names of the tests that have to read everything, as such rows can reach them."""
    reached = reached_nodes(manifest, whole)
    return sorted(node.name for node in reached if node.resource_type == "test")


def gold_changes(
    manifest: Any, live: set[RawTable], whole: set[RawTable]
) -> dict[str, records.Change]:
    """Return what a build for new rows of raw tables can change in gold, by relation.

    A model says with `meta.release_key`, and with `meta.release_touched`, the name of a model, how
    its changed rows are found (see `tradehouse.publish.gold_copy.GoldChange`); where they can be of
    batches that are built, the whole relation may have changed.
    """
    relations = {
        node.name: f'"{node.schema}"."{node.alias or node.name}"'
        for node in manifest.nodes.values()
        if node.resource_type == "model"
    }
    anywhere = {node.unique_id for node in reached_nodes(manifest, whole)}
    return {
        node.alias or node.name: records.Change()
        if node.unique_id in anywhere
        else records.Change(
            key=node.config.meta.get("release_key", []),
            touched=relations.get(node.config.meta.get("release_touched")),
        )
        for node in reached_nodes(manifest, live)
        if node.resource_type != "test" and node.schema == "gold"
    }


def _is_reached(manifest: Any, unique_id: str, known: dict[str, bool]) -> bool:
    if unique_id not in known:
        node = manifest.nodes[unique_id]
        ignored = _looked_up(node)
        parents = [
            parent
            for parent in getattr(node.depends_on, "nodes", ())
            if parent.split(".")[-1] not in ignored
        ]
        known[unique_id] = any(_is_reached(manifest, parent, known) for parent in parents)
    return known[unique_id]


def _looked_up(node: Any) -> list[str]:
    """Return which models of `WINDOW` a node does not get rows from; macros refer to them too."""
    if not _is_windowed(node) or node.name in WINDOW:
        return []
    return [name for name in WINDOW if name not in _REFERENCE.findall(node.raw_code)]


def _is_windowed(node: Any) -> bool:
    """Whether a node is built load by load."""
    return bool(node.resource_type == "model" and node.config.materialized == "by_load")
