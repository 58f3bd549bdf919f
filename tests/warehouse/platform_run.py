"""Runs of the whole platform for tests: a command in a process of its own, in a home of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests import processes

PROJECT = Path(__file__).resolve().parents[2]
TIME_LIMIT_SECONDS = 600


def tradehouse(
    home: Path, *arguments: str | Path, exit_code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `tradehouse` with a home, and check how it ended; gives its output."""
    environment = {
        **os.environ,
        "TRADEHOUSE_HOME": str(home),
        "PYTHONPATH": str(PROJECT),
        "DO_NOT_TRACK": "1",
    }
    done = processes.run(
        ["-m", "tradehouse.cli.parser", *arguments],
        cwd=PROJECT,
        env=environment,
        timeout=TIME_LIMIT_SECONDS,
    )
    assert done.returncode == exit_code, (
        f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    )
    return done


def release(home: Path) -> Path:
    """The file of the home's current release."""
    return home / "releases" / "current" / "tradehouse.duckdb"
