"""The commands for the history of runs: `tradehouse runs` and `tradehouse runs show`.

`tradehouse.home.history` defines what an entry holds.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradehouse.home.paths import find_home

if TYPE_CHECKING:
    from tradehouse.home.history import Built, Run, Synced

INTERNAL = {"pid", "started"}
WORDS_SHOWN = 70

app = typer.Typer(name="runs")

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.callback(invoke_without_command=True)
def list_runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000_000, help="How many to list.")] = 20,
    json: Json = False,
) -> None:
    """List the last runs, newest first: when they began, what they did, how they ended.

    Every command that writes is a run (run, sync, build, publish, docs, contracts accept), and so
    is every step of the asset page that does. `tradehouse runs show NUMBER` has the rest of one:
    its steps, what failed, why. The last 1,000 runs are kept.
    """
    from tradehouse.home import history
    from tradehouse.terminal import output

    if context.invoked_subcommand is not None:
        return
    found = history.find_last(find_home(), limit)
    if json:
        output.print_json([_as_json(run) for run in found])
        return
    if not found:
        print("No run yet. `tradehouse run` takes what waits.")
        return
    output.print_table(
        ["run", "began (UTC)", "seconds", "called", "loaded", "built", "release", "ended", "why"],
        [
            [
                str(run.number),
                _moment(run.began_at),
                "" if run.seconds is None else f"{run.seconds:.1f}",
                run.called,
                ", ".join(_loaded(one) for one in run.synced if one.records),
                ", ".join(filter(None, map(_built, run.builds))),
                ", ".join(run.releases),
                str(run.outcome),
                _shortened(run.error),
            ]
            for run in found
        ],
    )


@app.command()
def show(
    number: Annotated[int, typer.Argument(min=1, max=10**18 - 1, help="See tradehouse runs.")],
    json: Json = False,
) -> None:
    """Show one run whole: its steps with their seconds, what was built and why, what failed."""
    from tradehouse.home import history
    from tradehouse.terminal import output

    run = history.find(find_home(), number)
    if json:
        output.print_json(_as_json(run))
        return
    took = "" if run.seconds is None else f", {run.seconds:.1f} s"
    _say("Run", f"{run.number}: {run.outcome}")
    _say("Called", run.called)
    _say("Began", f"{_moment(run.began_at)} UTC{took}")
    if run.error:
        _say("Why", run.error)
    for phase in run.phases:
        _say("Step", f"{phase.name}: {phase.said or 'broken off'} ({phase.seconds:.1f} s)")
    for one in run.synced:
        failed = f"; {one.error}" if one.error else ""
        _say("Loaded", f"{_loaded(one)}{failed}")
    for build in run.builds:
        tests = build.tests
        _say("Built", f"{_built(build) or 'nothing new'}: {build.outcome} ({build.seconds:.1f} s)")
        _say("", f"{tests.passed} tests passed, {tests.warned} warned, {tests.failed} failed")
        for reason in build.reasons:
            _say("", f"because {reason}")
        for broken in build.broken:
            _say("Failed", f"{broken.name}: {broken.message or broken.status}")
    for release in run.releases:
        _say("Release", release)


def _as_json(run: "Run") -> dict[str, Any]:
    return run.model_dump(exclude=INTERNAL)


def _say(title: str, text: str) -> None:
    from tradehouse.terminal.streams import visible

    print(f"{title:<12}{visible(text)}")


def _moment(text: str) -> str:
    return text[:19].replace("T", " ")


def _loaded(synced: "Synced") -> str:
    from tradehouse.terminal import output

    batches = f", {_named(synced.batches)}" if synced.batches else ""
    return f"{synced.source}: {output.count(synced.records, 'record')}{batches}"


def _built(build: "Built") -> str:
    """Return the batches and loads that a build brought into the warehouse."""
    batches = [_named(build.batches)] if build.batches else []
    return ", ".join([*batches, *(f"load {n} of {name}" for name, n in build.loads.items())])


def _named(batches: list[int]) -> str:
    """Return batches in few words: `batch 3`, `batches 1, 3`, `batches 1 to 30`."""
    if len(batches) == 1:
        return f"batch {batches[0]}"
    if batches == list(range(batches[0], batches[-1] + 1)):
        return f"batches {batches[0]} to {batches[-1]}"
    return f"batches {', '.join(map(str, batches))}"


def _shortened(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= WORDS_SHOWN else f"{line[: WORDS_SHOWN - 4]} ..."
