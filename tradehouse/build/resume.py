"""Resuming a build that failed or died: whether that is safe, and what remains to be done.

Every node commits on its own, and which batches it reads depends on `silver.built_loads`, the last
node of all. So in a half-built warehouse the finished nodes are as they would be at the end, as
long as raw is unchanged and nobody else wrote. `docs/builds.md` explains this in detail;
`tradehouse.build.partial_build` decides what still counts of a build when code changed.
"""

from dataclasses import dataclass
from pathlib import Path

from tradehouse.build import execution, journal, partial_build
from tradehouse.build.partial_build import DONE
from tradehouse.dbt import fingerprint
from tradehouse.dbt.runner import EVERYTHING, LAST_NODE, DbtRunner
from tradehouse.errors import LandingError, UsageError
from tradehouse.home import files, records, state, warehouse_queries
from tradehouse.home.paths import Home
from tradehouse.home.records import Outcome
from tradehouse.loads import brokerage


@dataclass(frozen=True)
class Prospect:
    """Whether the last build can be resumed; `obstacle` is a sentence, empty when it can.

    `done` counts finished nodes; `broken` names what failed.
    """

    obstacle: str
    done: int = 0
    broken: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resumption:
    """What is left of a build: its plan, and the names of the models, seeds and tests."""

    plan: execution.Plan
    select: list[str]
    last_batch: int | None


def look(home: Home) -> Prospect:
    """Say whether the last build can be resumed; opens no database and parses nothing.

    To be called while nobody else is writing.
    """
    record = journal.complete(home, state.last_build(home))
    return Prospect(
        _obstacle(home, record),
        sum(node.status in DONE for node in record.nodes.values()),
        tuple(
            name.split(".")[2]
            for name, node in record.nodes.items()
            if node.status in ("error", "fail")
        ),
    )


def _obstacle(home: Home, record: records.Build) -> str:
    if record.status is Outcome.NONE:
        return "nothing was built yet"
    if record.status in (Outcome.PASSED, Outcome.PARTIAL):
        return f"the last build {record.status}"
    if not any(node.status in DONE for node in record.nodes.values()):
        return "nothing of the last build stands"
    if files.stamp_file(home.raw) != record.raw:
        return "raw was written since the last build began"
    stamp, file = files.stamp_file(home.warehouse), journal.read(home).file
    is_other = stamp is None or file not in (None, stamp[2])
    if is_other or (record.status is not Outcome.BEGUN and stamp != record.warehouse):
        return "the warehouse was changed by somebody else"
    return ""


def what_was_delivered_since(home: Home, landing: Path) -> str:
    """Return why the last sync has to be repeated, empty when it need not be."""
    sync = state.find(home, records.Sync)
    if sync is None or sync.status != "succeeded" or sync.errors:
        return "the last sync did not take everything"
    try:
        is_same = brokerage.stamp_landing(landing) == sync.landing_stamp
    except LandingError:
        is_same = False
    return "" if is_same else "the landing directory changed since the last sync"


def require_plain(asked: dict[str, bool]) -> None:
    """Check that nothing is asked for that would change what is being built.

    Raises:
        UsageError: when it is.
    """
    others = [option for option, is_given in asked.items() if is_given]
    if others:
        raise UsageError(
            f"--resume goes on with what was begun, so it cannot be combined with "
            f"{', '.join(others)}. Leave one of them out."
        )


def find_rest(home: Home, runner: DbtRunner) -> Resumption | str:
    """Return what is left of the last build, or why it is not continued.

    Left is what did not succeed, and what changed since with everything downstream; that is built
    from nothing.
    """
    record = journal.complete(home, state.last_build(home))
    obstacle = _obstacle(home, record)
    if obstacle:
        return obstacle
    plan = execution.make_plan(home, runner, from_batch=record.from_batch)
    inputs = partial_build.inputs_of(plan.in_force, plan.loads_waiting, record.last_batch)
    done = partial_build.find_done(runner, record, inputs)
    nodes = runner.parse().nodes
    left = {one: nodes[one] for one in runner.fingerprints if one not in done}
    models = {node.name for node in left.values() if node.resource_type in fingerprint.BUILT}
    before = [tuple(one) for one in record.built_before]
    if warehouse_queries.built(home) != before and not (
        EVERYTHING in plan.rebuild or models <= {*plan.rebuild, LAST_NODE}
    ):
        return f"{LAST_NODE} stands already, so which batches it was for is no longer known"
    plan.reasons.insert(0, f"resumed: {len(left)} of {len(runner.fingerprints)} nodes are left")
    names = sorted(node.name for node in left.values())
    return Resumption(plan, names or [LAST_NODE], record.last_batch)


def describe(home: Home) -> str:
    """Return what a person should know about a build that did not pass; empty after one that did.

    Called while nobody is writing.
    """
    record = state.last_build(home)
    if record.status in (Outcome.NONE, Outcome.PASSED, Outcome.PARTIAL):
        return ""
    prospect = look(home)
    how = str(record.status)
    if record.status is Outcome.BEGUN:
        # Empty when nobody could say it any more.
        how = record.error.partition(". ")[0].rstrip(".")
        how = f"was {how}" if how.startswith("stopped ") else f"stopped ({how})"
        how = how if record.error else "was killed"
    said = f"The last build {how}"
    if prospect.broken:
        said += f" in {', '.join(prospect.broken[:5])}" + (" ..." if prospect.broken[5:] else "")
    if prospect.obstacle:
        return f"{said}; {prospect.obstacle}. Build what waits: tradehouse run"
    return (
        f"{said}; {prospect.done} models, seeds and tests stand. "
        "Go on with the others: tradehouse run --resume"
    )
