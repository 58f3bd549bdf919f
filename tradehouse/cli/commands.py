"""The commands that write: run, sync, build, publish, docs, demo-sources, simulate and profile.

Those that only read are in `tradehouse.cli.parser`; exit codes: `tradehouse.terminal.exits`.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tradehouse.errors import (
    EXIT_ERROR,
    EXIT_HELD,
    EXIT_OK,
    EXIT_TESTS_FAILED,
    TradehouseError,
    UsageError,
)
from tradehouse.home.paths import find_home, whole_number_setting

LAST_BATCH = 999_999  # As far as a directory's name goes.
Landing = Annotated[
    Path | None,
    typer.Option(
        "--landing",
        envvar="TRADEHOUSE_LANDING",
        help="Directory with Batch1/, Batch2/, ...; default: the home's own.",
    ),
]
Replace = Annotated[
    list[int] | None,
    typer.Option(
        "--replace-batch", min=1, max=LAST_BATCH, help="Take the changed delivery of this batch."
    ),
]
AllowGap = Annotated[
    bool, typer.Option("--allow-gap", help="Take batches although one before them is missing.")
]
Rebuild = Annotated[
    list[str] | None,
    typer.Option(
        "--rebuild",
        metavar="[MODEL]",
        help="Build this model, and all downstream, from nothing; without a name: all models.",
    ),
]
AllTests = Annotated[
    bool, typer.Option("--all-tests", help="Tests read everything, not only what batches touched.")
]
Wait = Annotated[
    int | None,
    typer.Option(
        "--wait", min=0, metavar="SECONDS", help="How long to wait while another process writes."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (run, sync, build, publish, docs, demo_sources):
        app.command()(command)
    for delegated in (simulate, profile):
        app.command(
            add_help_option=False,
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        )(delegated)


def run(
    landing: Landing = None,
    by_batch: Annotated[
        bool, typer.Option("--by-batch", help="Build and publish each waiting batch by itself.")
    ] = False,
    rebuild: Rebuild = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="The same as --rebuild without a name.")
    ] = False,
    all_tests: AllTests = False,
    replace_batch: Replace = None,
    allow_gap: AllowGap = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with a build that failed: failed models and what is downstream."
        ),
    ] = False,
    day: Annotated[
        list[str] | None,
        typer.Option(
            "--day",
            metavar="YYYY-MM-DD",
            help="Take what was delivered up to this day; one that is built is built again.",
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", help="Load this source only, due or not; what waits is built."),
    ] = None,
    no_sync: Annotated[
        bool, typer.Option("--no-sync", help="Load nothing; build what is loaded.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say what is due, what waits and what that reaches."),
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Where nothing is delivered yet, simulate a brokerage.")
    ] = False,
    wait: Wait = None,
    json: Json = False,
) -> None:
    """Take whatever waits: sync, build, test, publish."""
    from tradehouse.build import resume as resuming
    from tradehouse.cli import status as summary
    from tradehouse.loads import brokerage_sync
    from tradehouse.observe.status import collect
    from tradehouse.runs import pipeline, preview
    from tradehouse.terminal import output
    from tradehouse.terminal.progress import Steps

    if day and by_batch:
        raise UsageError(
            "--day builds a day and what later days derive from it; --by-batch publishes each "
            "waiting batch by itself. Give one of them."
        )
    if replace_batch and (no_sync or (source and brokerage_sync.SOURCE not in source)):
        raise UsageError(
            "--replace-batch loads a delivery of the brokerage again, which --no-sync and --source "
            "of another source leave out. Give one of them."
        )
    home = find_home()
    if resume:
        resuming.require_plain(
            {
                "--rebuild": bool(rebuild),
                "--full-refresh": full_refresh,
                "--all-tests": all_tests,
                "--replace-batch": bool(replace_batch),
                "--day": bool(day),
                "--source": bool(source),
                "--no-sync": no_sync,
            }
        )
    options = pipeline.Options(
        landing=landing,
        by_batch=by_batch,
        rebuild=["*"] if full_refresh else list(rebuild or []),
        all_tests=all_tests,
        replace_batches=list(replace_batch or []),
        allow_gap=allow_gap,
        wait_seconds=_wait_seconds(wait),
        resume=resume,
        days=list(day or []),
        sources=list(source or []),
        no_sync=no_sync,
        is_demo=demo,
    )
    if dry_run:
        found = preview.preview(home, options)
        output.print_json(found.as_dict()) if json else found.show()
        sys.exit(EXIT_OK)
    outcome = pipeline.run(home, options, Steps(quiet=json))
    facts = collect(home)
    facts["writing"] = None
    if json:
        came_of_it = {
            "is_idle": outcome.is_idle,
            "not_resumed": outcome.not_resumed,
            "exit_code": outcome.exit_code,
        }
        output.print_json({**facts, **came_of_it})
    elif outcome.is_idle:
        summary.show_idle(home, facts)
    else:
        print()
        summary.show(home, facts)
    sys.exit(outcome.exit_code)


def sync(
    source: Annotated[str, typer.Argument(help="Which source; see tradehouse sources list.")] = (
        "brokerage"
    ),
    landing: Landing = None,
    replace_batch: Replace = None,
    allow_gap: AllowGap = False,
    stream: Annotated[
        list[str] | None, typer.Option("--stream", help="Only this stream (other sources).")
    ] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Read from the start (other sources).")
    ] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Read anew and replace what is there (other sources).")
    ] = False,
    wait: Wait = None,
    json: Json = False,
) -> None:
    """Load what is new into raw, and nothing else."""
    from tradehouse.cli import sources
    from tradehouse.loads import brokerage_sync
    from tradehouse.observe.status import describe_fault
    from tradehouse.runs import pipeline, session
    from tradehouse.terminal import output
    from tradehouse.terminal.progress import Steps

    if source != brokerage_sync.SOURCE:
        sys.exit(
            sources.sync_source(
                find_home(),
                source,
                streams=list(stream or []),
                full_refresh=full_refresh,
                reset=reset,
                wait_seconds=_wait_seconds(wait),
                json=json,
            )
        )
    if stream or full_refresh or reset:
        raise UsageError(
            "The brokerage is loaded whole, batch by batch: --stream, --full-refresh and --reset "
            "are for other sources. To read a batch anew: --replace-batch N."
        )
    home, steps = find_home(), Steps(quiet=json)
    with session.writing(home, "sync", _wait_seconds(wait), steps=steps):
        place = brokerage_sync.ensure_landing(home, landing)
        with steps.step("sync") as step:
            record = brokerage_sync.sync(
                home,
                place,
                replace_batches=list(replace_batch or []),
                allow_gap=allow_gap,
                step=step,
            )
            step.finish(pipeline.describe_sync(record, step.seconds), record)
    if json:
        output.print_json(record.model_dump())
    for fault in record.errors:
        output.print_error(describe_fault(fault.model_dump()))
    sys.exit(EXIT_HELD if record.errors else EXIT_OK)


def build(
    rebuild: Rebuild = None, all_tests: AllTests = False, wait: Wait = None, json: Json = False
) -> None:
    """Build and test what is loaded, without publishing."""
    from tradehouse.build import execution
    from tradehouse.cli import status as summary
    from tradehouse.dbt.runner import DbtRunner
    from tradehouse.loads import polled
    from tradehouse.observe.status import collect
    from tradehouse.runs import pipeline, session
    from tradehouse.terminal import output
    from tradehouse.terminal.progress import Steps

    home, steps = find_home(), Steps(quiet=json)
    with session.writing(home, "build", _wait_seconds(wait), steps=steps):
        if not polled.is_loaded(home):
            raise TradehouseError(
                f"Nothing is loaded in {home.root} yet, so there is nothing to build. "
                "`tradehouse run` loads what was delivered, then builds."
            )
        runner = DbtRunner(home)
        plan = execution.make_plan(home, runner, rebuild=list(rebuild or []), all_tests=all_tests)
        if plan.reasons:
            pipeline.build_one(home, runner, plan, None, steps)
    facts = collect(home)
    facts["writing"] = None
    if json:
        output.print_json({**facts, "reasons": plan.reasons})
    elif plan.reasons:
        summary.show(home, facts)
    else:
        print("Nothing waits, and no code changed.")
    sys.exit(_exit_code_of(facts))


def publish(
    release_hold: Annotated[
        bool, typer.Option("--release-hold", help="End the hold that a rollback set, then publish.")
    ] = False,
    wait: Wait = None,
    json: Json = False,
) -> None:
    """Publish the last build, if its tests passed."""
    from tradehouse.build import execution
    from tradehouse.dbt.runner import DbtRunner
    from tradehouse.home import state
    from tradehouse.publish import publishing, releases
    from tradehouse.runs import pipeline, session
    from tradehouse.terminal import output
    from tradehouse.terminal.progress import Steps

    home, steps = find_home(), Steps(quiet=json)
    with session.writing(home, "publish", _wait_seconds(wait), steps=steps):
        record = execution.require_passed(home, state.last_build(home))
        publishing.ensure_graph(home, DbtRunner(home))
        if release_hold:
            releases.release_hold(home)
        with steps.step("publish") as step:
            publication = publishing.publish(home, record)
            step.finish(pipeline.describe_publication(publication), publication)
    if json:
        output.print_json(
            {
                "release": publication.release and publication.release.model_dump(),
                "held_since": publication.held_since,
            }
        )
    elif publication.is_published and publication.release:
        print(f"Published is release {publication.release.id}: {releases.current_database(home)}")
    else:
        print(
            f"Publishing is held since the rollback of {publication.held_since}. "
            "Let it go on: tradehouse publish --release-hold"
        )
    sys.exit(EXIT_OK if publication.is_published else EXIT_ERROR)


def docs(wait: Wait = None, json: Json = False) -> None:
    """Make the documentation site of the models, if the project changed since."""
    from tradehouse.dbt.runner import DbtRunner
    from tradehouse.publish import documentation
    from tradehouse.runs import session
    from tradehouse.terminal import output
    from tradehouse.terminal.progress import Steps

    home, steps = find_home(), Steps(quiet=json)
    documentation.require_data(home)
    is_outdated = documentation.are_outdated(home)
    if is_outdated:
        with (
            session.writing(home, "docs", _wait_seconds(wait), steps=steps),
            steps.step("docs") as step,
        ):
            step.finish(str(documentation.make(home, DbtRunner(home))))
    page = home.docs / documentation.PAGE
    if json:
        output.print_json({"path": str(page), "is_new": is_outdated})
    else:
        print(f"{page}" if is_outdated else f"{page} (the project did not change since)")


def demo_sources(
    force: Annotated[
        bool, typer.Option("--force", help="Write the partner's file anew, also where it is there.")
    ] = False,
) -> None:
    """Give a simulated brokerage two more sources: exchange rates and targets of branches.

    It installs two of Airbyte's connectors into the home, which takes some minutes: one reads the
    bank's REST API of exchange rates, which is served on loopback for the time of each sync, the
    other, which needs a Python before 3.12, a partner's CSV file, which is written into the home.
    Each source is then enabled in this home, and `tradehouse run` loads it with everything else.
    Done again it installs nothing anew, and leaves the file as it is. `tradehouse sources disable
    NAME` takes a source out again; its rows stay.
    """
    from tradehouse.loads import demo_sources as demo
    from tradehouse.terminal.progress import Steps

    home = find_home()
    made = demo.make_targets(home)
    width = max(map(len, demo.SOURCES))
    rates, targets = (name.ljust(width) for name in demo.SOURCES)
    folder = home.targets.parent
    print(demo.PLAN.format(home=home.root, rates=rates, targets=targets, folder=folder), flush=True)
    demo.set_up(home, Steps(), made, force=force)
    print("Both are enabled. Next: tradehouse run")


def simulate(context: typer.Context) -> None:
    """Write or extend a simulated brokerage's deliveries (--help names its options)."""
    from simulator.cli import simulate_command

    arguments = list(context.args)
    if not any(one == "--help" or one.startswith("--out") for one in arguments):
        arguments += ["--out", str(find_home().landing)]
    _delegate(simulate_command, arguments)


def profile(context: typer.Context) -> None:
    """Compare a simulated brokerage's profile with a reference (--help names its options)."""
    from simulator.cli import profile_command

    _delegate(profile_command, list(context.args))


def _delegate(command: Callable[..., None], arguments: list[str]) -> None:
    """Let one of the simulator's commands read the rest of the command line."""
    simulator = typer.Typer(
        rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False
    )
    simulator.command()(command)
    simulator(arguments, prog_name=f"tradehouse {command.__name__.removesuffix('_command')}")


def _wait_seconds(given: int | None) -> int:
    return whole_number_setting("TRADEHOUSE_WAIT_SECONDS", 0) if given is None else given


def _exit_code_of(facts: dict[str, Any]) -> int:
    from tradehouse.home.records import Outcome

    status = facts["build"]["status"]
    if status == Outcome.PASSED:
        return EXIT_HELD if facts["held"] else EXIT_OK
    return EXIT_TESTS_FAILED if status == Outcome.TESTS_FAILED else EXIT_ERROR
