"""How the tests of the run call it: in this process, or as the command line in one of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from tests import processes
from tests.landing import brokerage_files, write_landing
from tradehouse.home import files, state
from tradehouse.home.paths import PROJECT, Home
from tradehouse.runs.pipeline import Options, Outcome, run
from tradehouse.terminal.progress import Steps

BAD_ROW = b"20200101|only two"
FILES = brokerage_files(days=2)
BAD_LINE = FILES["Batch1/Date.txt"].count(b"\n") + 1
FILES["Batch1/Date.txt"] += BAD_ROW + b"\r\n"
FOLDERS = (
    "contracts",
    "connectors",
    "ingestion",
    "macros",
    "models",
    "seeds",
    "simulator",
    "tradehouse",
)
LOOK_EVERY_SECONDS = 0.002
Moment = Callable[[Path], bool]
PROJECT_FILES = ("dbt_project.yml", "profiles.yml", "requirements.lock")


def take(home: Path, landing: Path | None = None, **options: Any) -> Outcome:
    """Run in this process; the home must be the one TRADEHOUSE_HOME names."""
    assert os.environ["TRADEHOUSE_HOME"] == str(home)
    return run(Home(home), Options(landing=landing, **options), Steps(quiet=True))


def command(
    home: Path, *arguments: str, project: Path = PROJECT, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Call the command line of a project in a process of its own."""
    return processes.run(
        ["-m", "tradehouse.cli.parser", *arguments],
        cwd=project,
        env={**os.environ, "TRADEHOUSE_HOME": str(home), "PYTHONPATH": str(project)},
        timeout=timeout,
    )


def copy_project(target: Path) -> Path:
    """Copy what a run needs, so that a test may change models, seeds and tests."""
    for folder in FOLDERS:
        shutil.copytree(
            PROJECT / folder, target / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copytree(PROJECT / "tests" / "data", target / "tests" / "data")
    for name in PROJECT_FILES:
        shutil.copy2(PROJECT / name, target / name)
    return target


def copy_home(source: Path, home: Path) -> Path:
    """Copy a home with its landing directory and its warehouse, which the copy knows as its own."""
    shutil.copytree(source, home, symlinks=True)
    brokerage = state.read(Home(home), "brokerage")
    state.write(Home(home), "brokerage", {**brokerage, "landing": str(home / "landing")})
    build = state.read(Home(home), "build")
    stamp = files.stamp_file(Home(home).warehouse)
    state.write(Home(home), "build", {**build, "warehouse": stamp})
    return home


def deliver(home: Path, days: int, changes: dict[str, bytes | None] | None = None) -> None:
    """Let the home's landing directory hold `days` days of FILES; None leaves a file out."""
    batches = tuple(f"Batch{number}" for number in range(1, days + 2))
    delivered = {name: content for name, content in FILES.items() if name.startswith(batches)}
    files: dict[str, bytes | None] = {**delivered, **(changes or {})}
    landing = home / "landing"
    for name, content in files.items():
        path = landing / name
        if content is None:
            path.unlink(missing_ok=True)
        elif not path.exists() or path.read_bytes() != content:
            write_landing(landing, {name: content})


def gold(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask the published release."""
    with duckdb.connect(home / "releases/current/tradehouse.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def raw(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask raw."""
    with duckdb.connect(home / "raw.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def published_batches(home: Path) -> list[tuple[int, int]]:
    """Return batch and delivery of what the published release holds."""
    manifest = json.loads((home / "releases/current/release.json").read_text())
    return [(batch["batch"], batch["delivery"]) for batch in manifest["batches"]]


def exists(pattern: str) -> Moment:
    """As soon as something of that name is in the home."""
    return lambda home: any(home.glob(pattern))


def part(share: float) -> Moment:
    """As soon as dbt has begun that share of its nodes."""

    def is_reached(home: Path) -> bool:
        log = home / "logs" / "dbt.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        begun = re.findall(r" (\d+) of (\d+) START ", text)
        return bool(begun) and int(begun[-1][0]) >= share * int(begun[-1][1])

    return is_reached


def kill_at(home: Path, is_reached: Moment, *arguments: str) -> None:
    """Start a run and kill it with all its children at a moment; fails when it ends before."""
    (home / "logs" / "dbt.log").unlink(missing_ok=True)
    with Path(os.devnull).open("w") as nothing:
        process = processes.Process(
            ["-m", "tradehouse.cli.parser", "run", *arguments],
            cwd=PROJECT,
            env={**os.environ, "TRADEHOUSE_HOME": str(home), "PYTHONPATH": str(PROJECT)},
            stdout=nothing.fileno(),
            stderr=nothing.fileno(),
            new_session=True,
        )
    while process.poll() is None and not is_reached(home):
        time.sleep(LOOK_EVERY_SECONDS)
    ended = process.poll()
    os.killpg(process.pid, signal.SIGKILL) if ended is None else None
    process.wait()
    assert ended is None, "the run had ended before the moment came"
