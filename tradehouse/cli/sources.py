"""The commands for sources: `tradehouse sources ...`, and `tradehouse sync` of any other source.

`ingestion` does the work; the brokerage's own sync is in `tradehouse.loads.brokerage_sync`.
"""

import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradehouse.errors import EXIT_ERROR, EXIT_OK, UsageError, plain_errors
from tradehouse.home.paths import PROJECT, Home, find_home
from tradehouse.loads import polled

if TYPE_CHECKING:
    from ingestion.inventory import SourceSummary

app = typer.Typer(
    name="sources",
    help="The declared sources: list, check, discover, add, scaffold, enable, disable, reset.",
    no_args_is_help=True,
)

BROKERAGE = "brokerage"
Name = Annotated[str, typer.Argument(help="Name of the source: ingestion/sources/<name>.yml.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def _known_home(name: str) -> Home:
    """The home, whose own landing directory the brokerage's connector is to be asked about."""
    from tradehouse.loads import brokerage

    home = find_home()
    landing = brokerage.find_landing(home, None) if name == BROKERAGE else None
    if landing is not None:
        os.environ.setdefault("TRADEHOUSE_LANDING", str(landing))
    return home


@app.command(name="list")
def list_sources(json: Json = False) -> None:
    """List the declared sources: owner, connector, promise, last success."""
    from ingestion import inventory
    from tradehouse.terminal import output

    with plain_errors():
        sources, faults = inventory.list_sources(find_home().root), inventory.list_faults()
    if json:
        output.print_json([asdict(source) for source in sources])
    else:
        _print_sources(sources)
    if faults:
        raise UsageError("\n".join(faults))


def _print_sources(sources: "list[SourceSummary]") -> None:
    from tradehouse.terminal import output

    output.print_table(
        ["source", "enabled", "owner", "connector", "promised", "last success", "late"],
        [
            [
                source.name,
                source.enabled,
                source.owner,
                source.connector,
                source.freshness,
                source.succeeded_at and source.succeeded_at.isoformat(" ", "seconds"),
                source.is_late,
            ]
            for source in sources
        ],
    )


@app.command()
def check(name: Name) -> None:
    """Ask the connector whether it reaches its source."""
    from ingestion import inventory

    with plain_errors():
        reached, message = inventory.check(name, _known_home(name).root)
    print(f"{name}: {'reached' if reached else 'not reached'}{message and ': ' + message}")
    sys.exit(EXIT_OK if reached else EXIT_ERROR)


@app.command()
def discover(name: Name, json: Json = False) -> None:
    """Show the streams the connector offers and the tables they are loaded into."""
    from ingestion import inventory
    from tradehouse.terminal import output

    with plain_errors():
        streams = inventory.discover(name, _known_home(name).root)
    if json:
        output.print_json([asdict(stream) for stream in streams])
        return
    output.print_table(
        ["stream", "table", "sync mode", "key", "cursor", "columns"],
        [
            [
                stream.name,
                stream.table,
                stream.sync_mode,
                ", ".join(".".join(path) for path in stream.key),
                ".".join(stream.cursor),
                ", ".join(f"{name} {kind}" for name, kind in stream.columns.items()),
            ]
            for stream in streams
        ],
    )


@app.command()
def add(
    name: Name,
    owner: Annotated[str, typer.Option(help="Who answers for the source.")],
    package: Annotated[
        str | None, typer.Option(metavar="NAME==VERSION", help="Connector of the registry.")
    ] = None,
    python: Annotated[
        str | None, typer.Option(help="Python the package wants, such as '>=3.10,<3.13'.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Declarative low-code manifest (YAML).")
    ] = None,
    command: Annotated[str | None, typer.Option(help="Any command line.")] = None,
) -> None:
    """Write a declaration from what the connector's specification wants."""
    from ingestion import inventory

    given = [each for each in (package, manifest, command) if each is not None]
    if len(given) != 1:
        raise UsageError("Give exactly one of --package, --manifest and --command.")
    connector: dict[str, Any]
    if package is not None:
        distribution, _, version = package.partition("==")
        if not version:
            raise UsageError(f"--package wants NAME==VERSION, not {package!r}.")
        connector = {"package": distribution, "version": version}
        if python:
            connector["python"] = python
    elif manifest is not None:
        connector = {"manifest": str(manifest.resolve())}
    else:
        connector = {"command": shlex.split(command or "")}
    with plain_errors():
        path = inventory.add(name, connector, find_home().root, owner=owner)
    print(f"Written: {path}")
    print(f"Fill in its config, then: tradehouse sources check {name}")


@app.command()
def scaffold(name: Name) -> None:
    """Write a contract from what the connector offers; of it: dbt source, bronze models, tests."""
    from ingestion import declarations, inventory
    from ingestion.scaffold import scaffold as write

    with plain_errors():
        declaration = declarations.read(name)
        tables = inventory.project_tables(declaration, _known_home(name).root)
        written = write(declaration, tables, PROJECT)
    for path in written:
        print(path.relative_to(PROJECT))
    print(
        f"Next: say in contracts/{name}.yml what you rely on, then tradehouse contracts generate "
        f"{name}, tradehouse sync {name}, dbt build --select path:models/bronze/{name}"
    )


@app.command()
def enable(name: Name) -> None:
    """Load a source in this home from the next run on, whatever its declaration says."""
    _switch(name, on=True)
    print(f"{name} is enabled in {find_home().root}. Next: tradehouse run")


@app.command()
def disable(name: Name) -> None:
    """Load a source in this home no more; its rows stay."""
    _switch(name, on=False)
    print(f"{name} is disabled in {find_home().root}; what was loaded stays.")


def _switch(name: str, *, on: bool) -> None:
    from ingestion import declarations
    from tradehouse.home import switches

    home = find_home()
    with plain_errors():
        declarations.read(name)
    home.prepare()
    switches.turn(home.state, name, on=on)


@app.command()
def reset(
    name: Name,
    stream: Annotated[list[str] | None, typer.Option("--stream", help="Only this stream.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it, instead of only saying what goes.")
    ] = False,
    wait: Annotated[int, typer.Option(help="Seconds to wait while another process writes.")] = 0,
    json: Json = False,
) -> None:
    """Read a source anew, in place of what is there; says what would go unless --yes is given."""
    from ingestion import declarations
    from tradehouse.home import raw_queries
    from tradehouse.terminal import output

    home, streams = find_home(), list(stream or [])
    if name == BROKERAGE:
        raise UsageError(
            "The brokerage is loaded batch by batch; to read one anew: tradehouse run "
            "--replace-batch N."
        )
    with plain_errors():
        declarations.read(name)
    if yes:
        sys.exit(
            sync_source(
                home,
                name,
                streams=streams,
                full_refresh=False,
                reset=True,
                wait_seconds=wait,
                json=json,
            )
        )
    found = raw_queries.count(home, name)
    unknown = sorted(set(streams) - {one["stream"] for one in found}) if found else []
    if unknown:
        raise UsageError(f"{name} has no loaded stream {unknown[0]}.")
    found = [one for one in found if not streams or one["stream"] in streams]
    if json:
        output.print_json(found)
        return
    output.print_table(
        ["stream", "table", "rows", "loads"],
        [[one["stream"], one["table"], one["rows"], one["loads"]] for one in found],
    )
    named = [word for one in streams for word in ("--stream", one)]
    print(
        "These rows go when the new ones are complete; until then they stay. This was a dry run: "
        f"{shlex.join(['tradehouse', 'sources', 'reset', name, *named, '--yes'])}"
    )


def sync_source(
    home: Home,
    name: str,
    *,
    streams: list[str],
    full_refresh: bool,
    reset: bool,
    wait_seconds: int,
    json: bool,
) -> int:
    """Load a source that is not the brokerage; returns the exit code."""
    from tradehouse.runs import session
    from tradehouse.terminal import output
    from tradehouse.terminal.progress import Steps

    steps = Steps(quiet=json)
    with (
        session.writing(home, "sync", wait_seconds, steps=steps),
        steps.step(f"sync {name}") as step,
    ):
        result = polled.load(
            home, name, step, streams=streams, full_refresh=full_refresh, reset=reset
        )
    if json:
        output.print_json(asdict(result) | {"records": result.records, "bytes": result.bytes})
    else:
        for warning in result.warnings:
            print(f"warning: {warning}", file=sys.stderr)
    for error in result.errors:
        output.print_error(error.message)
    return EXIT_OK if result.status == "succeeded" else EXIT_ERROR
