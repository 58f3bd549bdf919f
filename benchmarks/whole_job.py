"""The whole job and what it is compared with, each a process of its own that starts from nothing.

Lives here: how `tradehouse run`, bare SQL and dbt alone are started, and what is written down of
each. Which of them are run on what is in `benchmarks.parts`; what bare SQL does is in
`benchmarks/bare_sql`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.ingestion.measure import Peak
from benchmarks.phases import START

PROJECT = Path(__file__).resolve().parents[1]
PEAK_EVERY_SECONDS = 0.2
STREAMS, MODELS, TESTS = "streams", "models", "tests"


@dataclass(frozen=True)
class Measured:
    """One finished process with its children.

    `peak_megabytes` is the largest resident memory of all of them together. `facts` is what the
    program says of itself.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float
    facts: dict[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """All figures, to be kept as JSON."""
        return asdict(self)


def measure(command: list[str], environment: dict[str, str]) -> tuple[Measured, str]:
    """Run a command to its end; its children count as well. Returns its output too.

    Raises:
        SystemExit: when the command fails, with what it said.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "DO_NOT_TRACK": "1", **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        peak = Peak(process.pid, PEAK_EVERY_SECONDS)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        peak.stop()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said[-4000:]}")
    largest = max(peak.megabytes, usage.ru_maxrss * 1024 / 1e6)
    return Measured(wall, usage.ru_utime + usage.ru_stime, largest), said


def run_platform(landing: Path, home: Path, *options: str, **settings: str) -> Measured:
    """`tradehouse run` in a home, with its phases, the records it loaded and the sizes after it."""
    home.mkdir(parents=True, exist_ok=True)
    phases = home / "phases.json"
    command = [sys.executable, "-m", "benchmarks.phases", str(phases), "run"]
    measured, _ = measure(
        [*command, "--landing", str(landing), *options], {"TRADEHOUSE_HOME": str(home), **settings}
    )
    facts = {
        "phases": _phases(home, json.loads(phases.read_text()), measured),
        "records": read_state(home, "sync").get("records", 0),
        "megabytes": sizes(home),
    }
    return Measured(measured.wall_seconds, measured.cpu_seconds, measured.peak_megabytes, facts)


def run_command(home: Path, *words: str) -> Measured:
    """Any other `tradehouse` command on a home."""
    command = [sys.executable, "-m", "tradehouse.cli.parser", *words]
    return measure(command, {"TRADEHOUSE_HOME": str(home)})[0]


def run_bare_sql(landing: Path, database: Path, *options: str) -> Measured:
    """The same transformations as bare SQL in one DuckDB process, raw landing included."""
    database.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.bare_sql.run", str(landing)]
    measured, said = measure([*command, "--database", str(database), "--json", *options], {})
    report = json.loads(said)
    landed = [phase for phase in report["phases"] if phase["name"] == "landing"]
    facts = {
        # Beyond the landing of raw, start-up included as it is for dbt.
        "transformation_wall_seconds": measured.wall_seconds
        - sum(phase["wall_seconds"] for phase in landed),
        "transformation_cpu_seconds": measured.cpu_seconds
        - sum(phase["cpu_seconds"] for phase in landed),
        "megabytes": {"database": report["database_bytes"] / 1e6},
    }
    return Measured(measured.wall_seconds, measured.cpu_seconds, measured.peak_megabytes, facts)


def run_dbt(raw: Path, home: Path, *, tests: bool, parsed: bool) -> Measured:
    """`dbt build` into a new file, on raw data that is loaded.

    With `parsed` the project was parsed before, as for every build but the first one; else dbt
    parses all of it. Without `tests` models and seeds are built alone.
    """
    home.mkdir(parents=True, exist_ok=True)
    link = home / "raw.duckdb"
    link.unlink(missing_ok=True)
    link.symlink_to(raw)
    (home / "dev.duckdb").unlink(missing_ok=True)
    command = [sys.executable, "-m", "dbt.cli.main"]
    options = ["--target", "dev", "--target-path", str(home / "target"), "--quiet"]
    options += ["--log-path", str(home / "logs")]
    environment = {"TRADEHOUSE_HOME": str(home)}
    if parsed:
        measure([*command, "parse", *options], environment)
    else:
        shutil.rmtree(home / "target", ignore_errors=True)
    left_out = ["--exclude-resource-type", "unit_test"]
    if not tests:
        left_out += ["--exclude-resource-type", "test"]
    return measure([*command, "build", *options, *left_out], environment)[0]


def read_state(home: Path, name: str) -> dict[str, Any]:
    """What the platform keeps of its last sync or build; empty where there was none."""
    path = home / "state" / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def sizes(home: Path) -> dict[str, float]:
    """Megabytes of raw, warehouse and published release."""
    files = {
        "raw": home / "raw.duckdb",
        "warehouse": home / "warehouse.duckdb",
        "release": home / "releases" / "current" / "tradehouse.duckdb",
    }
    return {
        name: round(path.stat().st_size / 1e6, 1) if path.exists() else 0.0
        for name, path in files.items()
    }


def _phases(
    home: Path, phases: dict[str, dict[str, float]], measured: Measured
) -> dict[str, dict[str, float]]:
    """The phases of a run, the build divided among models and tests by the seconds of its nodes."""
    phases.setdefault(START, {"wall_seconds": 0.0, "cpu_seconds": 0.0})
    for name in ("wall_seconds", "cpu_seconds"):
        # What comes before the clock: the interpreter's own start and that of the clock.
        unseen = getattr(measured, name) - sum(phase[name] for phase in phases.values())
        phases[START][name] += max(0.0, unseen)
    if "build" not in phases:
        return phases
    build, share = phases.pop("build"), _share_of_tests(home)
    for kind, part in ((MODELS, 1 - share), (TESTS, share)):
        phases[kind] = {name: value * part for name, value in build.items()}
    return phases


def _share_of_tests(home: Path) -> float:
    """The tests' part of the seconds of all nodes that the last build ran."""
    path = home / "state" / "build.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    seconds = {True: 0.0, False: 0.0}
    for line in lines:
        # Nodes that a day's batch cannot reach are listed with no time at all.
        seconds[line.get("id", "").startswith("test.")] += line.get("node", {}).get("seconds", 0.0)
    total = sum(seconds.values())
    return seconds[True] / total if total else 0.0
