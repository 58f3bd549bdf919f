"""`python -m simulator`: the simulator's command alone."""

import typer

from simulator.cli import simulate_command

app = typer.Typer(add_completion=False)
app.command()(simulate_command)

if __name__ == "__main__":
    app()
