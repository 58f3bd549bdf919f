"""Runs on a disk that becomes full: `python -m benchmarks.full_disk --rounds 40`, as root.

Each round copies a published home with a further day delivered onto a file system in memory that
has room for a random part of what the day needs, runs, and looks: a sentence and no traceback, exit
code 1, the published release whole; then it makes room and runs again, which has to publish the
day. Not here: kills (`tests/tradehouse/test_kills.py`).
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tests.tradehouse.support import command, deliver, published_batches

ENOUGH = 400_000_000
NEEDED = 60_000_000
DAYS = [(1, 1), (2, 1), (3, 1)]


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """Mount a file system in memory for the time of a block."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ENOUGH}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def resize(folder: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


def play(base: Path, folder: Path, room: int) -> list[str]:
    """Run once with `room` bytes left; return what was wrong, and print what was said."""
    home = folder / "home"
    with disk(folder):
        shutil.copytree(base, home, symlinks=True)
        resize(folder, shutil.disk_usage(folder).used + room)
        run = command(home, "run", "--landing", str(home / "landing"))
        last = (run.stderr + run.stdout).strip().splitlines()
        wrong = ["a traceback"] if "Traceback" in run.stderr + run.stdout else []
        wrong += [f"exit code {run.returncode}"] if run.returncode not in (0, 1) else []
        said = [line for line in last if "room" in line or "No space" in line]
        if run.returncode == 1 and not any("ake room" in line for line in last):
            wrong.append("no word on what to do")
        batches = published_batches(home)
        with duckdb.connect(home / "releases/current/tradehouse.duckdb", read_only=True) as file:
            file.execute("select count(*) from gold.dim_date").fetchall()
        resize(folder, ENOUGH)
        again = command(home, "run")
        if again.returncode != 0 or published_batches(home) != DAYS:
            wrong.append(f"afterwards {again.returncode}: {(again.stderr + again.stdout)[-600:]}")
    done = "the day" if batches == DAYS else "the day before"
    print(json.dumps({"room": room, "code": run.returncode, "published": done, "wrong": wrong}))
    print("   ", (said or last or ["nothing was said"])[-1][:300], flush=True)
    if wrong:
        print(run.stdout[-1500:], run.stderr[-3000:], flush=True)
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--base", type=Path, help="a home that is kept for the next call")
    parser.add_argument("--room", type=int, nargs="*", help="these bytes instead of random ones")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        base = options.base or Path(name) / "base"
        if not (base / "releases" / "current").exists():
            deliver(base, days=1)
            assert command(base, "run").returncode == 0
        deliver(base, days=2)
        # Most writes are small ones at the beginning and large ones at the end.
        rooms = options.room or [int(NEEDED * chance.random() ** 2) for _ in range(options.rounds)]
        wrong = [play(base, Path(name) / "disk", room) for room in rooms]
    print(f"{len(rooms)} rounds, seed {options.seed}: {sum(map(bool, wrong))} with findings")
    sys.exit(any(wrong))


if __name__ == "__main__":
    main()
