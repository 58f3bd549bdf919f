"""What a run would load, build and reach, without doing it: `tradehouse run --dry-run`."""

from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

from tradehouse.build import execution, resume, selection
from tradehouse.dbt.runner import DbtRunner
from tradehouse.home import locks
from tradehouse.home.paths import Home
from tradehouse.loads import brokerage_sync, days
from tradehouse.runs.pipeline import Options
from tradehouse.terminal.output import count


@dataclass
class Preview:
    """What a run would do.

    Args:
        due: sources that would be asked for what is new.
        batches: numbers of batches that were delivered and are not loaded; whether the run takes
            them is for their content to say.
        reasons: why there would be a build, as far as it is known before anything is loaded.
        models: models, seeds and snapshots that these, and new rows of what is due, can reach.
    """

    due: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The preview for JSON."""
        return asdict(self)

    def show(self) -> None:
        """Print it."""
        if not (self.due or self.batches or self.reasons):
            print("Nothing waits, nothing is due, and no code changed.")
            return
        if self.due:
            print(f"Due         {', '.join(self.due)}")
        if self.batches:
            numbers = ", ".join(map(str, self.batches))
            print(f"Delivered   batch{'es' * (len(self.batches) > 1)} {numbers}, not loaded yet")
        for reason in self.reasons:
            print(f"Builds      {reason}")
        named = f": {', '.join(self.models)}" if self.models else ""
        print(f"Reaches     {count(len(self.models), 'model')}{named}")
        print("This was a dry run: nothing was changed.")


def preview(home: Home, options: Options) -> Preview:
    """Say what a run with these options would do.

    Raises:
        UsageError: when a source or model that is named does not exist, or nothing can be loaded.
        LandingError: when the landing directory or a day is not there.
        BusyError: when another process is writing.
    """
    with locks.writing(home, options.wait_seconds) if home.root.exists() else nullcontext():
        found, landing = Preview(due=options.find_due(home)), None
        if options.syncs_brokerage:
            landing = brokerage_sync.landing_to_read(home, options.landing, is_demo=options.is_demo)
        if options.simulates(home, landing):
            found.reasons.append("nothing is loaded yet: a brokerage would be simulated")
            return found
        if landing is None and not home.raw.exists():
            found.reasons.append("nothing is loaded yet")
            return found
        chosen = days.batches_of(home, options.days, landing)
        if landing is not None:
            if options.landing or options.replace_batches:
                brokerage_sync.require_delivered(landing, options.replace_batches)
            last = max(chosen, default=None)
            waiting = brokerage_sync.find_waiting(home, landing)
            found.batches = [batch for batch in waiting if last is None or batch <= last]
        runner = DbtRunner(home)
        plan = execution.make_plan(
            home,
            runner,
            rebuild=options.rebuild,
            all_tests=options.all_tests,
            from_batch=days.first_built(home, chosen),
            is_preview=True,
        )
        again = [f"batch {batch} is loaded again" for batch in sorted(options.replace_batches)]
        found.reasons = [*again, *plan.reasons]
        if options.resume and (said := resume.describe(home)):
            found.reasons.append(said)
        found.models = _models(runner, plan, found)
    return found


def _models(runner: DbtRunner, plan: execution.Plan, found: Preview) -> list[str]:
    manifest = runner.parse()
    built = {
        one: node
        for one, node in manifest.nodes.items()
        if node.resource_type in ("model", "seed", "snapshot")
    }
    if plan.reasons and plan.live is None:
        return sorted(node.name for node in built.values())
    live = set(plan.live or ())
    sources = {*found.due, *([brokerage_sync.SOURCE] if found.batches else [])}
    live |= {
        selection.raw_table(one)
        for one in manifest.sources.values()
        if one.schema.casefold() in sources or (sources and one.schema == selection.LEDGER[0])
    }
    reached = {node.unique_id for node in selection.reached_nodes(manifest, live)}
    return sorted(built[one].name for one in reached & set(built))
