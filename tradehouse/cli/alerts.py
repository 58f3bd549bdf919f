"""The commands for alerts: `tradehouse alerts list`, `check` and `test`.

`tradehouse.observe.alerts` decides what is a problem and who is notified.
"""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from tradehouse.errors import EXIT_ERROR, EXIT_OK, UsageError
from tradehouse.home.paths import Home, find_home

app = typer.Typer(
    name="alerts",
    help="What is wrong and who was told: list, check, test.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command(name="list")
def list_alerts(json: Json = False) -> None:
    """List the open alerts: what broke, since when, whose it is, what is affected."""
    from tradehouse.observe import alerts
    from tradehouse.terminal import output

    entries = alerts.list_open(find_home())
    if json:
        output.print_json([entry.model_dump() for entry in entries])
        return
    if not entries:
        print("No alert is open.")
        return
    output.print_table(
        ["since", "what", "owner", "told", "models affected", "exposures"],
        [
            [
                entry.since,
                entry.title,
                entry.owner,
                entry.is_told,
                len(entry.models),
                ", ".join(entry.exposures),
            ]
            for entry in entries
        ],
    )
    for entry in entries:
        print(f"\n{entry.title}\n  {entry.what}")
        for command in entry.look:
            print(f"  look: {command}")


@app.command()
def check(json: Json = False) -> None:
    """Check now, and report new and resolved problems: for a timer, where Dagster does not run."""
    from tradehouse.observe import alerts
    from tradehouse.terminal import output

    home = find_home()
    told = alerts.report(home)
    if json:
        output.print_json([asdict(message) for message in told])
        return
    for message in told:
        print(message)
    if not told:
        print(f"Nothing new. Open alerts: {len(alerts.list_open(home))}.")


@app.command(name="test")
def try_channels(
    owner: Annotated[
        str | None, typer.Argument(help="Whose channels; default: those of every owner.")
    ] = None,
    json: Json = False,
) -> None:
    """Send a message to the channels of an owner and say which of them took it."""
    from tradehouse.observe.alerts import channels
    from tradehouse.terminal import output

    home = find_home()
    rows = []
    for name in [owner] if owner else find_owners(home):
        variable, _ = channels.find_urls(name)
        title = f"[Tradehouse] a test message for {name}"
        body = f"Alerts for {name} arrive here ({variable}). Nothing is wrong.\nHome: {home.root}"
        sent = channels.send(name, title, body, is_good=True)
        rows += [[name, variable, one.service, one.error or "sent"] for one in sent]
        if not sent:
            rows.append([name, channels.variable_of(name), "", "no channel is configured"])
    if json:
        keys = ("owner", "variable", "channel", "result")
        output.print_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        output.print_table(["owner", "variable", "channel", "result"], rows)
    if not any(row[3] == "sent" for row in rows) and not json:
        print(
            f"Nothing was sent. Set {channels.VARIABLE} in the environment or .env: docs/alerts.md"
        )
    is_good = rows and all(row[3] in ("sent", "no channel is configured") for row in rows)
    sys.exit(EXIT_OK if is_good and any(row[3] == "sent" for row in rows) else EXIT_ERROR)


def find_owners(home: Home) -> list[str]:
    """Return whoever owns a source, a model or the platform itself.

    Raises:
        UsageError: when a declaration of a source cannot be read.
    """
    from ingestion import declarations
    from ingestion.errors import DeclarationError
    from tradehouse.dbt import graph
    from tradehouse.observe.alerts.problem import PLATFORM

    try:
        owners = {PLATFORM, *(source.owner for source in declarations.read_all())}
    except DeclarationError as error:
        raise UsageError(str(error)) from error
    nodes = graph.read(home).values()
    return sorted(owners | {one.owner for one in nodes if one.owner} - _readers(home))


def _readers(home: Home) -> set[str]:
    """Owners of exposures alone: they are named in alerts and do not get them."""
    from tradehouse.dbt import graph

    nodes = graph.read(home).values()
    own = {one.owner for one in nodes if one.kind != "exposure"}
    return {one.owner for one in nodes if one.kind == "exposure" and one.owner} - own
