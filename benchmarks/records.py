"""What is kept of the parts that were run: one JSON file a part, and where it was measured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "dagster", "pyarrow")


@dataclass(frozen=True)
class Records:
    """The records below one folder, by name of the part."""

    folder: Path

    def write(self, name: str, figures: dict[str, Any], load: float) -> None:
        """Keep a part's figures, with when and on what they were measured."""
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {
            "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
            "commit": find_commit(),
            "load_before": round(load, 1),
            "machine": describe_machine(),
            "versions": find_versions(),
            "figures": figures,
        }
        path = self.folder / f"{name}.json"
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(record, indent=1))
        beside.replace(path)

    def read(self) -> dict[str, dict[str, Any]]:
        """All records, by name of the part."""
        found = sorted(self.folder.glob("*.json"))
        return {path.stem: json.loads(path.read_text()) for path in found}


def load_now() -> float:
    """How many processes wanted a core in the last minute, on average."""
    return os.getloadavg()[0]


def describe_machine() -> dict[str, str]:
    """Processor, cores, memory and system, in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
    }


def find_versions() -> dict[str, str]:
    """Python and the packages that matter."""
    return {"Python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def find_commit() -> str:
    """The commit that was measured, with a plus when files differed from it; empty without git."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude", "*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    if sys.platform == "linux" and listed.exists():
        for line in listed.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
