"""The run: sync, build and publish, in that order, each only if needed.

The state at the end of a run is kept as `state/settled.json`; as long as landing directory, raw,
warehouse, project and pointer match it, the next run has nothing to do and says so at once.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradehouse.build import execution, repair, resume
from tradehouse.dbt import fingerprint
from tradehouse.dbt.runner import DbtRunner, OnResult
from tradehouse.errors import (
    EXIT_ERROR,
    EXIT_HELD,
    EXIT_OK,
    EXIT_TESTS_FAILED,
    LandingError,
    TradehouseError,
    UsageError,
)
from tradehouse.home import database, files, history, ledger_snapshot, records, state
from tradehouse.home.paths import Home
from tradehouse.loads import brokerage, brokerage_sync, days, freshness, polled, syncs
from tradehouse.publish import documentation, publishing, releases
from tradehouse.runs import session
from tradehouse.terminal import exits
from tradehouse.terminal.output import count, text_of_bytes
from tradehouse.terminal.progress import Step, Steps

if TYPE_CHECKING:
    from ingestion.results import SyncResult


@dataclass
class Options:
    """What a run is asked for; the defaults are the daily case."""

    landing: Path | None = None
    by_batch: bool = False
    rebuild: list[str] = field(default_factory=list)
    all_tests: bool = False
    replace_batches: list[int] = field(default_factory=list)
    allow_gap: bool = False
    wait_seconds: float = 0.0
    resume: bool = False
    days: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    no_sync: bool = False
    is_demo: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked for that has to be done even when nothing is new."""
        return not (self.rebuild or self.all_tests or self.replace_batches or self.days)

    @property
    def syncs_brokerage(self) -> bool:
        """Whether what the brokerage delivered is loaded."""
        return not self.no_sync and (not self.sources or brokerage_sync.SOURCE in self.sources)

    def simulates(self, home: Home, landing: Path | None) -> bool:
        """Whether a landing directory is still to be made up."""
        is_made = home.landing.exists() or home.raw.exists()
        return self.is_demo and landing == home.landing and not is_made

    def find_due(self, home: Home) -> list[str]:
        """Return the other sources to load."""
        if self.no_sync or self.resume:
            return []
        return polled.find_due(home, self.sources or None)


@dataclass
class Outcome:
    """What came of a run; `held` are batches that were refused, are held or wait.

    `sources` are the syncs of other sources by name, `unloaded` what went wrong with which.
    `fault` is what was wrong with the published release when the run began. `not_resumed` says why
    a run that was to resume went on as any other.
    """

    sync: records.Sync | None = None
    sources: "dict[str, SyncResult]" = field(default_factory=dict)
    unloaded: dict[str, str] = field(default_factory=dict)
    builds: list[records.Build] = field(default_factory=list)
    publications: list[publishing.Publication] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    hold: records.Hold | None = None
    is_idle: bool = False
    fault: str = ""
    not_resumed: str = ""

    @property
    def exit_code(self) -> int:
        """The code the command line ends with."""
        last = self.builds[-1].status if self.builds else records.Outcome.PASSED
        if last is records.Outcome.TESTS_FAILED:
            return EXIT_TESTS_FAILED
        if last is not records.Outcome.PASSED:
            return EXIT_ERROR
        return EXIT_HELD if self.held or self.unloaded else EXIT_OK


def run(home: Home, options: Options, steps: Steps) -> Outcome:
    """Do what waits, under the home's lock.

    Raises:
        BusyError: when another process is writing.
        OtherBrokerageError: when the landing directory is another brokerage's.
        UsageError: when there is nothing to load from, and nothing is loaded.
        TradehouseError: when something cannot be done at all; what was committed stays.
    """
    with session.writing(home, "run", options.wait_seconds, steps=steps) as entry:
        outcome = _sync_build_publish(home, options, steps)
        _say_how_it_ended(entry, outcome)
    return outcome


