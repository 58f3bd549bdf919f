"""Companions of a release: what is made beside its file whenever one is made.

Who wants one registers it; publishing knows none of them, and none of them can hold a release up.
"""

import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tradehouse.home.paths import Home

if TYPE_CHECKING:
    from tradehouse.publish.releases import Release

Companion = Callable[[Home, Path, "Release"], str]
"""Makes a companion in the directory where a release's file and manifest lie, before readers have
it; returns in words what could not be made, or nothing."""

LOG = "companions.log"
_registered: dict[str, Companion] = {}


def register(name: str, companion: Companion) -> None:
    """Have a companion made with every release of this process; a name has one."""
    _registered[name] = companion


def make_all(home: Home, folder: Path, release: "Release") -> list[str]:
    """Make every companion; return a sentence on each that could not be made, or not wholly."""
    faults = []
    for name, companion in _registered.items():
        try:
            fault, details = companion(home, folder, release), ""
        except Exception as error:  # Whatever a companion does, the release is published.
            fault, details = f"{type(error).__name__}: {error}", traceback.format_exc()
        if fault:
            faults.append(f"{name}: {' '.join(fault.split())}")
            _note(home, f"{release.id} {faults[-1]}\n{details}")
    return faults


def _note(home: Home, text: str) -> None:
    try:
        home.logs.mkdir(parents=True, exist_ok=True)
        with (home.logs / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}")
    except OSError:
        return
