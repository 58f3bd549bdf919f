"""Rate and peak memory of the simulator at several scales, each in a process of its own.

    python -m benchmarks.simulator --scales 1 10 30 --days 3

Prints a Markdown table. The files are written below a temporary directory and removed; scale 30
needs about 3 GB.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from simulator.volumes import OFFICIAL, PROFILES


@dataclass(frozen=True)
class Run:
    """What one simulation took."""

    scale: float
    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    records: int
    megabytes: float


def measure(scale: float, days: int, workers: int, profile: str, parent: Path) -> Run:
    """Simulate in a child process and ask the system what it used."""
    out = parent / f"scale{scale:g}"
    program = (
        "import datetime; from simulator import simulate; "
        f"simulate({scale}, {days}, 1, datetime.date(2017, 7, 8), {str(out)!r}, workers={workers}, "
        f"profile={profile!r})"
    )
    started = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", program], dict(os.environ))
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"The simulation at scale {scale:g} failed with status {status}.")
    records = sum(json.loads((out / "simulation.json").read_text())["records"].values())
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    shutil.rmtree(out)
    return Run(
        scale,
        seconds,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        records,
        size / 1e6,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scales", nargs="+", type=float, default=[1, 10, 30])
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--profile", choices=PROFILES, default=OFFICIAL)
    arguments = parser.parse_args()
    print("| scale | records | MB | seconds | records/s | CPU seconds | peak memory, MB |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as parent:
        for scale in arguments.scales:
            run = measure(scale, arguments.days, arguments.workers, arguments.profile, Path(parent))
            print(
                f"| {run.scale:g} | {run.records:,} | {run.megabytes:,.0f} | {run.seconds:.1f} "
                f"| {run.records / run.seconds:,.0f} | {run.cpu_seconds:.1f} "
                f"| {run.peak_megabytes:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
