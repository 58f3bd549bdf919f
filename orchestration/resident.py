"""A process that has imported everything and parsed the project, and forks for every run.

    python -m orchestration.resident FOLDER

`make ui` starts it on Linux; it ends when its standard input ends, because the page is gone. It
forks only with a single thread and no database open. When project, code, packages or variables
differ from those it read, it starts again, and the run that found out is started without it.
`launcher` asks it through its socket in FOLDER. Of a day it saves 5 CPU seconds, and costs 8 once
and 250 MB of memory (`python -m benchmarks.page_days`).
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from orchestration import launcher
from tradehouse.errors import TradehouseError

ANSWER_SECONDS = 1
QUEUE = 16
PROCESSORS = "OPENBLAS_NUM_THREADS"
Asked = tuple[socket.socket, str]


def prepare(state: str) -> None:
    """Import what a run imports, and parse the project as it was in a state.

    Leaves the variables as they were, and no thread. NumPy would start one for each processor,
    DuckDB starts one for the connection that it opens when it is imported, and dbt's parser starts
    some for files that are new: another process reads these, and this one what came of it.
    """
    before = dict(os.environ)
    os.environ.setdefault(PROCESSORS, "1")
    import dagster._cli.api  # noqa: F401
    import duckdb

    from orchestration import assembly, asset_execution, manifest  # noqa: F401
    from tradehouse.dbt import speedups
    from tradehouse.dbt.runner import DbtRunner
    from tradehouse.home.paths import find_home

    speedups.prepare()
    duckdb.default_connection().close()
    runner = DbtRunner(find_home(), parsed=manifest.FOLDER)
    with manifest.alone(manifest.FOLDER):
        other = os.fork()
        if other == 0:
            finish(runner.parse)
        if os.waitpid(other, 0)[1] == 0:
            runner.parse()
            asset_execution.keep_parsed(runner, state)
    os.environ.clear()
    os.environ.update(before)
    gc.collect()
    gc.freeze()


@contextmanager
def listening(folder: Path) -> Iterator[socket.socket]:
    """Listen in a directory that only we may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as requests:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            (folder / launcher.SOCKET).unlink(missing_ok=True)
            requests.bind(launcher.address(descriptor))
            (folder / launcher.SOCKET).chmod(0o600)
        finally:
            os.close(descriptor)
        requests.listen(QUEUE)
        yield requests


def serve(folder: Path, state: str) -> Asked | None:
    """Fork for every run; returns what was asked in the new process, None when the page is gone."""
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    with woken, wake, listening(folder) as requests, selectors.DefaultSelector() as selector:
        for one in (requests, woken, sys.stdin):
            selector.register(one, selectors.EVENT_READ)
        reap()  # What ended before.
        while True:
            found = [key.fileobj for key, _ in selector.select()]
            if sys.stdin in found:
                return None
            if woken in found:
                woken.recv(1000)
                reap()
            if requests in found:
                connection, _ = requests.accept()
                if (run := fork(connection, state)) is not None:
                    signal.set_wakeup_fd(-1)
                    return connection, run
                connection.close()


def fork(connection: socket.socket, state: str) -> str | None:
    """Fork if a run was asked for that may be forked; returns the run in the new process."""
    connection.settimeout(ANSWER_SECONDS)
    try:
        asked = json.loads(connection.recv(launcher.MOST_BYTES))
        run, environment = str(asked["run"]), asked["environment"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if launcher.digest_state() != state:
        connection.close()
        begin_anew()
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    if threads != 1 or environment != launcher.digest_environment(os.environ):
        return None
    with suppress(OSError):
        if os.fork() == 0:
            return run
    return None


def begin_anew() -> NoReturn:
    """Restart as a process that has read nothing yet; the children stay its children."""
    os.execv(sys.executable, [sys.executable, "-m", "orchestration.resident", *sys.argv[1:]])


def reap() -> None:
    """Collect children that have ended; another process closes the runs of those that failed.

    It opens the instance's databases, which this process must not.
    """
    has_failed = False
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            has_failed |= ended[1] != 0
    if has_failed and os.fork() == 0:
        finish(close_dead_runs, failed=0)


def close_dead_runs() -> None:
    """Close the runs of the instance whose processes are gone."""
    from dagster import DagsterInstance

    from orchestration import dead_runs

    with DagsterInstance.get() as instance:
        dead_runs.close_dead_runs(instance)


def finish(work: Callable[[], object], failed: int = 1) -> NoReturn:
    """Do the work of a child, and end as processes of Dagster's own do: not waiting for threads."""
    code = failed
    try:
        work()
        code = 0
    except TradehouseError as error:
        print(error, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def execute(asked: Asked) -> None:
    """Execute a run, if the launcher, which gets this process's number, still wants that."""
    from dagster._cli.api import execute_run_command
    from dagster._utils.interrupts import capture_interrupts

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    connection, run = asked
    call: Any = execute_run_command.callback
    with capture_interrupts():
        if is_wanted(connection):
            call(run, None)


def is_wanted(connection: socket.socket) -> bool:
    """Whether the launcher, given this process's number, sends the go-ahead."""
    with connection, suppress(OSError):
        connection.settimeout(None)  # The launcher answers or closes.
        connection.send(str(os.getpid()).encode())
        return connection.recv(launcher.MOST_BYTES) == launcher.GO
    return False


def main() -> None:
    """Serve until the page is gone; in a child, execute its run."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    state = launcher.digest_state()
    prepare(state)
    asked = serve(Path(sys.argv[1]), state)
    if asked is not None:
        finish(partial(execute, asked))


if __name__ == "__main__":
    main()
