"""The whole job beside bare SQL, in one run: the ratio that the platform is judged by.

Lives here: starting both as processes of their own, alternating, with wall time, CPU time and
peak memory of each, and the table of results. What bare SQL does is in `benchmarks/bare_sql`.

    python -m benchmarks.whole_job LANDING [--rounds 3] [--days-alone]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Measured:
    """One finished process: seconds, and the resident memory of its largest process in MB."""

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float
    phases: dict[str, float] = field(default_factory=dict)


def measure(command: list[str], environment: dict[str, str]) -> Measured:
    """Run a command to its end; its children count as well."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        if status:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{output.read().decode()}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def run_platform(landing: Path, home: Path, *options: str) -> Measured:
    """`tradehouse run` in a home, with the phases that it reports."""
    environment = {
        **os.environ,
        "TRADEHOUSE_HOME": str(home),
        "PYTHONPATH": str(PROJECT),
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "tradehouse.cli", "run", "--landing", str(landing), *options]
    measured = measure(command, environment)
    phases = {}
    for name in ("sync", "build"):
        state = home / "state" / f"{name}.json"
        if state.exists():
            phases[name] = float(json.loads(state.read_text()).get("seconds") or 0)
    return Measured(measured.wall_seconds, measured.cpu_seconds, measured.peak_megabytes, phases)


def run_bare_sql(landing: Path, folder: Path) -> Measured:
    """The same transformations as bare SQL in one DuckDB process, raw landing included."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.bare_sql.run",
        str(landing),
        "--database",
        str(folder / "bare.duckdb"),
    ]
    return measure(command, {**os.environ, "PYTHONPATH": str(PROJECT)})


def one_round(landing: Path, folder: Path) -> tuple[Measured, Measured]:
    """Bare SQL, then the platform in a new home."""
    for name in ("bare.duckdb", "home"):
        path = folder / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return run_bare_sql(landing, folder), run_platform(landing, folder / "home")


def daily_batches(landing: Path, folder: Path) -> list[Measured]:
    """The platform's cost of each batch when the batches come one by one."""
    arriving, home = folder / "arriving", folder / "daily"
    batches = sorted(landing.glob("Batch[0-9]*"), key=lambda path: path.name)
    batches = [path for path in batches if path.is_dir()]
    arriving.mkdir()
    for path in landing.iterdir():
        if path.is_file():
            (arriving / path.name).symlink_to(path)
    costs = []
    for batch in batches:
        (arriving / batch.name).symlink_to(batch)
        costs.append(run_platform(arriving, home))
    return costs


def median(values: list[float]) -> float:
    """The middle of several measurements."""
    return statistics.median(values)


def print_rounds(rounds: list[tuple[Measured, Measured]]) -> None:
    """The table of both programs and the ratio of their medians."""
    print("| | wall s | CPU s | peak MB |\n|---|---:|---:|---:|")
    medians = []
    for name, side in (("bare SQL", 0), ("whole job", 1)):
        runs = [pair[side] for pair in rounds]
        wall = median([run.wall_seconds for run in runs])
        cpu = median([run.cpu_seconds for run in runs])
        peak = max(run.peak_megabytes for run in runs)
        medians.append((wall, cpu))
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {peak:.0f} |")
    (bare_wall, bare_cpu), (job_wall, job_cpu) = medians
    print(f"| ratio | {job_wall / bare_wall:.2f} | {job_cpu / bare_cpu:.2f} | |")
    phases = rounds[-1][1].phases
    print("\nphases of the last round: " + ", ".join(f"{k} {v:.1f} s" for k, v in phases.items()))


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landing", type=Path, help="landing directory to load")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of bare SQL and whole job")
    parser.add_argument("--days-alone", action="store_true", help="also load batch after batch")
    arguments = parser.parse_args()
    landing = arguments.landing.resolve()
    with tempfile.TemporaryDirectory() as folder:
        rounds = [one_round(landing, Path(folder)) for _ in range(arguments.rounds)]
        print_rounds(rounds)
        if arguments.days_alone:
            print("\n| batch | wall s | CPU s | peak MB |\n|---:|---:|---:|---:|")
            for number, cost in enumerate(daily_batches(landing, Path(folder)), start=1):
                print(
                    f"| {number} | {cost.wall_seconds:.1f} | {cost.cpu_seconds:.1f} "
                    f"| {cost.peak_megabytes:.0f} |"
                )


if __name__ == "__main__":
    main()
