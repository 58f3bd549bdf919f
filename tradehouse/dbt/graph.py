"""Dependencies, owners, descriptions, metrics: the project's graph as a small file of `state/`.

Written when the project was parsed; read, without parsing, to name what a failure affects, or to
describe a release's columns and metrics. `tradehouse.dbt.fingerprint` decides which nodes a build
makes.
"""

from collections import defaultdict
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from tradehouse.dbt import semantics
from tradehouse.home import state
from tradehouse.home.paths import Home
from tradehouse.home.records import GoldTable, Graph, GraphNode

KEPT = ("model", "seed", "snapshot", "test")


@dataclass(frozen=True)
class Affected:
    """What is downstream of something: names of models, and exposures with whose they are."""

    models: tuple[str, ...] = ()
    exposures: tuple[str, ...] = ()


def remember(home: Home, manifest: Any, project_digest: str) -> None:
    """Keep the graph of a parsed project, unless it is kept already."""
    known = state.find(home, Graph)
    if known is None or known.project_digest != project_digest or not known.comments:
        record = Graph(
            project_digest=project_digest,
            nodes=of(manifest),
            comments=comments_of(manifest),
            tables=tables_of(manifest),
            semantics=semantics.of(manifest),
            release_views=release_views_of(manifest),
        )
        state.keep(home, record)


def of(manifest: Any) -> dict[str, GraphNode]:
    """Return kind, name, owner and parents of every node, source and exposure, by unique id."""
    owners = {name: group.owner.name for name, group in _groups(manifest).items()}
    nodes = {
        unique_id: GraphNode(
            kind=str(node.resource_type),
            name=node.name,
            layer=node.schema,
            owner=node.config.meta.get("owner") or owners.get(node.config.group or ""),
            parents=_parents(node),
            tests=getattr(node, "attached_node", None),
        )
        for unique_id, node in manifest.nodes.items()
        if node.resource_type in KEPT
    }
    for node in nodes.values():
        if node.kind == "test":
            tested = nodes.get(node.tests or next(iter(node.parents), ""))
            node.owner = node.owner or (tested.owner if tested else None)
    for unique_id, source in manifest.sources.items():
        name = f"{source.source_name}.{source.name}"
        nodes[unique_id] = GraphNode(kind="source", name=name, owner=None, parents=[])
    for unique_id, exposure in manifest.exposures.items():
        nodes[unique_id] = GraphNode(
            kind="exposure",
            name=exposure.label or exposure.name,
            owner=exposure.owner.name,
            parents=_parents(exposure),
        )
    return nodes


def read(home: Home) -> dict[str, GraphNode]:
    """Return the graph as `of` gives it; empty before the first build."""
    known = state.find(home, Graph)
    return known.nodes if known else {}


def comments_of(manifest: Any) -> dict[str, dict[str, str]]:
    """Return the descriptions of gold, a line each, by relation and column; "" is the relation."""
    return {
        node.alias.lower(): {
            name.lower(): " ".join(described.description.split())
            for name, described in {"": node, **node.columns}.items()
        }
        for node in _gold(manifest)
    }


def read_comments(home: Home) -> dict[str, dict[str, str]]:
    """Return the descriptions of gold as `comments_of` gives them; empty before the first build."""
    known = state.find(home, Graph)
    return known.comments if known else {}


def tables_of(manifest: Any) -> dict[str, GoldTable]:
    """Return key and classes of gold's relations; a column without a class has that of its model.

    Where neither declares one, the column is left out of `classes`.
    """
    return {
        node.alias.lower(): GoldTable(key=_key_of(node), classes=classes_of(node))
        for node in _gold(manifest)
    }


def read_tables(home: Home) -> dict[str, GoldTable]:
    """Return keys and classes of gold as `tables_of` gives them; empty before the first build."""
    known = state.find(home, Graph)
    return known.tables if known else {}


def classes_of(node: Any) -> dict[str, str]:
    """Return the class of every column of a model, which has that of the model by default."""
    of_model = node.config.meta.get("class")
    found = {
        name.lower(): column.config.meta.get("class", of_model)
        for name, column in node.columns.items()
    }
    return {name: str(kept) for name, kept in found.items() if kept is not None}


def _key_of(node: Any) -> list[str]:
    keys = (one.columns for one in getattr(node, "constraints", ()) if one.type == "primary_key")
    return [name.lower() for name in next(keys, None) or ()]


def _gold(manifest: Any) -> list[Any]:
    nodes = manifest.nodes.values()
    return [
        one
        for one in nodes
        if one.schema == "gold" and one.resource_type in KEPT and one.resource_type != "test"
    ]


def read_semantics(home: Home) -> dict[str, Any]:
    """Return the metrics as `tradehouse.dbt.semantics` gives them; empty before the first build."""
    known = state.find(home, Graph)
    return known.semantics if known else {}


def release_views_of(manifest: Any) -> list[str]:
    """Return the views of gold that stay views in a release, parents first.

    They say so with `meta.release_as: view`; any other becomes a table there.
    """
    views = {
        node.unique_id: node.alias
        for node in manifest.nodes.values()
        if node.schema == "gold"
        and node.config.materialized == "view"
        and node.config.meta.get("release_as") == "view"
    }
    parents = {one: views.keys() & set(_parents(manifest.nodes[one])) for one in sorted(views)}
    return [views[one] for one in TopologicalSorter(parents).static_order()]


def read_release_views(home: Home) -> list[str]:
    """Return them as `release_views_of` does; none before the first build."""
    known = state.find(home, Graph)
    return known.release_views if known else []


def affected_by(nodes: dict[str, GraphNode], unique_ids: set[str]) -> Affected:
    """Return what is downstream of some nodes; of a test, what is downstream of what it tests."""
    children: dict[str, set[str]] = defaultdict(set)
    for unique_id, node in nodes.items():
        for parent in node.parents:
            children[parent].add(unique_id)
    starts = set(unique_ids)
    for one in unique_ids:
        if one in nodes and nodes[one].kind == "test":
            starts |= set(nodes[one].parents)
    reached: set[str] = set()
    waiting = [child for one in starts for child in children[one]]
    while waiting:
        unique_id = waiting.pop()
        if unique_id not in reached:
            reached.add(unique_id)
            waiting += children[unique_id]
    found = [nodes[one] for one in reached - starts]
    return Affected(
        tuple(sorted(one.name for one in found if one.kind == "model")),
        tuple(sorted(f"{one.name} ({one.owner})" for one in found if one.kind == "exposure")),
    )


def sources_named(nodes: dict[str, GraphNode], source: str) -> set[str]:
    """Return the unique ids of a source's streams."""
    return {
        unique_id
        for unique_id, node in nodes.items()
        if node.kind == "source" and node.name.startswith(f"{source}.")
    }


def _groups(manifest: Any) -> dict[str, Any]:
    return {group.name: group for group in manifest.groups.values()}


def _parents(node: Any) -> list[str]:
    depends_on = getattr(node, "depends_on", None)
    return sorted(set(getattr(depends_on, "nodes", ()) or ()))
