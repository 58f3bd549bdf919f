"""The commands for sources that an Airbyte server runs: `tradehouse airbyte plan` and `apply`.

`ingestion.server` does the work; the sync itself is `tradehouse sync SOURCE`.
"""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tradehouse.errors import EXIT_ERROR, EXIT_OK, TradehouseError, plain_errors
from tradehouse.home.paths import Home, find_home
from tradehouse.terminal.output import count

if TYPE_CHECKING:
    from ingestion.server.reconciliation import Change

app = typer.Typer(
    name="airbyte",
    help="Sources run by an Airbyte server: plan, apply.",
    no_args_is_help=True,
)

Sources = Annotated[
    list[str] | None,
    typer.Argument(help="Which sources; default: every one declared with runner: server."),
]
Adopt = Annotated[
    bool,
    typer.Option("--adopt", help="Take over what has our names and was not made from this home."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command()
def plan(sources: Sources = None, adopt: Adopt = False, json: Json = False) -> None:
    """Show how the server differs from the declarations; changes nothing."""
    changes = _compare(find_home(), sources, apply=False, adopt=adopt)
    _show(changes, json=json)
    sys.exit(EXIT_ERROR if _refused(changes) else EXIT_OK)


@app.command()
def apply(
    sources: Sources = None,
    adopt: Adopt = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")] = False,
    json: Json = False,
) -> None:
    """Show how the server differs, then make it like the declarations."""
    from tradehouse.home import locks

    home = find_home()
    with locks.writing(home):
        changes = _compare(home, sources, apply=False, adopt=adopt)
        _show(changes, json=json)
        if _refused(changes):
            sys.exit(EXIT_ERROR)
        if all(change.action == "none" for change in changes):
            return
        if sys.stdin.isatty() and not yes and not json:
            typer.confirm("Make these changes on the server?", abort=True)
        done = _compare(home, sources, apply=True, adopt=adopt)
    if not json:
        made = sum(change.action == "create" for change in done)
        updated = sum(change.action == "update" for change in done)
        print(f"Done: {made} created, {updated} updated. Next: tradehouse sync SOURCE")


def _compare(home: Home, sources: list[str] | None, *, apply: bool, adopt: bool) -> list["Change"]:
    from ingestion import declarations
    from ingestion.server import desired, settings
    from ingestion.server import reconciliation as planning

    with plain_errors():
        if sources:
            every = [declarations.read(name) for name in sources]
            embedded = [each.name for each in every if each.runner != "server"]
            if embedded:
                raise TradehouseError(
                    f"{', '.join(embedded)} is declared with runner: embedded: nothing of it "
                    f"stands on the server."
                )
        else:
            every = desired.server_sources()
        if not every:
            raise TradehouseError(
                "No source is declared with `runner: server`. See docs/airbyte-server.md."
            )
        server, secrets = settings.read_server()
        return planning.compare(
            server, secrets, every, home.root / "connectors", apply=apply, adopt=adopt
        )


def _refused(changes: list["Change"]) -> bool:
    return any(change.action == "refused" for change in changes)


def _show(changes: list["Change"], *, json: bool) -> None:
    from tradehouse.terminal import output

    if json:
        output.print_json([asdict(change) for change in changes])
        return
    if all(change.action == "none" for change in changes):
        print(f"The server is as declared: {count(len(changes), 'object')}, nothing to do.")
        return
    for change in changes:
        reason = f" ({change.reason})" if change.reason else ""
        print(f"{change.action:<8}{change.kind} {change.name}{reason}")
        width = max((len(each.path) for each in change.differences), default=0)
        for each in change.differences:
            before = f"{each.before} -> " if change.action != "create" else ""
            print(f"        {each.path:<{width}}  {before}{each.after}")
