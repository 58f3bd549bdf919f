"""Building: decides what has to be built, calls dbt, and keeps the outcome in `state/`.

Publishing is `tradehouse.publish.publishing`; in what order things happen is for
`tradehouse.runs.run` to know.
"""

import csv
import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tradehouse.build import journal, parts, repair, selection
from tradehouse.dbt import fingerprint, graph
from tradehouse.dbt.runner import EVERYTHING, DbtRunner, Invocation, NodeResult
from tradehouse.errors import TradehouseError, UsageError
from tradehouse.home import state, warehouse
from tradehouse.home.files import DamagedError
from tradehouse.home.paths import Home
from tradehouse.loads import polled, syncs
from tradehouse.publish import releases
from tradehouse.terminal import exits
from tradehouse.terminal.output import count

PASSED, TESTS_FAILED, FAILED, BEGUN = "passed", "tests failed", "failed", "begun"
PARTIAL = "was done in part"
ROWS_SHOWN = 5
MESSAGE_KEPT = 1000
# What DuckDB says of a query that was cut off because the whole build is stopped.
INTERRUPTED = ("INTERRUPT Error", "Query interrupted")


@dataclass
class Plan:
    """What a build has to do; nothing when `reasons` is empty.

    `untested_from` is the first batch whose rows the last build should have tested and, as it did
    not pass, still are to be tested. `in_force` is the delivery in force of every loaded batch,
    `loads` says when it was read;
    `from_batch` a batch from which on everything is built again although it is built.
    `loads_waiting` are those of sources without batches. `live` are the raw tables with rows in
    what is to be built; None where everything has to be built and tested, not only what these rows
    can reach.
    """

    project_digest: str
    waiting: list[int]
    in_force: dict[int, int] = field(default_factory=dict)
    loads: dict[int, int] = field(default_factory=dict)
    from_batch: int | None = None
    reasons: list[str] = field(default_factory=list)
    rebuild: list[str] = field(default_factory=list)
    reads_everything: bool = False
    untested_from: int | None = None
    loads_waiting: list[warehouse.Load] = field(default_factory=list)
    live: set[selection.RawTable] | None = None

    @property
    def whole(self) -> set[selection.RawTable]:
        """The raw tables with new rows that are not told apart by batch."""
        return {(one.source, table) for one in self.loads_waiting for table in one.tables}

    @property
    def test_from_batch(self) -> int:
        """The first batch whose rows the tests have to read; 0 for everything."""
        return 0 if self.reads_everything else self.first_batch

    @property
    def first_batch(self) -> int:
        """The first batch whose rows the build adds or changes; 0 for everything."""
        if self.rebuild or not self.waiting:
            return 0
        first = min(self.waiting)
        return first if self.untested_from is None else min(first, self.untested_from)


def find_waiting(home: Home, in_force: dict[int, int]) -> list[int]:
    """Return the batches whose delivery in force is neither built nor known to be held."""
    built = warehouse.deliveries_built(home)
    held = {
        batch["batch"]: batch["delivery"]
        for batch in state.read(home, "build").get("batches", [])
        if not batch["is_accepted"] and home.warehouse.exists()
    }
    return [
        batch
        for batch, delivery in in_force.items()
        if delivery not in (built.get(batch), held.get(batch))
    ]


def make_plan(
    home: Home,
    runner: DbtRunner,
    *,
    rebuild: list[str] | None = None,
    all_tests: bool = False,
    from_batch: int | None = None,
    is_preview: bool = False,
) -> Plan:
    """Compare raw, warehouse and project with the last build; parses only when code changed.

    Args:
        home: the home.
        runner: dbt on this home.
        rebuild: names of models to build from nothing, with all downstream; `*` for all.
        all_tests: whether the tests read everything, not only what the batches touch.
        from_batch: build this batch again, and what later ones derive from it.
        is_preview: whether nothing will be built, so that a damaged warehouse stays where it is.

    Raises:
        UsageError: when a model to rebuild does not exist.
    """
    if not is_preview:
        warehouse.set_aside_foreign(home, state.read(home, "build"))
        polled.keep_contracts(home)
    try:
        with warehouse.kept_open(home.raw, home.warehouse):
            return _make_plan(home, runner, rebuild or [], all_tests, from_batch)
    except DamagedError as error:
        if error.path != home.raw:
            raise
        raise TradehouseError(warehouse.describe_raw(home.raw, error.reason)) from error


