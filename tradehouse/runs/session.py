"""The frame of every writing command: the lock, a note on a predecessor that died, alerts.

What a command does is in the modules of its name; who may write is in `tradehouse.home.locks`.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tradehouse.build import repair
from tradehouse.home import locks
from tradehouse.home.paths import Home
from tradehouse.observe import alerts


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
            repair.mend(home)
            yield
    except BaseException as error:
        _tell(alerts.report(home, command=command, error=error))
        raise
    _tell(alerts.report(home, command=command))


def _tell(messages: list[alerts.Told]) -> None:
    for message in messages:
        print(f"alert    {message}", file=sys.stderr)