def _sync_build_publish(home: Home, options: Options, steps: Steps) -> Outcome:
    landing = _find_landing(home, options, steps)
    releases.remove_old_releases(home)
    due = options.find_due(home)
    if options.is_plain and not due and is_settled(home, landing):
        return Outcome(held=syncs.find_held(home), hold=releases.read_hold(home), is_idle=True)
    state.forget(home, "settled")
    outcome = Outcome(fault=_tell_fault(home))
    runner = DbtRunner(home)
    will_build = bool(due or (landing and brokerage_sync.find_waiting(home, landing)))
    with runner.parsing_in_background() if will_build else nullcontext():
        if landing is not None and options.syncs_brokerage:
            with steps.step("sync") as step:
                _sync(home, landing, options, step, outcome)
        for name in due:
            _sync_other(home, name, steps, outcome)
    if polled.is_loaded(home):
        _build_and_publish(home, runner, options, steps, outcome)
    outcome.held = syncs.find_held(home)
    outcome.hold = releases.read_hold(home)
    is_loaded = bool(outcome.sync and outcome.sync.records)
    is_loaded |= any(result.records for result in outcome.sources.values())
    did = is_loaded or outcome.builds or outcome.publications or outcome.unloaded
    outcome.is_idle = not did
    _settle(home, outcome, options)
    if outcome.exit_code in (EXIT_OK, EXIT_HELD):
        repair.require_current(home)
    return outcome


def _say_how_it_ended(entry: history.Run, outcome: Outcome) -> None:
    """Note of a run that was not broken off what its steps do not say."""
    if outcome.exit_code == EXIT_HELD:
        first = outcome.held[0]["message"] if outcome.held else ""
        lost = "; ".join(f"{name}: {said}" for name, said in outcome.unloaded.items())
        entry.outcome, entry.error = history.End.HELD, lost or first
    elif outcome.exit_code == EXIT_OK and outcome.is_idle:
        entry.outcome = history.End.IDLE


def build_pending_loads(home: Home, runner: DbtRunner, steps: Steps) -> Outcome:
    """Build and publish what is loaded and waits; for the holder of the home's lock.

    Raises:
        TradehouseError: when something cannot be done at all; what was committed stays.
    """
    outcome = Outcome()
    if polled.is_loaded(home):
        _build_and_publish(home, runner, Options(no_sync=True), steps, outcome)
    outcome.held = syncs.find_held(home)
    outcome.hold = releases.read_hold(home)
    return outcome


def _find_landing(home: Home, options: Options, steps: Steps) -> Path | None:
    """Return the landing directory, where a demo first makes what lies in it."""
    if not options.syncs_brokerage:
        return brokerage.find_landing(home, options.landing)
    landing = brokerage_sync.landing_to_read(home, options.landing, is_demo=options.is_demo)
    if options.simulates(home, landing):
        with steps.step("simulate") as step:
            brokerage_sync.simulate_into(home, step)
    if landing is None and freshness.is_on(home, brokerage_sync.SOURCE):
        files.tell("The brokerage is left out: its landing directory is not known (--landing DIR).")
    return landing


def _tell_fault(home: Home) -> str:
    """Say what is wrong with the published release, which the run then makes again."""
    fault = releases.find_fault(home)
    if fault:
        files.tell(f"{fault} {releases.advice(home)}")
    return fault


def _sync(home: Home, landing: Path, options: Options, step: Step, outcome: Outcome) -> None:
    """Load what waits; a run that resumes does not repeat a sync that took everything."""
    if options.resume:
        obstacle = resume.look(home).obstacle or resume.what_was_delivered_since(home, landing)
        last = state.find(home, records.Sync)
        if last is not None and not obstacle:
            last.records, last.bytes, last.new_batches = 0, 0, []
            outcome.sync = last
            step.finish("not repeated: everything delivered is loaded")
            return
        outcome.not_resumed = obstacle
    batches = days.batches_of(home, options.days, landing)
    outcome.sync = brokerage_sync.sync(
        home,
        landing,
        replace_batches=options.replace_batches,
        allow_gap=options.allow_gap,
        last_batch=batches[-1] if batches else None,
        step=step,
    )
    step.finish(describe_sync(outcome.sync, step.seconds), outcome.sync)


