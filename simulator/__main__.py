"""`python -m simulator`: the simulator's command alone."""

import typer

from simulator.cli import simulate_command

if __name__ == "__main__":
    typer.run(simulate_command)
