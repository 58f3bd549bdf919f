"""Partial builds: what of the last build still counts, and what can be built on its own.

A build that stopped, or that was for some models only, can be continued.
`tradehouse.build.execution` decides how dbt is called and what is kept of a build.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from tradehouse.dbt import fingerprint
from tradehouse.dbt.runner import LAST_NODE, DbtRunner
from tradehouse.errors import UsageError
from tradehouse.home import records
from tradehouse.home.raw_queries import Load

DONE = ("success", "pass", "warn")


def inputs_of(
    in_force: Mapping[int, int], waiting: Iterable[Load], last_batch: int | None
) -> records.Inputs:
    """Return what a build works on, as its record keeps it."""
    return records.Inputs(
        deliveries={str(batch): delivery for batch, delivery in in_force.items()},
        loads=[[one.source, one.number, one.committed_at] for one in waiting],
        last_batch=last_batch,
    )


def find_done(
    runner: DbtRunner, record: records.Build, inputs: records.Inputs
) -> dict[str, records.Node]:
    """Return the last build's results of the nodes that need not be built or tested again.

    These are the models, seeds and tests that succeeded on the deliveries that are in force now,
    and whose code, and that of everything upstream of them, is what it was then.
    """
    if record.inputs != inputs:
        return {}
    manifest = runner.parse()
    nodes = {one: node for one, node in record.nodes.items() if one in manifest.nodes}
    changed = {one for one, node in nodes.items() if node.code != runner.fingerprints.get(one)}
    stale = set(fingerprint.names_with_downstream(manifest, changed))
    return {
        one: node
        for one, node in nodes.items()
        if node.status in DONE
        and not node.is_early
        and one not in changed
        and stale.isdisjoint(names_of(manifest, one))
    }


def names_of(manifest: Any, unique_id: str) -> list[str]:
    """Return the name of a model or seed, or of those that a test reads."""
    node = manifest.nodes[unique_id]
    if node.resource_type in fingerprint.BUILT:
        return [node.name]
    return [manifest.nodes[one].name for one in node.depends_on.nodes if one in manifest.nodes]


def select_possible(
    runner: DbtRunner, select: Sequence[str], done: Collection[str]
) -> tuple[list[str], set[str]]:
    """Return what to select, tests included, and the models that would be built too early to count.

    Too early is what reads a model that is neither in the selection nor done; a test of such a
    model is left out. The last node says that the warehouse holds the batches completely, so it is
    left out as long as that is not so.

    Raises:
        UsageError: when a model does not exist, or only the last node was asked for too early.
    """
    manifest = runner.parse()
    nodes = manifest.nodes
    models = {
        node.name: one for one, node in nodes.items() if node.resource_type in fingerprint.BUILT
    }
    tests = {node.name: one for one, node in nodes.items() if node.resource_type == "test"}
    unknown = sorted(set(select) - set(models) - set(tests))
    if unknown:
        raise UsageError(
            f"There is no model {', '.join(unknown)}. `dbt list --resource-type model` names all."
        )
    missing = {
        name: one
        for name, one in models.items()
        if one not in done and name not in select and name != LAST_NODE
    }
    chosen = {name for name in select if name != LAST_NODE or not missing}
    if not chosen:
        raise UsageError(
            f"{LAST_NODE} says that everything is built, and {len(missing)} models are not, "
            f"{min(missing)} among them. Build them first, or together with it: tradehouse build."
        )
    # A seed is not made from deliveries: the one that is there is the one that will be.
    lacking = {one for one in missing.values() if nodes[one].resource_type != "seed"}
    early = set(fingerprint.names_with_downstream(manifest, lacking))
    for name, one in tests.items():
        read = set(names_of(manifest, one))
        if read & chosen and read.isdisjoint(missing):
            chosen.add(name)
    return sorted(chosen), early
