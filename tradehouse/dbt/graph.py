"""Dependencies and owners: the project's graph as a small file of `state/`.

Written when the project was parsed, read by whoever wants to name what a failure affects without
parsing or opening a database. Which nodes a build makes is for `tradehouse.dbt.fingerprint`.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from tradehouse.home import state
from tradehouse.home.paths import Home

KEPT = ("model", "seed", "snapshot", "test")


@dataclass(frozen=True)
class Affected:
    """What is downstream of something: names of models, and exposures with whose they are."""

    models: tuple[str, ...] = ()
    exposures: tuple[str, ...] = ()


def remember(home: Home, manifest: Any, project_digest: str) -> None:
    """Keep the graph of a parsed project, unless it is kept already."""
    if state.read(home, "graph").get("project_digest") != project_digest:
        state.write(home, "graph", {"project_digest": project_digest, "nodes": of(manifest)})


def of(manifest: Any) -> dict[str, dict[str, Any]]:
    """Return kind, name, owner and parents of every node, source and exposure, by unique id."""
    owners = {name: group.owner.name for name, group in _groups(manifest).items()}
    nodes = {
        unique_id: {
            "kind": str(node.resource_type),
            "name": node.name,
            "layer": node.schema,
            "owner": node.config.meta.get("owner") or owners.get(node.config.group or ""),
            "parents": _parents(node),
            "tests": getattr(node, "attached_node", None),
        }
        for unique_id, node in manifest.nodes.items()
        if node.resource_type in KEPT
    }
    for node in nodes.values():
        if node["kind"] == "test":
            tested = node["tests"] or next(iter(node["parents"]), "")
            node["owner"] = node["owner"] or nodes.get(tested, {}).get("owner")
    for unique_id, source in manifest.sources.items():
        name = f"{source.source_name}.{source.name}"
        nodes[unique_id] = {"kind": "source", "name": name, "owner": None, "parents": []}
    for unique_id, exposure in manifest.exposures.items():
        nodes[unique_id] = {
            "kind": "exposure",
            "name": exposure.label or exposure.name,
            "owner": exposure.owner.name,
            "parents": _parents(exposure),
        }
    return nodes


def read(home: Home) -> dict[str, dict[str, Any]]:
    """Return the graph as `of` gives it; empty before the first build."""
    nodes: dict[str, dict[str, Any]] = state.read(home, "graph").get("nodes", {})
    return nodes


def affected_by(nodes: dict[str, dict[str, Any]], unique_ids: set[str]) -> Affected:
    """Return what is downstream of some nodes; of a test, what is downstream of what it tests."""
    children: dict[str, set[str]] = defaultdict(set)
    for unique_id, node in nodes.items():
        for parent in node["parents"]:
            children[parent].add(unique_id)
    starts = set(unique_ids)
    for one in unique_ids:
        if nodes.get(one, {}).get("kind") == "test":
            starts |= set(nodes[one]["parents"])
    reached: set[str] = set()
    waiting = [child for one in starts for child in children[one]]
    while waiting:
        unique_id = waiting.pop()
        if unique_id not in reached:
            reached.add(unique_id)
            waiting += children[unique_id]
    found = [nodes[one] for one in reached - starts]
    return Affected(
        tuple(sorted(one["name"] for one in found if one["kind"] == "model")),
        tuple(
            sorted(f"{one['name']} ({one['owner']})" for one in found if one["kind"] == "exposure")
        ),
    )


def sources_named(nodes: dict[str, dict[str, Any]], source: str) -> set[str]:
    """Return the unique ids of a source's streams."""
    return {
        unique_id
        for unique_id, node in nodes.items()
        if node["kind"] == "source" and node["name"].startswith(f"{source}.")
    }


def _groups(manifest: Any) -> dict[str, Any]:
    return {group.name: group for group in manifest.groups.values()}


def _parents(node: Any) -> list[str]:
    depends_on = getattr(node, "depends_on", None)
    return sorted(set(getattr(depends_on, "nodes", ()) or ()))