def _make_plan(
    home: Home, runner: DbtRunner, rebuild: list[str], all_tests: bool, from_batch: int | None
) -> Plan:
    record = state.read(home, "build")
    found = warehouse.loads_in_force(home)
    in_force = {batch: delivery for batch, (delivery, _) in found.items()}
    loads = {batch: read_at for batch, (_, read_at) in found.items()}
    repair.require_built(home, in_force)
    waiting = find_waiting(home, in_force)
    plan = Plan(fingerprint.digest_project(), waiting, in_force, loads, reads_everything=all_tests)
    if plan.waiting:
        numbers = ", ".join(map(str, waiting))
        one = len(waiting) == 1
        plan.reasons.append(f"batch {numbers} waits" if one else f"batches {numbers} wait")
    plan.loads_waiting = warehouse.loads_waiting(home)
    plan.reasons += _describe_loads(plan.loads_waiting)
    if from_batch is not None:
        plan.reasons.append(f"batch {from_batch} was asked for again")
    built = {batch: at for batch, at in record.get("loads", {}).items() if batch not in waiting}
    again = [batch for batch, at in built.items() if loads.get(batch, at) != at]
    if again:
        plan.reasons.append(f"batch {min(again)} is another one since {home.raw.name} was put back")
        from_batch = min(again if from_batch is None else [*again, from_batch])
    if from_batch is not None:
        plan.from_batch = from_batch
        plan.waiting = sorted({*waiting, *(batch for batch in in_force if batch >= from_batch)})
    if not home.warehouse.exists():
        plan.reasons.append("there is no warehouse yet")
        plan.reads_everything = True
        return plan
    if not record:
        plan.reasons.append("what the warehouse holds is not known")
        plan.rebuild, plan.reads_everything = [EVERYTHING], True
        return plan
    pending = set(record.get("pending_rebuild", []))
    if _is_of_other_project(home, record):
        plan.reasons.append("the warehouse was built by another project: an older copy")
        pending.add(EVERYTHING)
        plan.reads_everything = True
    if rebuild:
        pending |= _with_downstream(runner, rebuild)
        plan.reasons.append("a rebuild was asked for")
    if plan.project_digest != record.get("project_digest"):
        pending |= _compare_code(home, runner, plan)
    if record.get("status") != PASSED:
        plan.reasons.append(f"the last build {record.get('status', 'is unknown')}")
        plan.untested_from = record.get("test_from_batch", 0)
    elif warehouse.stamp_file(home.warehouse) != record.get("warehouse"):
        plan.reasons.append("the warehouse was changed by somebody else")
        plan.reads_everything = True
    if all_tests:
        plan.reasons.append("all tests were asked for")
    plan.rebuild = [EVERYTHING] if EVERYTHING in pending else sorted(pending)
    is_known = plan.untested_from is None and not (plan.rebuild or plan.reads_everything)
    if (waiting or plan.loads_waiting) and from_batch is None and is_known:
        plan.live = {selection.LEDGER, *plan.whole}
        if waiting:
            tables = warehouse.tables_to_build(home, in_force).union(selection.ALWAYS_LIVE)
            plan.live |= {(warehouse.BY_BATCH, table) for table in tables}
    return plan


def _is_of_other_project(home: Home, record: dict[str, Any]) -> bool:
    """Whether a copy of the warehouse was put back that other code had made."""
    known = (None, "", record.get("built_with"), record.get("building_with"))
    return warehouse.project_built_with(home) not in known


def _describe_loads(loads: list[warehouse.Load]) -> list[str]:
    """Return why loads are to be built, a sentence a source."""
    by_source: dict[str, list[int]] = {}
    for one in loads:
        by_source.setdefault(one.source, []).append(one.number)
    return [
        f"an older raw of {source} was put back"
        if numbers == [0]
        else f"load {numbers[0]} of {source} waits"
        if len(numbers) == 1
        else f"loads {numbers[0]} to {numbers[-1]} of {source} wait"
        for source, numbers in by_source.items()
    ]


def accept_project(home: Home, runner: DbtRunner, plan: Plan) -> None:
    """Note that the project as it is needs no build, so that the next run need not parse it.

    What a build leaves beside the warehouse, and is missing, is made again.
    """
    record = state.read(home, "build")
    if record.get("project_digest") != plan.project_digest:
        state.write(home, "build", {**record, "project_digest": plan.project_digest})
    if not (state.exists(home, "nodes") and state.exists(home, "graph")):
        graph.remember(home, runner.parse(), plan.project_digest)
        state.write(home, "nodes", {"codes": runner.fingerprints})
    if not warehouse.is_snapshot(state.quarantine_path(home)):
        warehouse.snapshot_quarantine(home, state.quarantine_path(home))


