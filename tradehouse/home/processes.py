"""Identifies processes by number and start time, because numbers are reused."""

import os
from pathlib import Path


def is_alive(pid: int, started: int = 0) -> bool:
    """Whether a process lives, whoever it belongs to; one that only waits to be reaped does not.

    Args:
        pid: its number.
        started: when it began, as `started_at` says it; 0 when that is not known.
    """
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    state, begun = _look(pid)
    return state != "Z" and (not started or not begun or started == begun)


def started_at(pid: int) -> int:
    """When a process began, in ticks of the system's clock; 0 where the system does not tell."""
    return _look(pid)[1]


def _look(pid: int) -> tuple[str, int]:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], int(fields[19])
    except (OSError, IndexError, ValueError):
        return "", 0
