"""Running a connector as a process: its output, its standard error, time limits, stopping it.

Not here: which command that is (`connector`) and what the output means (`reader`).
"""

import codecs
import fcntl
import os
import secrets
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from ingestion import logs
from ingestion.declarations import Limits
from ingestion.redaction import LineRedactor, Redactor
from ingestion.watcher import MARK, Watcher, kill_marked

PIPE_BYTES = 1024 * 1024
KEPT_ERROR_BYTES = 16 * 1024 * 1024
LAST_WORDS = 20
LAST_WORDS_CHARACTERS = 2000
_SET_PIPE_SIZE = 1031  # fcntl.F_SETPIPE_SZ, which Python names only on Linux
_LOOK_SECONDS = 0.5


class ConnectorProcess:
    """A running connector. Use as a context manager: leaving it ends every process of it.

    A connector that sends nothing for `limits.silence_seconds` while it is waited for is stopped,
    and `timed_out` says so. What it started and left behind has `limits.stop_seconds` to let go of
    its output. If this process dies, the connector is ended and `directory_of_secrets` removed.
    Its standard input is empty, or, with `keeps_input_open`, a pipe that ends when it is to end.
    `companion` is ended after it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        error_log: Path,
        limits: Limits,
        redact: Redactor,
        environment: dict[str, str],
        directory: Path | None = None,
        directory_of_secrets: Path | None = None,
        keeps_input_open: bool = False,
        companion: "ConnectorProcess | None" = None,
    ) -> None:
        self._limits = limits
        self._redact = redact
        self._error_log = error_log
        self._last_words: deque[str] = deque(maxlen=LAST_WORDS)
        self._ended_at: float | None = None
        self._bytes_left: int | None = None
        self._mark = secrets.token_hex(16)
        self._companion = companion
        self.timed_out = False
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if keeps_input_open else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**environment, MARK: self._mark},
            cwd=directory,
            start_new_session=True,
        )
        self._watcher = Watcher(self._process.pid, self._mark, directory_of_secrets)
        assert self._process.stdout is not None
        self._output = self._process.stdout
        _widen_pipe(self._output)
        self._errors = threading.Thread(target=self._keep_errors, daemon=True)
        self._errors.start()

    @property
    def pid(self) -> int:
        """The connector's process id."""
        return self._process.pid

    def read(self, size: int) -> bytes:
        """The next bytes of standard output, empty at its end; the time limits run meanwhile.

        When the connector ended `limits.stop_seconds` ago, only what then stands there is read.
        """
        since = time.monotonic()
        while not self._has_ended_for(self._limits.stop_seconds):
            if self._is_readable():
                return os.read(self._output.fileno(), size)
            if time.monotonic() - since > self._limits.silence_seconds:
                self.timed_out = True
                self.stop()
                return b""
        if self._bytes_left is None:
            self._end_group()
            self._bytes_left = _bytes_in(self._output)
        block = os.read(self._output.fileno(), min(size, self._bytes_left))
        self._bytes_left -= len(block)
        return block

    def ignore_output(self) -> None:
        """Read what else is said and forget it, so that the process never waits to say it."""
        threading.Thread(target=self._forget_output, daemon=True).start()

    def _forget_output(self) -> None:
        with suppress(OSError, ValueError):
            while self._output.read(65536):
                pass

    def _is_readable(self) -> bool:
        ready, _, _ = select.select([self._output], [], [], min(_LOOK_SECONDS, self._shortest()))
        return bool(ready)

    def _shortest(self) -> float:
        return min(self._limits.silence_seconds, self._limits.stop_seconds) / 4

    def _has_ended_for(self, seconds: float) -> bool:
        """Whether the connector itself ended so long ago, though its output is still open."""
        if self._process.poll() is None:
            return False
        self._ended_at = self._ended_at or time.monotonic()
        return time.monotonic() - self._ended_at > seconds

    def wait(self) -> int:
        """Wait for the end after the output ended; returns the exit code."""
        try:
            code = self._process.wait(self._limits.stop_seconds)
        except subprocess.TimeoutExpired:
            self.timed_out = True
            code = self.stop()
        self._errors.join(self._limits.stop_seconds)
        if self._errors.is_alive():
            self._end_group()
            self._errors.join(self._limits.stop_seconds)
        return code

    def stop(self) -> int:
        """Ask the process and what it started to end, then end them; returns the exit code."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self._limits.stop_seconds)
        self._end_group()
        return self._process.wait()

    def last_words(self) -> str:
        """The last lines of standard error."""
        return "\n".join(self._last_words)[-LAST_WORDS_CHARACTERS:]

    def _signal(self, number: int) -> bool:
        """Send it to every process of the group; returns whether there was one."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:  # macOS says so of a group of zombies.
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            return False
        return True

    def _end_group(self) -> None:
        """End what is left, wherever it went."""
        if self._signal(signal.SIGTERM) and self._process.poll() is not None:
            deadline = time.monotonic() + min(1.0, self._limits.stop_seconds)
            while time.monotonic() < deadline and self._signal(0):
                time.sleep(0.02)
        self._signal(signal.SIGKILL)
        kill_marked(self._mark)

    def _keep_errors(self) -> None:
        assert self._process.stderr is not None
        kept = 0
        with logs.Log(self._error_log) as log:
            for text in self._error_lines(self._process.stderr):
                self._last_words.append(text[-LAST_WORDS_CHARACTERS:])
                if kept < KEPT_ERROR_BYTES:
                    kept += log.write(text + "\n")
                    if kept >= KEPT_ERROR_BYTES:
                        log.write("(more follows; only the beginning is kept)\n")

    def _error_lines(self, stream: IO[bytes]) -> Iterator[str]:
        lines = LineRedactor(self._redact)
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        while block := stream.read(65536):
            yield from lines.feed(decoder.decode(block))
        yield from lines.feed(decoder.decode(b"", final=True))
        yield from lines.close()

    def __enter__(self) -> "ConnectorProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process of it, and its companion."""
        try:
            if self._process.poll() is None:
                self.stop()
            self._end_group()
            self._output.close()
            self._errors.join(self._limits.stop_seconds)
            self._watcher.dismiss()
        finally:
            if self._companion is not None:
                self._companion.close()


def _bytes_in(pipe: IO[bytes]) -> int:
    """How many bytes can be read without waiting."""
    count = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def _widen_pipe(stream: IO[bytes]) -> None:
    if not sys.platform.startswith("linux"):
        return
    try:
        fcntl.fcntl(stream, _SET_PIPE_SIZE, PIPE_BYTES)
    except OSError:
        return  # A smaller pipe is slower, nothing else.
