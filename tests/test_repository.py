"""What the repository may hold: nothing large, nothing that is made from something else in it."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
LARGEST = 500_000  # bytes
MAY_BE_LARGER = ("requirements.lock", "requirements-dev.lock")


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("git") is None or not (PROJECT / ".git").exists():
        pytest.skip("not a clone, or git is not there")
    # Whose checkout it is does not matter for reading it.
    command = ["git", "-c", f"safe.directory={PROJECT}", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def _tracked(*arguments: str) -> list[str]:
    done = _git("ls-files", "-z", "--cached", *arguments)
    assert done.returncode == 0, done.stderr
    return [name for name in done.stdout.split("\0") if name]


def test_no_tracked_file_is_large() -> None:
    files = {name: PROJECT / name for name in _tracked()}
    sizes = {name: path.lstat().st_size for name, path in files.items() if path.exists()}
    assert len(sizes) > 300
    large = {name: size for name, size in sizes.items() if size > LARGEST}
    assert set(large) <= set(MAY_BE_LARGER), large


def test_no_generated_file_is_tracked() -> None:
    """`.gitignore` lists what is generated; git goes on with ignored files once they are added."""
    assert _tracked("--ignored", "--exclude-standard") == []


@pytest.mark.parametrize(
    "name",
    [
        *(".cache/trade.jsonl.gz", "data/raw.duckdb", "tests/data.duckdb.wal", "docs/x.parquet"),
        *("logs/dbt.log", "target/manifest.json", ".venv/bin/python", "tradehouse.egg-info/PKG"),
        *("tests/__pycache__/x.pyc", ".env", "benchmarks/.hypothesis/x", "node_modules/x/y.js"),
    ],
)
def test_what_commands_and_tools_leave_is_ignored(name: str) -> None:
    assert _git("check-ignore", "--no-index", "--quiet", name).returncode == 0
