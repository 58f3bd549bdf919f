"""Running a connector as a process: its output, its standard error, time limits, stopping it.

Not here: which command that is (`connector`) and what the output means (`reader`).
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from ingestion.declarations import Limits

PIPE_BYTES = 1024 * 1024
KEPT_ERROR_BYTES = 16 * 1024 * 1024
LAST_WORDS = 20
_SET_PIPE_SIZE = 1031  # fcntl.F_SETPIPE_SZ, which Python names only on Linux


class Redactor:
    """Replaces secrets in texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Replace these too; texts of one or two characters are none."""
        known = {*self._secrets, *(s for s in secrets if len(s) >= 3)}
        self._secrets = sorted(known, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text with every secret as `****`."""
        for secret in self._secrets:
            text = text.replace(secret, "****")
        return text


class ConnectorProcess:
    """A running connector. Use as a context manager: leaving it ends the process.

    A connector that sends nothing for `limits.silence_seconds` while it is waited for is stopped,
    and `timed_out` says so.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        error_log: Path,
        limits: Limits,
        redact: Redactor,
        environment: dict[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        self._limits = limits
        self._redact = redact
        self._error_log = error_log
        self._last_words: deque[str] = deque(maxlen=LAST_WORDS)
        self._waiting_since: float | None = None
        self._ended = threading.Event()
        self.timed_out = False
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            cwd=directory,
            start_new_session=True,
        )
        _widen_pipe(self._process.stdout)
        self._threads = [
            threading.Thread(target=self._keep_errors, daemon=True),
            threading.Thread(target=self._watch, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The connector's process id."""
        return self._process.pid

    def read(self, size: int) -> bytes:
        """The next bytes of standard output, empty at its end; the time limit runs meanwhile."""
        assert self._process.stdout is not None
        self._waiting_since = time.monotonic()
        try:
            return self._process.stdout.read(size) or b""
        finally:
            self._waiting_since = None

    def wait(self) -> int:
        """Wait for the end after the output ended; returns the exit code."""
        try:
            code = self._process.wait(self._limits.stop_seconds)
        except subprocess.TimeoutExpired:
            self.timed_out = True
            code = self.stop()
        self._ended.set()
        self._threads[0].join(self._limits.stop_seconds)
        return code

    def stop(self) -> int:
        """Ask the process to end, then end it; returns the exit code."""
        self._signal(signal.SIGTERM)
        try:
            return self._process.wait(self._limits.stop_seconds)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            return self._process.wait()

    def last_words(self) -> str:
        """The last lines of standard error."""
        return "\n".join(self._last_words)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            try:
                os.killpg(self._process.pid, number)
            except (ProcessLookupError, PermissionError):
                self._process.send_signal(number)

    def _keep_errors(self) -> None:
        assert self._process.stderr is not None
        kept = 0
        with self._error_log.open("a", encoding="utf-8") as log:
            for line in iter(lambda: self._process.stderr.readline(65536), b""):  # type: ignore[union-attr]
                text = self._redact(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))
                self._last_words.append(text)
                if kept < KEPT_ERROR_BYTES:
                    kept += log.write(text + "\n")
                    log.flush()
                    if kept >= KEPT_ERROR_BYTES:
                        log.write("(more follows; only the beginning is kept)\n")

    def _watch(self) -> None:
        limit = self._limits.silence_seconds
        while not self._ended.wait(min(1.0, limit / 4)):
            since = self._waiting_since
            if since is not None and time.monotonic() - since > limit:
                self.timed_out = True
                self.stop()
                return

    def __enter__(self) -> "ConnectorProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._process.poll() is None:
            self.stop()
        for stream in (self._process.stdout,):
            if stream is not None:
                stream.close()
        self._threads[0].join(self._limits.stop_seconds)


def _widen_pipe(stream: IO[bytes] | None) -> None:
    if stream is None or not sys.platform.startswith("linux"):
        return
    import fcntl  # Only where it exists.

    try:
        fcntl.fcntl(stream, _SET_PIPE_SIZE, PIPE_BYTES)
    except OSError:
        return  # A smaller pipe is slower, nothing else.
