"""`tradehouse` as it is called from a shell, with the seconds of each of its phases written down.

    python -m benchmarks.phases PHASES.json run --landing LANDING

Lives here: the clock around the steps of a run and dbt's parsing. Wall and CPU seconds (children
included) of a phase inside another one count for the inner one alone. What is in no phase is
start-up: imports, and what lies between the steps.
"""

import atexit
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START, PARSE = "start", "parse"


class Clock:
    """Charges the time that passes to the innermost phase that is open."""

    def __init__(self) -> None:
        self.phases: dict[str, dict[str, float]] = {}
        self._open = [START]
        self._mark = self._now()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Charge what the block takes to `name`, less what phases inside it take."""
        self._charge()
        self._open.append(name)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def write(self, path: Path) -> None:
        """Write the phases so far: `{name: {wall_seconds, cpu_seconds}}`."""
        self._charge()
        path.write_text(json.dumps(self.phases))

    def _charge(self) -> None:
        before, self._mark = self._mark, self._now()
        spent = self.phases.setdefault(self._open[-1], {"wall_seconds": 0.0, "cpu_seconds": 0.0})
        spent["wall_seconds"] += self._mark[0] - before[0]
        spent["cpu_seconds"] += self._mark[1] - before[1]

    @staticmethod
    def _now() -> tuple[float, float]:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = (resource.getrusage(resource.RUSAGE_SELF), children)
        return time.monotonic(), sum(one.ru_utime + one.ru_stime for one in used)


def watch(clock: Clock) -> None:
    """Put the clock around every step of a run and around dbt's parsing."""
    from tradehouse.dbt_runner import DbtRunner
    from tradehouse.progress import Step, Steps

    step, parse = Steps.step, DbtRunner.parse

    @contextmanager
    def timed_step(self: Steps, name: str) -> Iterator[Step]:
        with clock.phase(name.split()[0]), step(self, name) as shown:
            yield shown

    def timed_parse(self: DbtRunner) -> Any:
        with clock.phase(PARSE):
            return parse(self)

    Steps.step = timed_step  # type: ignore[method-assign]
    DbtRunner.parse = timed_parse  # type: ignore[method-assign]


def main() -> None:
    """Run the command line under the clock; its exit code is that of the process."""
    clock, path = Clock(), Path(sys.argv.pop(1))
    watch(clock)
    atexit.register(clock.write, path)
    from tradehouse import cli

    os.environ.setdefault("DO_NOT_TRACK", "1")
    cli.main()


if __name__ == "__main__":
    main()
