"""Processes of the command line and of dbt that begin where the libraries are imported already.

Importing dbt takes longer than most of what a test asks of it. A server that has done that, and
nothing else, forks for every process: each has its own environment, directory, streams and end,
and imports the project's own code itself. A test of how a process begins starts it by itself.
"""

import io
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
MOST_BYTES = 1 << 17


class Process:
    """A process that runs a module (`-m name`) or a script."""

    def __init__(
        self,
        program: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdout: int,
        stderr: int,
        new_session: bool = False,
    ) -> None:
        """Start it."""
        self.returncode: int | None = None
        asked = {
            "program": list(map(str, program)),
            "cwd": str(cwd),
            "env": dict(env),
            "new_session": new_session,
        }
        self._answers, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            fds = [stdout, stderr, theirs.fileno()]
            socket.send_fds(_server(), [json.dumps(asked).encode()], fds)
        self.pid = int(self._answers.recv(100))

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; returns the exit code, negative for a signal. Raises TimeoutError."""
        if self.returncode is None:
            self._answers.settimeout(timeout)
            self.returncode = int(self._answers.recv(100))
            self._answers.close()
        return self.returncode

    def poll(self) -> int | None:
        """Return the exit code once it has ended."""
        try:
            return self.wait(0)
        except (TimeoutError, BlockingIOError):
            return None


def run(
    program: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run a process to its end. Raises TimeoutError."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = Process(program, cwd=cwd, env=env, stdout=out.fileno(), stderr=err.fileno())
        try:
            code = process.wait(timeout)
        except TimeoutError:
            os.kill(process.pid, signal.SIGKILL)
            raise
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(list(program), code, out.read(), err.read())


@cache
def _server() -> socket.socket:
    """The server of this process; it ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd="/"
        )
    return ours


def serve(requests: socket.socket) -> dict[str, Any] | None:
    """Fork for every request; returns it in the new process, None at the end of all."""
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    running: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is woken:
                    woken.recv(1000)
                    _tell_ends(running)
                    continue
                content, fds, *_ = socket.recv_fds(requests, MOST_BYTES, 3)
                if not content:
                    return None
                answers = socket.socket(fileno=fds[2])
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for one in (requests, woken, wake, answers, *running.values()):
                        one.close()
                    return {**json.loads(content), "streams": fds[:2]}
                for one in fds[:2]:
                    os.close(one)
                running[pid] = answers
                answers.send(str(pid).encode())


def _tell_ends(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as answers:
            answers.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(asked: dict[str, Any]) -> None:
    """Make this process what was asked for, and run its program."""
    if asked["new_session"]:
        os.setsid()
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    for number, descriptor in enumerate(asked["streams"], 1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = io.TextIOWrapper(
        os.fdopen(2, "wb", 0, closefd=False), "utf-8", "backslashreplace", write_through=True
    )
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    os.chdir(asked["cwd"])
    path = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    first, *rest = asked["program"]
    if first == "-m":
        sys.path[:0] = [asked["cwd"], *path]
        sys.argv[:] = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[:0] = [str(Path(first).parent), *path]
        sys.argv[:] = asked["program"]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    import dbt.adapters.duckdb
    import dbt.cli.main  # noqa: F401
    import duckdb

    duckdb.default_connection().close()  # It has a thread, which no fork takes along.
    del sys.path[0]  # Where this file lies.
    found = serve(socket.socket(fileno=int(sys.argv[1])))
    if found is not None:
        become(found)
