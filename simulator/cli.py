"""The simulator on the command line: `simulate` and `profile`.

Belongs here: options, their help and how results and errors are printed. `tradehouse simulate` and
`tradehouse profile` are these commands; `python -m simulator` has both without the platform.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from simulator.profile import compare, markdown
from simulator.simulation import simulate
from simulator.steps import FAULT_LIST, FAULTS, read_list
from simulator.volumes import DEFAULT_PROFILE, SimulationError, WriteError

_console = Console(stderr=False, highlight=False, markup=False)
_errors = Console(stderr=True, highlight=False, markup=False)


def simulate_command(
    scale: Annotated[float, typer.Option(help="Size of the brokerage: 0.1 small, 3 ordinary.")],
    out: Annotated[
        Path,
        typer.Option(
            help="Landing directory to write or to extend.",
            show_default="landing; tradehouse simulate: landing in the home",
        ),
    ] = Path("landing"),
    days: Annotated[
        int,
        typer.Option(
            help="Daily batches after the historical one, in all: a second call with more days "
            "writes what is missing."
        ),
    ] = 3,
    seed: Annotated[int, typer.Option(help="Another seed is another brokerage.")] = 1,
    start: Annotated[
        datetime.datetime,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Day of the first daily batch; the historical one is the day before.",
            show_default="2017-07-08",
        ),
    ] = datetime.datetime(2017, 7, 8),
    newswire: Annotated[
        str,
        typer.Option(
            help="continuing: newswire and HR go on in daily batches; history: both are in the "
            "historical batch only."
        ),
    ] = "continuing",
    profile: Annotated[
        str,
        typer.Option(
            help="plausible: names, prices and seasons as a reader expects them; official: the "
            "distributions that `profile` compares with a reference."
        ),
    ] = DEFAULT_PROFILE,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            help="Faults to put in, as numbered steps with faults.json: all, or names separated "
            f"by commas ({', '.join(FAULTS)})."
        ),
    ] = None,
) -> None:
    """Write the source files of a simulated brokerage: a historical batch and daily ones.

    The same options give the same bytes. A batch appears whole or not at all, and one that is there
    stays as it is. Exit codes: 0 done; 1 the disk is full or cannot be written; 2 a wrong request.
    """
    names = [name.strip() for given in faults or [] for name in given.split(",")]
    try:
        written = simulate(
            scale, days, seed, start.date(), out, newswire=newswire, profile=profile, faults=names
        )
    except SimulationError as error:
        _errors.print(str(error), soft_wrap=True)
        raise typer.Exit(1 if isinstance(error, WriteError) else 2) from None
    if names and written:
        steps = len(read_list(out)["steps"])
        _console.print(f"{steps} steps and {FAULT_LIST} written: {out}", soft_wrap=True)
    elif not written:
        _console.print(f"All batches are there already: {out}", soft_wrap=True)
    else:
        count = f"{len(written)} batch{'es' if len(written) > 1 else ''}"
        _console.print(f"{count} written (Batch{written[0]} to Batch{written[-1]}): {out}")


def profile_command(
    simulated: Annotated[
        Path,
        typer.Argument(
            help="Landing directory of a simulated brokerage, of scale 3 unless "
            "a reference is named; batches 1 and 2 are compared."
        ),
    ],
    reference: Annotated[
        Path | None,
        typer.Argument(
            help="Landing directory of the same scale to compare with.",
            show_default="the stated figures of a brokerage of scale 3",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write the Markdown table to instead of printing.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare a simulated brokerage with a reference: row counts, shares, rates, empty values.

    Prints a Markdown table of some 150 figures, each with the tolerance it is held to. Exit codes:
    0 every figure is within its tolerance; 1 at least one is not; 2 nothing could be compared.
    """  # fmt: skip
    try:
        compared = compare(simulated, reference)
        if out is not None:
            out.write_text(markdown(compared))
    except SimulationError as error:
        _errors.print(str(error), soft_wrap=True)
        raise typer.Exit(2) from None
    except OSError as error:
        _errors.print(f"{out} cannot be written ({error.strerror}); name another file.")
        raise typer.Exit(2) from None
    if json_:
        typer.echo(json.dumps([one.as_dict() for one in compared], indent=1))
    elif out is None:
        typer.echo(markdown(compared))
    off = [one for one in compared if not one.is_within]
    _errors.print(f"{len(compared)} figures, {len(off)} outside their tolerance")
    for one in off:
        _errors.print(f"  {one.measure.name}: {one.difference:+.2f}, tolerance "
                      f"{one.measure.tolerance:g}", soft_wrap=True)  # fmt: skip
    if off:
        raise typer.Exit(1)
