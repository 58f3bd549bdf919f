"""What surrounds every command that writes: the lock, a word on a predecessor that died, alerts.

What a command does is in the modules of its name; who may write is in `tradehouse.locks`.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tradehouse import alerts, locks
from tradehouse.home import Home

SOUGHT = "pandas"


@contextmanager
def writing(
    home: Home,
    command: str,
    wait_seconds: float = 0.0,
    *,
    holder: str | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold the home's lock while the block runs; when it has ended, tell what is wrong or over.

    Args:
        home: the home.
        command: what is done, for alerts.
        wait_seconds: how long to wait while another process writes.
        holder: what others read about this process; default: its command line.
        on_wait: is told who is waited for; default: standard error says it.

    Raises:
        BusyError: when another process holds the lock after `wait_seconds`.
    """
    try:
        with locks.writing(home, wait_seconds, command=holder, on_wait=on_wait) as dead:
            if dead is not None:
                print(
                    f"`{dead['command']}` (process {dead['pid']}, since {dead['since']}) was "
                    "killed. What it had committed stays.",
                    file=sys.stderr,
                )
                alerts.report(home, dead=dead)
            with not_sought():
                yield
    except BaseException as error:
        _tell(alerts.report(home, command=command, error=error))
        raise
    _tell(alerts.report(home, command=command))


@contextmanager
def not_sought() -> Iterator[None]:
    """Let DuckDB know at once that pandas is not installed, for the time of a block.

    It looks for it on the disk with every parameter of a statement, thousands of times a run.
    """
    is_absent = SOUGHT not in sys.modules and importlib.util.find_spec(SOUGHT) is None
    if is_absent:
        sys.modules[SOUGHT] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if is_absent:
            sys.modules.pop(SOUGHT, None)


def _tell(messages: list[alerts.Told]) -> None:
    for message in messages:
        print(f"alert    {message}", file=sys.stderr)
