"""Two more sources for a home with a simulated brokerage: its bank's rates, a partner's targets.

`simulator.bank` and `simulator.partner` make what they deliver; their declarations in
`ingestion/sources` say how they are loaded, as for any other source.
"""

from tradehouse.errors import TradehouseError, UsageError, plain_errors
from tradehouse.home import files, switches
from tradehouse.home.paths import Home
from tradehouse.loads import brokerage, freshness
from tradehouse.terminal.progress import Steps

RATES, TARGETS = "exchange_rates", "branch_targets"
SOURCES = (RATES, TARGETS)
PLAN = """\
Two more sources for the simulated brokerage of {home}:
  {rates}  its bank's exchange rates, a REST API served on loopback for the time of each sync
  {targets}  a partner's targets of branches, a CSV file in {folder}
Their connectors are installed into the home from the package registry, which takes some minutes the
first time, and asked whether they reach their sources; then both are enabled in this home."""


def is_offered(home: Home) -> bool:
    """Whether the sources are there for this home, and not both on."""
    on = {one.name: one.enabled for one in freshness.read(home)}
    return all(name in on for name in SOURCES) and not all(on[name] for name in SOURCES)


def set_up(home: Home, steps: Steps, targets: str, *, force: bool) -> None:
    """Write the partner's file, install both connectors, enable each source that is reached.

    Done again it changes nothing; with `force` the file is written anew.

    Args:
        home: the home.
        steps: shows the progress.
        targets: the file's content, as `make_targets` gives it.
        force: whether a file that is there is written anew.

    Raises:
        TradehouseError: when a connector cannot be installed or does not reach its source.
    """
    from ingestion import inventory

    home.prepare()
    with steps.step("targets") as step:
        is_kept = home.targets.exists() and not force
        if not is_kept:
            files.write_bytes(home.targets, targets.encode())
        step.finish(f"{'there already: ' if is_kept else ''}{home.targets}")
    for name in SOURCES:
        with steps.step(f"check {name}") as step, plain_errors():
            reached, message = inventory.check(name, home.root)
            if not reached:
                raise TradehouseError(f"{name} was not reached: {message}")
            step.finish("installed and reached")
        switches.turn(home.state, name, on=True)


def make_targets(home: Home) -> str:
    """Return the partner's file for the simulated brokerage of a home.

    Raises:
        UsageError: when the home has none.
    """
    from simulator import partner
    from simulator.volumes import SimulationError

    landing = brokerage.known_landing(home)
    if landing not in (None, home.landing):
        raise UsageError(
            f"The brokerage of {home.root} delivers into {landing}; these two sources belong to a "
            "simulated one. Use a home of its own: TRADEHOUSE_HOME=<another directory>."
        )
    try:
        return partner.targets(home.landing)
    except SimulationError as error:
        raise UsageError(str(error)) from error
