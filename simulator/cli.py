"""The simulator on the command line: `simulate` and `profile`.

Belongs here: options, their help and how results and errors are printed. The platform's command
line registers `simulate_command`; `python -m simulator` has both.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from simulator.plan import SimulationError
from simulator.profile import compare, markdown
from simulator.simulation import simulate
from simulator.steps import FAULT_LIST, FAULTS, read_list

_console = Console(stderr=False, highlight=False)
_errors = Console(stderr=True, highlight=False)


def simulate_command(
    scale: Annotated[float, typer.Option(help="Size of the brokerage: 0.1 small, 3 ordinary.")],
    out: Annotated[Path, typer.Option(help="Landing directory to write or to extend.")],
    days: Annotated[int, typer.Option(help="Daily batches after the historical one.")] = 3,
    seed: Annotated[int, typer.Option(help="Another seed is another brokerage.")] = 1,
    start: Annotated[
        datetime.datetime,
        typer.Option(formats=["%Y-%m-%d"], help="Day of the first daily batch."),
    ] = datetime.datetime(2017, 7, 8),
    newswire: Annotated[
        str,
        typer.Option(
            help="continuing: newswire and HR go on in daily batches; history: they stop."
        ),
    ] = "continuing",
    faults: Annotated[
        list[str] | None,
        typer.Option(
            help="Faults to put in, as numbered steps with faults.json: all, or names separated "
            f"by commas ({', '.join(FAULTS)})."
        ),
    ] = None,
) -> None:
    """Write the source files of a simulated brokerage."""
    names = [name.strip() for given in faults or [] for name in given.split(",")]
    try:
        written = simulate(scale, days, seed, start.date(), out, newswire=newswire, faults=names)
    except SimulationError as error:
        _errors.print(str(error), soft_wrap=True)
        raise typer.Exit(2) from None
    if names and written:
        steps = len(read_list(out)["steps"])
        _console.print(f"{steps} steps and {FAULT_LIST} written: {out}", soft_wrap=True)
    elif not written:
        _console.print(f"All batches are there already: {out}", soft_wrap=True)
    else:
        count = f"{len(written)} batch{'es' if len(written) > 1 else ''}"
        _console.print(f"{count} written (Batch{written[0]} to Batch{written[-1]}): {out}")


def profile_command(
    simulated: Annotated[Path, typer.Argument(help="Landing directory of a simulated brokerage.")],
    reference: Annotated[Path, typer.Argument(help="Landing directory of the same scale.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write the Markdown table to instead of printing.")
    ] = None,
) -> None:
    """Compare the profile of a simulated landing directory with a reference, as a table."""
    try:
        compared = compare(simulated, reference)
    except SimulationError as error:
        _errors.print(str(error), soft_wrap=True)
        raise typer.Exit(2) from None
    if out is None:
        typer.echo(markdown(compared))
    else:
        out.write_text(markdown(compared))
    off = [one for one in compared if not one.is_within]
    _errors.print(f"{len(compared)} figures, {len(off)} outside their tolerance")
    if off:
        raise typer.Exit(1)
