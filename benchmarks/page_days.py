"""What a day from the page costs, forked by the resident process and in a new process.

    python -m benchmarks.page_days FOLDER --pairs 5

A simulated brokerage is loaded up to a day, and `make ui` started on it. Then one day after the
other is materialized, in turn with the resident process and while that is stopped. Prints CPU
and wall seconds of each run, and the median of both ways. Linux only.
"""

import argparse
import datetime
import os
import re
import signal
import statistics
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.whole_job import run_platform
from simulator import simulate
from tests.orchestration import client
from tradehouse.home.paths import Home
from tradehouse.loads.brokerage_sync import FIRST_DAY, SEED

SCALE, DAYS = 0.1, 2
FORKED, NEW = "forked", "new process"
STARTED = re.compile(r"Started process for run \(pid: (\d+)\)")
TICKS = os.sysconf("SC_CLK_TCK")


def resident_of(home: Path) -> int:
    """Return the resident process, whose only argument is its directory in the home."""
    wanted = str(home / "dagster" / "resident")
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "cmdline").read_text().split("\0")[-2:-1] == [wanted]:
                return int(folder.name)
    raise SystemExit("There is no resident process.")


def seconds_of(process: int) -> float | None:
    """Return the CPU seconds of a process and its children that have ended; None without it."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else sum(map(int, fields[11:15])) / TICKS


def started(page: client.Page, run_id: str) -> int | None:
    """Return the process of a run, once it has said so."""
    for event in page.events(run_id):
        if found := STARTED.search(event.get("message") or ""):
            return int(found[1])
    return None


def take(page: client.Page, day: datetime.date) -> tuple[float, float]:
    """Materialize a day; returns the CPU and wall seconds of its process and those it started."""
    begun, used = time.monotonic(), 0.0
    run_id = page.launch(day.isoformat())
    process = page.wait("the run has a process", lambda: started(page, run_id))
    while (now := seconds_of(process)) is not None:
        used = now
        time.sleep(0.05)
    wall = time.monotonic() - begun
    if page.wait_for_end(run_id) != "SUCCESS":
        raise SystemExit(f"{day} failed; see {page.home / 'logs'}")
    return used, wall


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_days", description=__doc__)
    parser.add_argument("folder", type=Path, help="an empty place for a home")
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    home = Home(given.folder.resolve() / "home")
    last = DAYS + 2 * given.pairs
    simulate(SCALE, DAYS, SEED, FIRST_DAY, home.landing, profile="official")
    run_platform(home.landing, home.root)
    simulate(SCALE, last, SEED, FIRST_DAY, home.landing, profile="official")
    cpu: dict[str, list[float]] = {FORKED: [], NEW: []}
    page = client.start(home.root, "dev")
    try:
        ready = home.root / "dagster" / "resident" / "socket"
        page.wait("the resident process is ready", ready.exists, seconds=300)
        resident = resident_of(home.root)
        for number in range(2 * given.pairs):
            way = FORKED if number % 4 in (0, 3) else NEW
            os.kill(resident, signal.SIGCONT if way == FORKED else signal.SIGSTOP)
            used, wall = take(page, FIRST_DAY + datetime.timedelta(days=DAYS + number))
            cpu[way].append(used)
            print(f"{way:12} {used:5.1f} CPU s {wall:6.1f} s", flush=True)
    finally:
        client.stop(page)
    for way, seconds in cpu.items():
        print(f"{way:12} {statistics.median(seconds):5.1f} CPU s, median of {len(seconds)}")


if __name__ == "__main__":
    main()
