"""How the tests of the run call it: in this process, or as the command line in one of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

from tests.landing import brokerage_files, write_landing
from tradehouse.home import PROJECT, Home
from tradehouse.progress import Steps
from tradehouse.run import Options, Outcome, run

BAD_ROW = b"20200101|only two"
FILES = brokerage_files(days=2)
BAD_LINE = FILES["Batch1/Date.txt"].count(b"\n") + 1
FILES["Batch1/Date.txt"] += BAD_ROW + b"\r\n"
FOLDERS = ("connectors", "ingestion", "macros", "models", "seeds", "simulator", "tradehouse")
PROJECT_FILES = ("dbt_project.yml", "profiles.yml", "requirements.lock")


def take(home: Path, landing: Path | None = None, **options: Any) -> Outcome:
    """Run in this process; the home must be the one TRADEHOUSE_HOME names."""
    assert os.environ["TRADEHOUSE_HOME"] == str(home)
    return run(Home(home), Options(landing=landing, **options), Steps(quiet=True))


def command(
    home: Path, *arguments: str, project: Path = PROJECT, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Call the command line of a project in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tradehouse.cli", *arguments],
        cwd=project,
        env={**os.environ, "TRADEHOUSE_HOME": str(home), "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
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