def _with_downstream(runner: DbtRunner, names: list[str]) -> set[str]:
    if EVERYTHING in names:
        return {EVERYTHING}
    nodes = runner.parse().nodes
    known = {
        node.name: one for one, node in nodes.items() if node.resource_type in fingerprint.BUILT
    }
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise UsageError(
            f"There is no model {', '.join(unknown)}. `dbt list --resource-type model` names all."
        )
    return set(fingerprint.names_with_downstream(runner.parse(), {known[name] for name in names}))


def _compare_code(home: Home, runner: DbtRunner, plan: Plan) -> set[str]:
    manifest = runner.parse()
    graph.remember(home, manifest, plan.project_digest)
    before = state.read(home, "nodes").get("codes", {})
    changed = fingerprint.changed_nodes(before, runner.fingerprints)
    rebuild = set(fingerprint.names_with_downstream(manifest, changed))
    tests = [one for one in changed if manifest.nodes[one].resource_type == "test"]
    gone = [one for one in before if one not in manifest.nodes]
    if rebuild:
        models = count(len(rebuild), "model")
        plan.reasons.append(f"code of {models} changed, what is downstream included")
    if tests:
        plan.reasons.append(f"new or changed: {count(len(tests), 'test')}")
        plan.reads_everything = True
    if gone:
        plan.reasons.append(f"gone: {count(len(gone), 'model or test', 'models or tests')}")
    return rebuild


