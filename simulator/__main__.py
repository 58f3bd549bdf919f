"""`python -m simulator`: the simulator's commands alone."""

import typer

from simulator.cli import profile_command, simulate_command

app = typer.Typer(add_completion=False)
app.command("simulate")(simulate_command)
app.command("profile")(profile_command)

if __name__ == "__main__":
    app()
