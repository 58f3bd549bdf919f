"""The commands for contracts: `tradehouse contracts list`, `generate` and `export`.

`ingestion.contracts` does the work.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tradehouse.errors import EXIT_ERROR, EXIT_OK, UsageError, plain_errors
from tradehouse.home.paths import PROJECT, find_home
from tradehouse.terminal.output import count

app = typer.Typer(
    name="contracts",
    help="What sources promise of their streams and columns: list, generate, export.",
    no_args_is_help=True,
)

Sources = Annotated[
    list[str] | None, typer.Argument(help="Which sources; default: all that have a contract.")
]


@app.command(name="list")
def list_contracts() -> None:
    """List the contracts: owner, streams, columns, and whether what is made of them is current."""
    from ingestion.contracts import generation, model
    from tradehouse.terminal import output

    rows = []
    with plain_errors():
        for name in model.names():
            contract = model.read(name)
            columns = sum(len(typed.columns) for _, _, typed in contract.typed())
            is_current = not generation.outdated(contract)
            rows.append([name, contract.owner, len(contract.streams), columns, is_current])
    output.print_table(["source", "owner", "streams", "columns", "current"], rows)
    _tell_strays()


@app.command()
def generate(
    sources: Sources = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 where something would.")
    ] = False,
) -> None:
    """Make of contracts what connector, loader and dbt need to know; commit the result."""
    from ingestion.contracts import generation, model

    _tell_strays()
    changed: list[Path] = []
    with plain_errors():
        for name in sources or model.names():
            contract = model.read(name)
            changed += generation.outdated(contract) if check else generation.write(contract)
        for path in () if sources else generation.without_contract(model.names()):
            changed.append(path)
            if not check:
                path.unlink()
    for path in changed:
        print(path.relative_to(PROJECT))
    if not changed:
        print("Everything is as the contracts make it.")
    elif check:
        files = count(len(changed), "file")
        print(f"{files} not as the contracts make them: tradehouse contracts generate")
    sys.exit(EXIT_ERROR if check and changed else EXIT_OK)


def _tell_strays() -> None:
    """Name what lies beside contracts and is none, so that nobody takes it for one."""
    from ingestion.contracts import model

    for path in model.strays():
        print(f"{path}: not a contract, which is called <source>.yml", file=sys.stderr)


@app.command()
def accept(
    source: Annotated[str, typer.Argument(help="The source whose newest load is held.")],
    wait: Annotated[int, typer.Option(help="Seconds to wait while another process writes.")] = 0,
) -> None:
    """Take a load that its contract holds: what breaks it goes to quarantine, the rest is built."""
    from ingestion.contracts import gate
    from tradehouse.runs import session

    home = find_home()
    with session.writing(home, "contracts accept", wait), plain_errors():
        reason = gate.accept(home.root, source)
    if reason is None:
        raise UsageError(f"No load of {source} is held: `tradehouse status` says what is.")
    print(f"Accepted although {reason}. Next: tradehouse run")


@app.command()
def export(
    source: Annotated[str, typer.Argument(help="Name of the contract: contracts/<name>.yml.")],
) -> None:
    """Print a contract as a document of the Open Data Contract Standard."""
    from ingestion.contracts import model, odcs

    with plain_errors():
        print(odcs.document(model.read(source)).to_yaml(), end="")