def build(
    home: Home,
    runner: DbtRunner,
    plan: Plan,
    *,
    last_batch: int | None = None,
    select: Sequence[str] = (),
) -> dict[str, Any]:
    """Build and test what the plan says; return the record of the build, which is kept.

    A record with status `passed` may be published. While dbt works, and after a crash, the record
    says `begun`, and what has to be built from nothing stays noted until a build has passed.

    A build of some models goes on with the last one where that worked on the same deliveries with
    the same code: it has passed when, together, every model and test has.

    Args:
        home: the home.
        runner: dbt on this home.
        plan: what is to be done.
        last_batch: build no batch after this one; default: all.
        select: names of models and seeds to build, with their tests, or of tests; default: all.
    """
    started = datetime.now(UTC)
    clock = time.monotonic()
    before = journal.complete(home, state.read(home, "build"))
    inputs = parts.inputs_of(plan.in_force, plan.loads_waiting, last_batch)
    earlier = parts.find_done(runner, before, inputs) if select else {}
    names, early = parts.select_possible(runner, select, earlier) if select else ([], set())
    reach = None
    if plan.live is not None and not select:
        reach = selection.find_reach(runner, before, plan.live, plan.whole)
        names, earlier = (reach.names, reach.untouched) if reach else ([], {})
    record: dict[str, Any] = {
        **before,
        "id": started.strftime("%Y%m%dT%H%M%S.%fZ"),
        "started_at": started.isoformat(timespec="seconds"),
        "status": BEGUN,
        "error": "",
        "failures": [],
        "nodes": earlier,
        "inputs": inputs,
        "from_batch": plan.from_batch,
        "last_batch": last_batch,
        "pending_rebuild": plan.rebuild,
        "building_with": plan.project_digest,
        "test_from_batch": plan.test_from_batch,
        "raw": warehouse.stamp_file(home.raw),
        "built_before": warehouse.built(home),
        # What publishing has to copy, where that is less than everything.
        "based_on": before.get("id") if reach else None,
        "first_batch": plan.first_batch,
        "gold_changes": reach.gold_changes if reach else None,
    }
    manifest = runner.parse()
    again = selection.names_to_rebuild(manifest, plan.whole) if plan.whole else []
    whole_tests = selection.names_of_tests(manifest, plan.whole) if plan.whole else []
    graph.remember(home, manifest, plan.project_digest)
    journal.begin(home, record["id"])
    state.write(home, "build", record)
    if not select:
        _remove_failed_rows(home)
    environment = {
        "TRADEHOUSE_FROM_BATCH": "" if plan.from_batch is None else str(plan.from_batch),
        "TRADEHOUSE_LAST_BATCH": "" if last_batch is None else str(last_batch),
        "TRADEHOUSE_PROJECT_DIGEST": plan.project_digest,
        "TRADEHOUSE_REBUILD": ",".join([*plan.rebuild, *again]),
        "TRADEHOUSE_TEST_FROM_BATCH": str(plan.test_from_batch),
        "TRADEHOUSE_TEST_WHOLE": ",".join(whole_tests),
    }
    with _journal_kept(home, runner, early):
        if reach:
            reach.report_untouched(runner)
        try:
            outcome = runner.build(
                environment,
                full_refresh=EVERYTHING in plan.rebuild,
                from_nothing=_is_from_nothing(home, plan) and last_batch is None and not names,
                select=names,
            )
        except BaseException as error:
            # As after a kill: what the journal says stands, and the build can be resumed.
            with suppress(OSError):
                state.write(home, "build", {**record, "error": _why_stopped(error)})
            raise
    record |= {
        "untouched": len(reach.untouched) if reach else 0,
        "reasons": plan.reasons,
        "rebuilt": plan.rebuild,
        "resumed_after": len(earlier),
        **_judge(home, outcome, runner, earlier, early),
    }
    if select and record["status"] == PASSED and not _is_whole(record, runner):
        record["status"] = PARTIAL
    if record["status"] == PASSED:
        known = {
            (node.schema, node.alias or node.name)
            for node in manifest.nodes.values()
            if node.resource_type in fingerprint.BUILT
        }
        record["dropped"] = warehouse.drop_relations_without_model(home, known)
        record["pending_rebuild"] = []
        record["project_digest"] = plan.project_digest
        record["loads"] = plan.loads
        state.write(home, "nodes", {"codes": runner.fingerprints})
    _add_facts(home, record)
    left_out = {one for one in plan.in_force if last_batch is None or one <= last_batch} - {
        one["batch"] for one in record.get("batches", [])
    }
    if record["status"] == PASSED and left_out:
        said = f"The build went through, and batch {min(left_out)} is not in it; see dbt.log."
        record |= {"status": FAILED, "error": said}
    record["finished_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    record["seconds"] = round(time.monotonic() - clock, 3)
    state.write(home, "build", record)
    return record


def _why_stopped(error: BaseException) -> str:
    from tradehouse.terminal.system_faults import advise

    return exits.describe_stop(error) or advise(error) or f"{type(error).__name__}: {error}"


def _is_from_nothing(home: Home, plan: Plan) -> bool:
    is_new = EVERYTHING in plan.rebuild or not home.warehouse.exists()
    return is_new and plan.from_batch is None and plan.test_from_batch == 0


@contextmanager
def _journal_kept(home: Home, runner: DbtRunner, early: set[str]) -> Iterator[None]:
    """Keep what came of each node while a build goes on; who waits for results gets them too."""
    waiting = runner.on_result

    def note(node: NodeResult) -> None:
        is_cut_off = node.status == "error" and (
            exits.is_stopping() or any(words in node.message for words in INTERRUPTED)
        )
        if node.unique_id in runner.fingerprints and not is_cut_off:
            journal.note(home, node.unique_id, _describe(node, runner, early))
        if waiting is not None:
            waiting(node)

    runner.on_result, runner.counts_rows = note, waiting is not None
    try:
        yield
    finally:
        runner.on_result, runner.counts_rows = waiting, True


def _judge(
    home: Home,
    outcome: Invocation,
    runner: DbtRunner,
    earlier: dict[str, dict[str, Any]],
    early: set[str],
) -> dict[str, Any]:
    tests = [node for node in outcome.nodes if node.is_test]
    failed = [node for node in tests if node.status in ("fail", "error")]
    broken = [node for node in outcome.nodes if not node.is_test and node.status == "error"]
    measured = journal.read(home).nodes
    nodes = earlier | {
        node.unique_id: _describe(node, runner, early) | _measures(measured.get(node.unique_id))
        for node in outcome.nodes
        if node.unique_id in runner.fingerprints
    }
    if broken or (not outcome.success and not failed):
        status = FAILED
    else:
        status = TESTS_FAILED if failed else PASSED
    statuses = [node["status"] for one, node in nodes.items() if one.startswith("test.")]
    return {
        "status": status,
        "error": "" if status == PASSED else _error_of(broken, outcome, home),
        "tests": {
            "passed": statuses.count("pass"),
            "warned": statuses.count("warn"),
            "failed": len(failed),
            "skipped": statuses.count("skipped"),
        },
        "failures": [_describe_failure(node, home) for node in failed],
        "nodes": nodes,
    }


def _is_whole(record: dict[str, Any], runner: DbtRunner) -> bool:
    nodes = record["nodes"]
    return all(
        one in nodes and nodes[one]["status"] in parts.DONE and not nodes[one]["is_early"]
        for one in runner.fingerprints
    )


def _describe(node: NodeResult, runner: DbtRunner, early: set[str]) -> dict[str, Any]:
    return {
        "status": node.status,
        "seconds": round(node.seconds, 3),
        "rows": node.rows,
        "columns": node.columns,
        "code": runner.fingerprints.get(node.unique_id),
        "message": node.message[:MESSAGE_KEPT] if node.status in ("error", "warn") else "",
        "is_early": not early.isdisjoint(parts.names_of(runner.parse(), node.unique_id)),
    }


def _measures(noted: dict[str, Any] | None) -> dict[str, Any]:
    """Return the rows and columns that were noted when a node had finished."""
    return {name: noted[name] for name in ("rows", "columns")} if noted else {}


def _error_of(broken: list[NodeResult], outcome: Invocation, home: Home) -> str:
    from tradehouse.terminal.system_faults import advise

    if broken:
        names = ", ".join(node.name for node in broken)
        message = " ".join(broken[0].message.split()).rstrip(".")
        said = f"{names} could not be built: {message}."
    elif outcome.message:
        said = f"dbt could not build: {outcome.message}"
    else:
        return ""
    advice = next((advise(node.message) for node in broken if advise(node.message)), None)
    return f"{said} {advice or advise(said) or ''}".rstrip() + (
        f" The whole log: {home.logs / 'dbt.log'}"
    )


def _describe_failure(node: NodeResult, home: Home) -> dict[str, Any]:
    path = failed_rows_path(home, node.name)
    rows: list[dict[str, Any]] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(itertools.islice(csv.DictReader(file), ROWS_SHOWN))
    return {
        "test": node.name,
        "failing_rows": node.failures,
        "message": node.message,
        "rows": rows,
        "kept_in": str(path) if path.exists() else None,
    }


def failed_rows_path(home: Home, test: str) -> Path:
    """Return where the macro `report_failed_tests` keeps rows of a failed test."""
    return home.logs / f"failed_test_{test[:100]}.csv"


def _remove_failed_rows(home: Home) -> None:
    for path in home.logs.glob("failed_test_*.csv"):
        path.unlink()


def _add_facts(home: Home, record: dict[str, Any]) -> None:
    if not home.warehouse.exists():
        return
    with warehouse.kept_open(home.warehouse):
        record["batches"] = warehouse.read_batches(home)
        record["rows"] = warehouse.count_rows(home)
        record["quarantine"] = warehouse.snapshot_quarantine(home, state.quarantine_path(home))
        record["unmatched"] = warehouse.count_unmatched(home)
        record["streams"] = warehouse.count_streams(home)
        record["built_with"] = warehouse.project_built_with(home)
        record["built_loads"] = warehouse.last_loads_built(home)
    record["warehouse"] = warehouse.stamp_file(home.warehouse)


def is_publishable(home: Home, record: dict[str, Any]) -> bool:
    """Whether a build has anything to publish, and nothing that is held would go from the release.

    Something is a batch that the gate let pass, or loads alone.
    """
    batches = record.get("batches", [])
    is_something = any(batch["is_accepted"] for batch in batches) or bool(
        not batches and record.get("built_loads")
    )
    return is_something and not _find_lost(home, record)


def _find_lost(home: Home, record: dict[str, Any]) -> list[str]:
    """Sources of the published release that are held, and of which a new warehouse has no rows."""
    held = {one["source"] for one in syncs.loads_held(home)} - record.get("built_loads", {}).keys()
    current = releases.find_current(home) if held else None
    if current is None:
        return []
    with suppress(releases.DamagedReleaseError):
        return sorted(held & releases.read_release(home, current).get("loads", {}).keys())
    return []


def require_passed(home: Home, record: dict[str, Any]) -> dict[str, Any]:
    """Return the record if it may be published.

    Raises:
        TradehouseError: when the last build did not pass, is not what the warehouse holds, or every
            batch is held.
    """
    if record.get("status") != PASSED:
        raise TradehouseError(
            "Only a build whose tests passed is published, and the last one "
            f"{record.get('status', 'does not exist')}. `tradehouse run` builds and tests again."
        )
    if warehouse.stamp_file(home.warehouse) != record.get("warehouse"):
        raise TradehouseError(
            f"{home.warehouse} was changed after its last tested build. "
            "`tradehouse run` builds and tests again."
        )
    if lost := _find_lost(home, record):
        raise TradehouseError(
            f"{lost[0]} is held by its contract, and the warehouse, which was made anew, has none "
            f"of its rows that are published. The release stays until the source or its contract "
            f"is mended, or `tradehouse contracts accept {lost[0]}`; then `tradehouse run`."
        )
    if not is_publishable(home, record):
        raise TradehouseError(
            "Every batch is held, so there is nothing to publish. `tradehouse status` says why; "
            "deliver the held files again, then `tradehouse run`."
        )
    return record
