"""What a process and all its descendants take: wall time, CPU time, memory."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE_SECONDS = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measured:
    """A finished load. `peak_megabytes` is the largest sum over all its processes at a time."""

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float
    records: int


def measure(command: list[str]) -> Measured:
    """Run a command that prints `records N`; raises SystemExit with its words when it fails."""
    # PyAirbyte asks Airbyte's registry for every connector's name unless it is offline.
    more = {"PYTHONPATH": str(PROJECT), "DO_NOT_TRACK": "1", "AIRBYTE_OFFLINE_MODE": "1"}
    environment = {**os.environ, **more}
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peak = Peak(process.pid)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    peak.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    said = [line for line in output.splitlines() if line.startswith("records ")]
    if process.returncode or not said:
        raise SystemExit(f"{' '.join(command)} failed:\n{output[-4000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(wall, cpu, peak.megabytes, int(said[-1].split()[1]))


class Peak:
    """Adds up, again and again, the resident memory of a process and its descendants."""

    def __init__(self, pid: int, every_seconds: float = SAMPLE_SECONDS) -> None:
        """Begin to watch."""
        self._pid = pid
        self._every_seconds = every_seconds
        self._ended = threading.Event()
        self.megabytes = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End watching; `megabytes` is the largest sum seen."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(self._every_seconds):
            pages = sum(_resident(pid) for pid in _family(self._pid))
            self.megabytes = max(self.megabytes, pages * _PAGE / 1e6)


def _family(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