def _sync_other(home: Home, name: str, steps: Steps, outcome: Outcome) -> None:
    """Load a source that is not the brokerage; whatever is wrong with it, the run goes on."""
    with steps.step(f"sync {name}") as step:
        try:
            result = polled.load(home, name, step)
        except (UsageError, TradehouseError) as error:
            exits.check()  # A signal may have cut off what the source was about to do.
            outcome.unloaded[name] = str(error)
            step.finish(f"failed: {error}", history.Synced(source=name, error=str(error)))
            return
    outcome.sources[name] = result
    for warning in result.warnings:
        files.tell(f"{name}: {warning}")
    if result.status != "succeeded":
        outcome.unloaded[name] = "; ".join(error.message for error in result.errors)
        files.tell(f"{name}: {outcome.unloaded[name]}")


def _go_on(home: Home, runner: DbtRunner, steps: Steps, outcome: Outcome) -> bool:
    """Go on with the last build and publish it; returns whether it passed and more may wait."""
    rest = resume.find_rest(home, runner)
    if isinstance(rest, str):
        outcome.not_resumed = rest
        return True
    record = build_one(home, runner, rest.plan, rest.last_batch, steps, rest.select)
    outcome.builds.append(record)
    if record.status is not records.Outcome.PASSED or not execution.is_publishable(home, record):
        return False
    _publish_one(home, runner, record, steps, outcome)
    return True


def _build_and_publish(
    home: Home, runner: DbtRunner, options: Options, steps: Steps, outcome: Outcome
) -> None:
    if options.resume and not outcome.not_resumed and not _go_on(home, runner, steps, outcome):
        return
    if outcome.not_resumed:
        with steps.step("resume") as step:
            step.finish(f"{outcome.not_resumed}, so this is a run like any other")
    again = days.first_built(home, days.batches_of(home, options.days))
    plan = execution.make_plan(
        home, runner, rebuild=options.rebuild, all_tests=options.all_tests, from_batch=again
    )
    while plan.reasons:
        last_batch = min(plan.waiting) if options.by_batch and plan.waiting else None
        record = build_one(home, runner, plan, last_batch, steps)
        outcome.builds.append(record)
        if record.status is not records.Outcome.PASSED or not execution.is_publishable(
            home, record
        ):
            return
        _publish_one(home, runner, record, steps, outcome)
        if last_batch is None:
            break
        before, plan = plan.waiting, execution.make_plan(home, runner)
        if plan.waiting == before:
            break
    if not outcome.builds:
        execution.note_unchanged_project(home, runner, plan)
        record = state.last_build(home)
        if execution.is_publishable(home, record):
            _publish_one(home, runner, record, steps, outcome)


def build_one(
    home: Home,
    runner: DbtRunner,
    plan: execution.Plan,
    last_batch: int | None,
    steps: Steps,
    select: Sequence[str] = (),
    on_result: OnResult | None = None,
) -> records.Build:
    """Build once, with a bar; return the record of the build."""
    name = "build" if last_batch is None else f"build {last_batch}"
    with steps.step(name) as step:
        runner.report = lambda node, done, total: step.update(done, total, f"{done}/{total} {node}")
        step.update(0, None, "dbt starts")
        build = partial(execution.build, home, runner, last_batch=last_batch, on_result=on_result)
        record = build(plan, select=select)
        is_failed = record.status is records.Outcome.FAILED
        if is_failed and repair.set_aside_corrupt(home, record.error):
            record = build(execution.make_plan(home, runner))
        runner.report = None
        tests = record.tests
        models = sum(not one.startswith("test.") for one in record.nodes)
        left = f", {record.untouched} of them out of reach of new rows"
        warned = f", {tests.warned} warned" if tests.warned else ""
        failed = f", {tests.failed} failed" if tests.failed else ""
        step.finish(
            f"{record.status}: {count(models, 'model or seed', 'models and seeds')}, "
            f"{count(tests.passed, 'test')} passed{warned}{failed}"
            + (left if record.untouched else ""),
            record,
        )
    return record


