"""Building: decides what has to be built, calls dbt, and keeps the outcome in `state/`.

Publishing is `tradehouse.publish.publishing`; the order of steps is `tradehouse.runs.pipeline`.
"""

import csv
import itertools
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tradehouse.build import journal, partial_build, quarantine, repair, selection
from tradehouse.dbt import fingerprint, graph, semantics
from tradehouse.dbt.runner import EVERYTHING, DbtRunner, Invocation, NodeResult, OnResult
from tradehouse.errors import TradehouseError, UsageError
from tradehouse.home import database, files, raw_queries, records, state, warehouse_queries
from tradehouse.home.files import DamagedError
from tradehouse.home.paths import Home
from tradehouse.home.records import Outcome
from tradehouse.loads import polled, syncs
from tradehouse.publish import releases
from tradehouse.terminal import duckdb_messages, exits
from tradehouse.terminal.output import count

ROWS_SHOWN = 5
MESSAGE_KEPT = 1000


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
    loads_waiting: list[raw_queries.Load] = field(default_factory=list)
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
    built = warehouse_queries.deliveries_built(home)
    held = {
        batch.batch: batch.delivery
        for batch in state.last_build(home).batches
        if not batch.is_accepted and home.warehouse.exists()
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
        repair.set_aside_foreign(home, state.last_build(home))
        polled.judge_loads(home)
    try:
        with database.kept_open(home.raw, home.warehouse):
            return _make_plan(home, runner, rebuild or [], all_tests, from_batch)
    except DamagedError as error:
        if error.path != home.raw:
            raise
        raise TradehouseError(database.describe_raw(home.raw, error.reason)) from error


def _make_plan(
    home: Home, runner: DbtRunner, rebuild: list[str], all_tests: bool, from_batch: int | None
) -> Plan:
    record = state.last_build(home)
    found = raw_queries.loads_in_force(home)
    in_force = {batch: delivery for batch, (delivery, _) in found.items()}
    loads = {batch: read_at for batch, (_, read_at) in found.items()}
    repair.require_built(home, in_force)
    waiting = find_waiting(home, in_force)
    plan = Plan(fingerprint.digest_project(), waiting, in_force, loads, reads_everything=all_tests)
    if plan.waiting:
        numbers = ", ".join(map(str, waiting))
        one = len(waiting) == 1
        plan.reasons.append(f"batch {numbers} waits" if one else f"batches {numbers} wait")
    plan.loads_waiting = raw_queries.loads_waiting(home)
    plan.reasons += _describe_loads(plan.loads_waiting)
    if from_batch is not None:
        plan.reasons.append(f"batch {from_batch} was asked for again")
    built = {batch: at for batch, at in record.loads.items() if batch not in waiting}
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
    if record.status is Outcome.NONE:
        plan.reasons.append("what the warehouse holds is not known")
        plan.rebuild, plan.reads_everything = [EVERYTHING], True
        return plan
    pending = set(record.pending_rebuild)
    if _is_of_other_project(home, record):
        plan.reasons.append("the warehouse was built by another project: an older copy")
        pending.add(EVERYTHING)
        plan.reads_everything = True
    if rebuild:
        pending |= _with_downstream(runner, rebuild)
        plan.reasons.append("a rebuild was asked for")
    if plan.project_digest != record.project_digest:
        pending |= _compare_code(home, runner, plan, record)
    if record.status is not Outcome.PASSED:
        plan.reasons.append(f"the last build {record.status}")
        plan.untested_from = record.test_from_batch
    elif files.stamp_file(home.warehouse) != record.warehouse:
        plan.reasons.append("the warehouse was changed by somebody else")
        plan.reads_everything = True
    if all_tests:
        plan.reasons.append("all tests were asked for")
    plan.rebuild = [EVERYTHING] if EVERYTHING in pending else sorted(pending)
    is_known = plan.untested_from is None and not (plan.rebuild or plan.reads_everything)
    if (waiting or plan.loads_waiting) and from_batch is None and is_known:
        plan.live = {selection.LEDGER, *plan.whole}
        if waiting:
            tables = raw_queries.tables_to_build(home, in_force).union(selection.ALWAYS_LIVE)
            plan.live |= {(warehouse_queries.BY_BATCH, table) for table in tables}
    return plan


def _is_of_other_project(home: Home, record: records.Build) -> bool:
    """Whether a copy of the warehouse was put back that other code had made."""
    known = (None, "", record.built_with, record.building_with)
    return warehouse_queries.project_built_with(home) not in known


def _describe_loads(loads: list[raw_queries.Load]) -> list[str]:
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


def note_unchanged_project(home: Home, runner: DbtRunner, plan: Plan) -> None:
    """Note that the project as it is needs no build, so that the next run need not parse it.

    What a build leaves beside the warehouse, and is missing, is made again.
    """
    record = state.last_build(home)
    if record.project_digest != plan.project_digest:
        record.project_digest = plan.project_digest
        state.keep(home, record)
    if not (state.exists(home, "nodes") and state.exists(home, "graph")):
        graph.remember(home, runner.parse(), plan.project_digest)
        state.keep(home, records.Nodes(codes=runner.fingerprints))
    if not quarantine.is_snapshot(state.quarantine_path(home)):
        quarantine.snapshot(home, state.quarantine_path(home))


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


def _compare_code(home: Home, runner: DbtRunner, plan: Plan, record: records.Build) -> set[str]:
    manifest = runner.parse()
    graph.remember(home, manifest, plan.project_digest)
    known = state.find(home, records.Nodes)
    before = known.codes if known else {}
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
    if semantics.digest(graph.read_semantics(home)) != record.semantics_digest:
        plan.reasons.append("metrics changed")
    return rebuild


def build(
    home: Home,
    runner: DbtRunner,
    plan: Plan,
    *,
    last_batch: int | None = None,
    select: Sequence[str] = (),
    on_result: OnResult | None = None,
) -> records.Build:
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
        on_result: gets every node's result as soon as it has finished, or is known to stand.
    """
    started = datetime.now(UTC)
    clock = time.monotonic()
    before = journal.complete(home, state.last_build(home))
    inputs = partial_build.inputs_of(plan.in_force, plan.loads_waiting, last_batch)
    earlier = partial_build.find_done(runner, before, inputs) if select else {}
    names, early = partial_build.select_possible(runner, select, earlier) if select else ([], set())
    reach = None
    if plan.live is not None and not select:
        reach = selection.find_reach(runner, before, plan.live, plan.whole)
        names, earlier = (reach.names, reach.untouched) if reach else ([], {})
    record = before.model_copy()
    record.id = started.strftime("%Y%m%dT%H%M%S.%fZ")
    record.started_at = started.isoformat(timespec="seconds")
    record.status, record.error, record.failures = Outcome.BEGUN, "", []
    record.nodes, record.inputs = dict(earlier), inputs
    record.from_batch, record.last_batch = plan.from_batch, last_batch
    record.pending_rebuild = plan.rebuild
    record.building_with = plan.project_digest
    record.test_from_batch = plan.test_from_batch
    record.raw = files.stamp_file(home.raw)
    record.built_before = [list(one) for one in warehouse_queries.built(home)]
    # What publishing has to copy, where that is less than everything.
    record.based_on = before.id if reach else None
    record.first_batch = plan.first_batch
    record.gold_changes = reach.gold_changes if reach else None
    manifest = runner.parse()
    again = selection.names_to_rebuild(manifest, plan.whole) if plan.whole else []
    whole_tests = selection.names_of_tests(manifest, plan.whole) if plan.whole else []
    graph.remember(home, manifest, plan.project_digest)
    record.semantics_digest = semantics.digest(graph.read_semantics(home))
    journal.begin(home, record.id)
    state.keep(home, record)
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
    note = partial(_note, home, runner, early, on_result)
    if reach:
        reach.report_untouched(runner, note)
    try:
        outcome = runner.build(
            environment,
            full_refresh=EVERYTHING in plan.rebuild,
            from_nothing=_is_from_nothing(home, plan) and last_batch is None and not names,
            select=names,
            on_result=note,
            counts_rows=on_result is not None,
        )
    except BaseException as error:
        # As after a kill: what the journal says stands, and the build can be resumed.
        with suppress(OSError):
            record.error = _why_stopped(error)
            state.keep(home, record)
        raise
    record.untouched = len(reach.untouched) if reach else 0
    record.reasons, record.rebuilt = plan.reasons, plan.rebuild
    record.resumed_after = len(earlier)
    _judge(home, record, outcome, runner, early)
    if select and record.status is Outcome.PASSED and not _is_whole(record, runner):
        record.status = Outcome.PARTIAL
    if record.status is Outcome.PASSED:
        known = {
            (node.schema, node.alias or node.name)
            for node in manifest.nodes.values()
            if node.resource_type in fingerprint.BUILT
        }
        record.dropped = warehouse_queries.drop_relations_without_model(home, known)
        record.pending_rebuild = []
        record.project_digest = plan.project_digest
        record.loads = plan.loads
        state.keep(home, records.Nodes(codes=runner.fingerprints))
    _add_facts(home, record)
    left_out = {one for one in plan.in_force if last_batch is None or one <= last_batch} - {
        one.batch for one in record.batches
    }
    if record.status is Outcome.PASSED and left_out:
        record.status = Outcome.FAILED
        record.error = (
            f"The build went through, and batch {min(left_out)} is not in it; see dbt.log."
        )
    record.finished_at = datetime.now(UTC).isoformat(timespec="seconds")
    record.seconds = round(time.monotonic() - clock, 3)
    state.keep(home, record)
    return record


def _why_stopped(error: BaseException) -> str:
    from tradehouse.terminal.system_faults import advise

    return exits.describe_stop(error) or advise(error) or f"{type(error).__name__}: {error}"


def _is_from_nothing(home: Home, plan: Plan) -> bool:
    is_new = EVERYTHING in plan.rebuild or not home.warehouse.exists()
    return is_new and plan.from_batch is None and plan.test_from_batch == 0


def _note(
    home: Home, runner: DbtRunner, early: set[str], on_result: OnResult | None, node: NodeResult
) -> None:
    """Keep what came of a node while a build goes on; who waits for results gets it too."""
    is_cut_off = node.status == "error" and (
        exits.is_stopping() or duckdb_messages.was_interrupted(node.message)
    )
    if node.unique_id in runner.fingerprints and not is_cut_off:
        journal.note(home, node.unique_id, _describe(node, runner, early))
    if on_result is not None:
        on_result(node)


def _judge(
    home: Home, record: records.Build, outcome: Invocation, runner: DbtRunner, early: set[str]
) -> None:
    """Note in the record what came of the nodes, and how the build ended."""
    tests = [node for node in outcome.nodes if node.is_test]
    failed = [node for node in tests if node.status in ("fail", "error")]
    broken = [node for node in outcome.nodes if not node.is_test and node.status == "error"]
    measured = journal.read(home).nodes
    for node in outcome.nodes:
        if node.unique_id in runner.fingerprints:
            made = record.nodes[node.unique_id] = _describe(node, runner, early)
            if noted := measured.get(node.unique_id):  # when it had finished
                made.rows, made.columns = noted.rows, noted.columns
    if broken or (not outcome.success and not failed):
        record.status = Outcome.FAILED
    else:
        record.status = Outcome.TESTS_FAILED if failed else Outcome.PASSED
    is_passed = record.status is Outcome.PASSED
    record.error = "" if is_passed else _error_of(broken, outcome, home)
    statuses = [node.status for one, node in record.nodes.items() if one.startswith("test.")]
    record.tests = records.Tests(
        passed=statuses.count("pass"),
        warned=statuses.count("warn"),
        failed=len(failed),
        skipped=statuses.count("skipped"),
    )
    record.failures = [_describe_failure(node, home) for node in failed]


def _is_whole(record: records.Build, runner: DbtRunner) -> bool:
    nodes = record.nodes
    return all(
        one in nodes and nodes[one].status in partial_build.DONE and not nodes[one].is_early
        for one in runner.fingerprints
    )


def _describe(node: NodeResult, runner: DbtRunner, early: set[str]) -> records.Node:
    return records.Node(
        status=node.status,
        seconds=round(node.seconds, 3),
        rows=node.rows,
        columns=node.columns,
        code=runner.fingerprints.get(node.unique_id),
        message=node.message[:MESSAGE_KEPT] if node.status in ("error", "warn") else "",
        is_early=not early.isdisjoint(partial_build.names_of(runner.parse(), node.unique_id)),
    )


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


def _describe_failure(node: NodeResult, home: Home) -> records.Failure:
    path = failed_rows_path(home, node.name)
    rows: list[dict[str, Any]] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(itertools.islice(csv.DictReader(file), ROWS_SHOWN))
    return records.Failure(
        test=node.name,
        failing_rows=node.failures,
        message=node.message,
        rows=rows,
        kept_in=str(path) if path.exists() else None,
    )


def failed_rows_path(home: Home, test: str) -> Path:
    """Return where the macro `report_failed_tests` keeps rows of a failed test."""
    return home.logs / f"failed_test_{test[:100]}.csv"


def _remove_failed_rows(home: Home) -> None:
    for path in home.logs.glob("failed_test_*.csv"):
        path.unlink()


def _add_facts(home: Home, record: records.Build) -> None:
    if not home.warehouse.exists():
        return
    with database.kept_open(home.warehouse):
        record.batches = [records.GateBatch(**one) for one in warehouse_queries.read_batches(home)]
        record.rows = warehouse_queries.count_rows(home, graph.read_release_views(home))
        refused = quarantine.snapshot(home, state.quarantine_path(home))
        record.quarantine = [records.Refused(**one) for one in refused]
        record.unmatched = warehouse_queries.count_unmatched(home)
        record.streams = [
            records.StreamCounts(**one) for one in warehouse_queries.count_streams(home)
        ]
        record.built_with = warehouse_queries.project_built_with(home)
        record.built_loads = warehouse_queries.last_loads_built(home)
    record.warehouse = files.stamp_file(home.warehouse)


def is_publishable(home: Home, record: records.Build) -> bool:
    """Whether a build has anything to publish, and nothing that is held would go from the release.

    Something is a batch that the gate let pass, or loads alone.
    """
    is_something = any(batch.is_accepted for batch in record.batches) or bool(
        not record.batches and record.built_loads
    )
    return is_something and not _find_lost(home, record)


def _find_lost(home: Home, record: records.Build) -> list[str]:
    """Sources of the published release that are held, and of which a new warehouse has no rows."""
    held = {one["source"] for one in syncs.loads_held(home)} - record.built_loads.keys()
    current = releases.find_current(home) if held else None
    if current is None:
        return []
    with suppress(releases.DamagedReleaseError):
        return sorted(held & releases.read_release(home, current).loads.keys())
    return []


def require_passed(home: Home, record: records.Build) -> records.Build:
    """Return the record if it may be published.

    Raises:
        TradehouseError: when the last build did not pass, is not what the warehouse holds, or every
            batch is held.
    """
    if record.status is not Outcome.PASSED:
        raise TradehouseError(
            "Only a build whose tests passed is published, and the last one "
            f"{record.status}. `tradehouse run` builds and tests again."
        )
    if files.stamp_file(home.warehouse) != record.warehouse:
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
