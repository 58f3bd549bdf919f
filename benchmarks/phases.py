"""`tradehouse` as it is called from a shell, with the seconds of each of its phases written down.

    python -m benchmarks.phases PHASES.json run --landing LANDING

Lives here: the clock around the steps of a run, dbt's parsing and the tracing of columns. Wall and
CPU seconds (children included) of a phase inside another one count for the inner one alone. A phase
in a thread beside the main one takes its CPU seconds from whatever goes on there, and no wall
seconds of its own. What is in no phase is start-up: imports, and what lies between the steps.
"""

import atexit
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradehouse.home.paths import Home

START, PARSE, DOCS = "start", "parse", "docs"


class Clock:
    """Charges the time that passes to the innermost phase that is open."""

    def __init__(self) -> None:
        self.phases: dict[str, dict[str, float]] = {}
        self._open = [START]
        self._threads: dict[int, tuple[str, int, float]] = {}
        self._lock = threading.Lock()
        self._mark = self._now()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Charge what the block takes to `name`, less what phases inside it take."""
        if threading.current_thread() is not threading.main_thread():
            with self._beside(name):
                yield
            return
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

    @contextmanager
    def _beside(self, name: str) -> Iterator[None]:
        """Take the seconds of this thread from the phases that the main thread is in meanwhile."""
        thread = threading.get_ident()
        clock = time.pthread_getcpuclockid(thread)
        with self._lock:
            self._threads[thread] = (name, clock, time.clock_gettime(clock))
        try:
            yield
        finally:
            self._charge()
            with self._lock:
                del self._threads[thread]

    def _charge(self) -> None:
        with self._lock:
            before, self._mark = self._mark, self._now()
            spent = self._spent(self._open[-1])
            spent["wall_seconds"] += self._mark[0] - before[0]
            spent["cpu_seconds"] += self._mark[1] - before[1]
            for thread, (name, clock, mark) in list(self._threads.items()):
                now = time.clock_gettime(clock)
                self._threads[thread] = (name, clock, now)
                self._spent(name)["cpu_seconds"] += now - mark
                spent["cpu_seconds"] -= now - mark

    def _spent(self, name: str) -> dict[str, float]:
        return self.phases.setdefault(name, {"wall_seconds": 0.0, "cpu_seconds": 0.0})

    @staticmethod
    def _now() -> tuple[float, float]:
        # The clock of the process is as fine as those of its threads, which are taken from it.
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.monotonic(), time.process_time() + children.ru_utime + children.ru_stime


def watch(clock: Clock) -> None:
    """Put the clock around every step of a run, dbt's parsing and the tracing of columns."""
    from tradehouse.dbt.runner import DbtRunner
    from tradehouse.publish import documentation
    from tradehouse.terminal.progress import Step, Steps

    step, parse, invoke = Steps.step, DbtRunner.parse, DbtRunner._invoke_parse
    complete = documentation.complete

    @contextmanager
    def timed_step(self: Steps, name: str) -> Iterator[Step]:
        with clock.phase(name.split()[0]), step(self, name) as shown:
            yield shown

    def timed_parse(self: DbtRunner) -> Any:
        with clock.phase(PARSE):
            return parse(self)

    def timed_invocation(self: DbtRunner) -> Any:
        with clock.phase(PARSE):
            return invoke(self)

    def timed_completion(home: "Home", digest: str) -> Path:
        with clock.phase(DOCS):
            return complete(home, digest)

    Steps.step = timed_step  # type: ignore[method-assign]
    DbtRunner.parse = timed_parse  # type: ignore[method-assign]
    DbtRunner._invoke_parse = timed_invocation  # type: ignore[method-assign]
    documentation.complete = timed_completion


def main() -> None:
    """Run the command line under the clock; its exit code is that of the process."""
    clock, path = Clock(), Path(sys.argv.pop(1))
    watch(clock)
    atexit.register(clock.write, path)
    from tradehouse.cli import parser

    os.environ.setdefault("DO_NOT_TRACK", "1")
    parser.main()


if __name__ == "__main__":
    main()
