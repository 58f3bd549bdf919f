"""The command line: each command's arguments; `tradehouse.terminal.exits` ends a command.

Commands are thin: the modules that they are named after do the work. Modules are imported when a
command needs them, so that `tradehouse status` answers at once.
"""

import itertools
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tradehouse import __version__
from tradehouse.cli import airbyte, alerts, commands, contracts, metrics, runs, sources, tokens
from tradehouse.errors import EXIT_ERROR, UsageError
from tradehouse.home.paths import find_home
from tradehouse.terminal import exits

EXIT_CODES = """
Exit codes: 0 done (or nothing to do); 1 an error; 2 wrong usage; 3 a batch was refused, is held or
waits, or a source was not loaded or its load is held, the rest is published; 4 a test failed,
nothing was published; 5 another process is writing; 6 the landing directory is another brokerage's.
"""

app = typer.Typer(
    name="tradehouse",
    help="The data platform of a retail brokerage: sync, build, test, publish.",
    epilog=EXIT_CODES.replace("\n", " ").strip(),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.callback(invoke_without_command=True)
def version(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Print the version when asked."""
    if show_version:
        print(f"tradehouse {__version__}")
        raise typer.Exit


@app.command()
def status(json: Json = False) -> None:
    """Show where things stand: sources, batches, rows, tests, release, who is writing."""
    from tradehouse.cli import status as summary
    from tradehouse.observe.status import collect
    from tradehouse.terminal import output

    home = find_home()
    facts = collect(home)
    if json:
        output.print_json(facts)
    else:
        summary.show(home, facts)


@app.command()
def quarantine(
    batch: Annotated[
        int | None, typer.Option(min=1, max=commands.LAST_BATCH, help="Rows of this batch only.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Rows of this source only.")] = None,
    stream: Annotated[str | None, typer.Option(help="Rows of this stream only.")] = None,
    reason: Annotated[str | None, typer.Option(help="Rows refused for this reason only.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1_000_000_000, help="How many rows to show.")
    ] = 50,
    json: Json = False,
) -> None:
    """List delivered rows that are in no typed table: where they stood, reason, text."""
    from tradehouse.build import quarantine
    from tradehouse.home import state
    from tradehouse.terminal import output

    home = find_home()
    snapshot = state.quarantine_path(home)
    rows = []
    if os.path.lexists(snapshot) or state.last_build(home).quarantine:
        rows = quarantine.read(
            snapshot, source=source, batch=batch, stream=stream, reason=reason, limit=limit
        )
    if json:
        output.print_json(rows)
        return
    if not rows:
        is_narrowed = any(one is not None for one in (source, batch, stream, reason))
        print(f"No {'such ' if is_narrowed else ''}row is in quarantine.")
        return
    ends = ["reason", "detail", "disposition", "raw_text"]
    delivered = [row for row in rows if row["source_file"] is not None]
    others = [row for row in rows if row["source_file"] is None]
    for of, keys in (
        (delivered, ["batch_id", "source_file", "source_line", *ends]),
        (others, ["source", "stream", "extracted_at", *ends]),
    ):
        if of:
            columns = [{"batch_id": "batch", "raw_text": "text"}.get(key, key) for key in keys]
            columns = [column.removeprefix("source_") for column in columns]
            output.print_table(columns, [[row[key] for key in keys] for row in of])
    if len(rows) == limit:
        shown = output.count(limit, "row")
        print(f"The first {shown}; --limit shows more, --source, --stream and --reason narrow.")


@app.command()
def path(json: Json = False) -> None:
    """Print the path of the published release's DuckDB file (schema gold)."""
    from tradehouse.publish import releases
    from tradehouse.terminal import output

    home = find_home()
    database = releases.current_database(home)
    if json:
        output.print_json({"path": str(database), "release": releases.find_current(home)})
    else:
        print(database)


@app.command(name="releases")
def list_releases(json: Json = False) -> None:
    """List the releases that are kept; readers follow the one marked current."""
    from tradehouse.publish import releases
    from tradehouse.terminal import output

    home = find_home()
    found = releases.list_releases(home)
    for damage in releases.find_damaged(home):
        output.print_error(damage)
    if fault := releases.find_fault(home):
        output.print_error(f"{fault} {releases.advice(home)}")
    if json:
        output.print_json([release.as_dict() for release in found])
        return
    if not found:
        print("No release yet. `tradehouse run` makes the first one.")
        return
    output.print_table(
        ["release", "made at (UTC)", "batches", "rows", "size", "tests passed", "current"],
        [
            [
                release.id,
                release.created_at,
                ", ".join(str(batch.batch) for batch in release.batches),
                sum(release.rows.values()),
                output.text_of_bytes(release.bytes),
                release.tests.passed,
                "<- current" if release.is_current else "",
            ]
            for release in found
        ],
    )


@app.command()
def doctor(json: Json = False) -> None:
    """Check versions, disk, locks, files, releases, leftovers; say what to do; change nothing."""
    from tradehouse.observe import doctor
    from tradehouse.terminal import output

    findings = doctor.examine(find_home())
    if json:
        output.print_json(findings)
    else:
        output.print_table(
            ["check", "result", "found", "what to do"],
            [[one["check"], one["result"], one["found"], one["advice"]] for one in findings],
        )
    if any(one["result"] == doctor.PROBLEM for one in findings):
        sys.exit(EXIT_ERROR)


@app.command()
def rollback(
    release: Annotated[
        str | None, typer.Argument(help="Release to go back to; default: the one before.")
    ] = None,
    json: Json = False,
) -> None:
    """Move the pointer back to an older release, and hold publishing until it is resumed."""
    from tradehouse.publish import releases
    from tradehouse.terminal import output

    home = find_home()
    release_id = releases.roll_back(home, release)
    if json:
        output.print_json({"release": release_id, "is_held": True})
        return
    print(f"Published is now release {release_id}: {releases.current_database(home)}")
    print("Nothing is published until you say so: tradehouse publish --release-hold")


commands.register(app)
app.add_typer(sources.app)
app.add_typer(contracts.app)
app.add_typer(alerts.app)
app.add_typer(runs.app)
app.add_typer(tokens.app)
app.add_typer(metrics.app)
app.add_typer(airbyte.app)


def main() -> None:
    """Run the command line; the process ends with a documented exit code."""
    exits.run(call)


def call() -> None:
    """Do what the command line's arguments say; errors are for `tradehouse.terminal.exits`."""
    from exposition import companions
    from tradehouse.terminal import output

    companions.register()
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(
            "The directory this was called from is gone. Change to one that is there (cd), then "
            "call it again."
        ) from error
    for argument in sys.argv[1:]:
        if not _is_text(argument):
            raise UsageError(f"{argument!r} is not UTF-8. Give it another name, then call it so.")
        if not argument:
            raise UsageError("An argument is empty. Is a variable of the shell not set?")
    output.forget_odd_sizes()
    app(_with_rebuild_of_everything(sys.argv[1:]), prog_name="tradehouse")


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _with_rebuild_of_everything(arguments: list[str]) -> list[str]:
    """Let `--rebuild` stand without a model's name, for all models."""
    completed = []
    for argument, following in itertools.zip_longest(arguments, arguments[1:], fillvalue="--"):
        completed.append(argument)
        if argument == "--rebuild" and following.startswith("-"):
            completed.append("*")
    return completed


if __name__ == "__main__":
    main()
