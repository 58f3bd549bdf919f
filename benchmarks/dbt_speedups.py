"""What each measure of `tradehouse.dbt.speedups` saves of a day, in CPU seconds.

    python -m benchmarks.dbt_speedups FOLDER --rounds 5

A simulated brokerage is loaded up to a day. Then the next day is taken again and again from the
same home, in turn with all measures, without each one, and with TRADEHOUSE_DBT_SPEEDUPS=off. Prints
the median of every way, and that of its differences from all measures, round by round.
"""

import argparse
import runpy
import shutil
import statistics
import sys
from pathlib import Path

from benchmarks.whole_job import measure
from simulator import simulate
from tradehouse.dbt import speedups
from tradehouse.home import files, state
from tradehouse.home.paths import Home
from tradehouse.loads.brokerage_sync import FIRST_DAY, SEED

SCALE, DAYS = 0.1, 2
ALL, OFF = "all", "off"


def take(home: Home, landing: Path, way: str) -> float:
    """Run once, in a process of its own; returns its CPU seconds."""
    command = [sys.executable, "-m", "benchmarks.dbt_speedups", f"--without={way}", "run"]
    settings = {"TRADEHOUSE_HOME": str(home.root), speedups.SETTING: OFF if way == OFF else "on"}
    return measure([*command, "--landing", str(landing)], settings)[0].cpu_seconds


def restore(home: Home, kept: Path) -> None:
    """Put back the home as it was before the day; it knows the copy of its warehouse."""
    shutil.rmtree(home.root, ignore_errors=True)
    shutil.copytree(kept, home.root, symlinks=True)
    record = state.read(home, "build")
    stamp = files.stamp_file(home.warehouse)
    state.write(home, "build", {**record, "warehouse": stamp})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dbt_speedups", description=__doc__)
    parser.add_argument("folder", type=Path, help="an empty place for homes")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    folder = given.folder.resolve()
    home, kept, landing = Home(folder / "home"), folder / "kept", folder / "landing"
    simulate(SCALE, DAYS, SEED, FIRST_DAY, landing, profile="official")
    take(home, landing, ALL)
    home.root.rename(kept)
    simulate(SCALE, DAYS + 1, SEED, FIRST_DAY, landing, profile="official")
    ways = [ALL, *speedups.MEASURES, OFF]
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(given.rounds):
        for way in ways if number % 2 == 0 else reversed(ways):
            restore(home, kept)
            seconds[way].append(take(home, landing, way))
        print("  ".join(f"{way} {seconds[way][-1]:.1f}" for way in ways), flush=True)
    for way in ways:
        saved = [one - with_all for one, with_all in zip(seconds[way], seconds[ALL], strict=True)]
        print(
            f"{way if way in (ALL, OFF) else f'without {way}':15} "
            f"{statistics.median(seconds[way]):6.1f} {statistics.median(saved):+6.1f}"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].startswith("--without="):
        speedups.MEASURES.pop(sys.argv.pop(1).partition("=")[2], None)
        runpy.run_module("tradehouse.cli.parser", run_name="__main__", alter_sys=True)
    else:
        main()
