"""Runs of the whole platform for tests: a command in a process of its own, in a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
    done = subprocess.run(
        [sys.executable, "-m", "tradehouse.cli", *map(str, arguments)],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == exit_code, (
        f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    )
    return done


def release(home: Path) -> Path:
    """The file of the home's current release."""
    return home / "releases" / "current" / "tradehouse.duckdb"