def _publish_one(
    home: Home, runner: DbtRunner, record: records.Build, steps: Steps, outcome: Outcome
) -> None:
    with ThreadPoolExecutor(max_workers=1) as beside:
        # Tracing columns is Python, copying gold is DuckDB: each has a core.
        completing = None
        if documentation.are_outdated(home):
            with steps.step("docs") as step:
                completing = beside.submit(
                    documentation.complete, home, documentation.generate(home, runner)
                )
                step.finish("made; columns are traced while gold is copied")
        await_docs = None if completing is None else completing.result
        publication = publish_build(home, record, steps, await_docs)
        if await_docs is not None:
            await_docs()
    if publication is not None:
        outcome.publications.append(publication)


def make_docs(home: Home, runner: DbtRunner, steps: Steps) -> Path | None:
    """Make the documentation site unless it is up to date; return its path when it was made."""
    if not documentation.are_outdated(home):
        return None
    with steps.step("docs") as step:
        page = documentation.make(home, runner)
        step.finish(str(page))
    return page


def publish_build(
    home: Home,
    record: records.Build,
    steps: Steps,
    await_docs: Callable[[], object] | None = None,
) -> publishing.Publication | None:
    """Publish a build that passed; None when the published release is already made from it."""
    current = releases.find_current(home)
    if current is not None and publishing.is_release_of(home, current, record):
        return None
    with steps.step("publish") as step:
        publication = publishing.publish(home, record, await_docs=await_docs)
        step.finish(describe_publication(publication), publication)
    return publication


def is_settled(home: Home, landing: Path | None) -> bool:
    """Whether nothing changed since the last run ended well: no database is opened to know."""
    settled = state.find(home, records.Settled)
    try:
        if settled is None or settled != _settlement(home, landing):
            return False
        return not releases.find_fault(home) and not documentation.are_outdated(home)
    except LandingError:
        return False


def _settlement(home: Home, landing: Path | None) -> records.Settled:
    hold = releases.read_hold(home)
    return records.Settled(
        landing=str(landing or ""),
        landing_stamp=brokerage.stamp_landing(landing) if landing else "",
        raw=files.stamp_file(home.raw),
        warehouse=files.stamp_file(home.warehouse),
        project_digest=fingerprint.digest_project(),
        build=state.last_build(home).id,
        release=releases.find_current(home) if hold is None else hold.model_dump(),
        state={path.name: files.stamp_file(path) for path in _watched(home)},
    )


def _watched(home: Home) -> list[Path]:
    """Return the files that only runs write: whatever happens to one is looked into."""
    names = ("sync.json", "build.json", "nodes.json", "graph.json", "brokerage.json")
    logs = [database.log_of(path) for path in (home.raw, home.warehouse)]
    snapshots = [home.state / ledger_snapshot.SNAPSHOT, state.quarantine_path(home)]
    return [*(home.state / name for name in names), *snapshots, *logs]


def _settle(home: Home, outcome: Outcome, options: Options) -> None:
    if options.days or not options.syncs_brokerage:
        return
    if state.last_build(home).status is not records.Outcome.PASSED:
        return
    sync = outcome.sync
    if sync is None:  # A home without a brokerage.
        state.keep(home, _settlement(home, None))
        return
    if sync.errors or sync.status != "succeeded":
        return
    settlement = _settlement(home, Path(sync.landing))
    if settlement.landing_stamp == sync.landing_stamp:
        state.keep(home, settlement)


def describe_sync(record: records.Sync, seconds: float) -> str:
    """Return one line on what a sync did."""
    if not record.records:
        return "nothing new" if not record.errors else "nothing could be taken"
    new = record.new_batches
    what = f"batch{'es' * (len(new) > 1)} {', '.join(map(str, new))}" if new else "no whole batch"
    rate = record.records / max(seconds, 0.001)
    return (
        f"{what}: {count(record.records, 'record')}, {text_of_bytes(record.bytes)}, "
        f"{rate:,.0f} records/s"
    )


def describe_publication(publication: publishing.Publication) -> str:
    """Return one line on what came of publishing."""
    release = publication.release
    if not publication.is_published or release is None:
        return f"held since the rollback of {publication.held_since}"
    faults = f"; not made: {'; '.join(publication.faults)}" if publication.faults else ""
    return (
        f"release {release.id}: {count(sum(release.rows.values()), 'row')}, "
        f"{text_of_bytes(release.bytes)}{faults}"
    )
