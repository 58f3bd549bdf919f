"""How a command ends: signals, the last error handler, exit codes.

No traceback reaches a user: it goes to `logs/errors.log` of the home, or to a temporary file if
that cannot be written, and the message says where.
"""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from tradehouse.errors import EXIT_ERROR, EXIT_OK, TradehouseError, UsageError

DEBUG = "TRADEHOUSE_DEBUG"
LOG = "errors.log"
LOG_BYTES = 1_000_000
NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}
BY_HAND = "stopped with Ctrl-C"

_received: signal.Signals | None = None
_is_ending = False


class Stopped(KeyboardInterrupt):
    """A signal asks the command to end: it gives up what it has not committed, and cleans up."""


def listen() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP end a command cleanly, and a second one at once.

    What the caller ignores stays ignored (`nohup`).
    """
    for number in NAMES:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    global _received
    if _received is not None or _is_ending:
        _end_children()
        with suppress(OSError):
            os.write(2, b"Stopped at once. What was committed stays.\n")
        os._exit(128 + (_received or number))
    _received = signal.Signals(number)
    raise Stopped(NAMES[_received])


def _end_children() -> None:
    """Kill the processes that this one has started and theirs, where the system tells (Linux)."""
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError, ValueError):
            for child in map(int, path.read_text().split()):
                if os.getpgid(child) == child:
                    os.killpg(child, signal.SIGKILL)
                else:
                    os.kill(child, signal.SIGKILL)


def check() -> None:
    """Raise `Stopped` when a signal came that somebody swallowed; called where work begins."""
    if _received is not None:
        raise Stopped(NAMES[_received])


def is_stopping() -> bool:
    """Whether a signal has come: what fails from then on fails for that."""
    return _received is not None


def describe_stop(error: BaseException) -> str:
    """Return what stopped a command, empty when it was an error."""
    if not isinstance(error, KeyboardInterrupt) and _received is None:
        return ""
    return f"stopped with {NAMES[_received or signal.SIGINT]}"


def run(call: Callable[[], object]) -> NoReturn:
    """Call a command and end the process with its exit code."""
    from tradehouse.terminal import streams

    listen()
    streams.prepare()
    code = guard(call)
    lost = streams.lost_output()
    if lost is not None and code == EXIT_OK:
        _say(f"The output could not be written: {lost.strerror}.")
        code = EXIT_ERROR
    for number in NAMES:
        signal.signal(number, signal.SIG_IGN)  # All is done and said.
    if code == EXIT_OK:
        # Half a second, otherwise, to collect what is gone with the process anyway.
        atexit.register(gc.freeze)
    sys.exit(code)


def guard(call: Callable[[], object]) -> int:
    """Call a command and return its exit code; what it raises becomes a sentence."""
    global _is_ending
    ended: BaseException | None = None
    try:
        call()
    except BaseException as error:
        ended = error
    _is_ending = True
    if not isinstance(ended, SystemExit):
        return _tell(Stopped()) if ended is None and _received else _tell(ended)
    code = EXIT_OK if ended.code is None else ended.code
    if (_received is not None and code != 128 + _received) or code == 128 + signal.SIGINT:
        return _tell(Stopped())  # Somebody caught it on its way.
    if isinstance(code, str):
        _say(code)
        return EXIT_ERROR
    return code


def _tell(error: BaseException | None) -> int:
    if error is None:
        return EXIT_OK
    if describe_stop(error):
        number = _received or signal.SIGINT
        how = "" if number == signal.SIGINT else f" by {NAMES[number]}"
        _say(f"Stopped{how}. What was committed stays; the next run goes on from there.")
        return 128 + number
    sentence, code = _sentence(error)
    if sentence is None:
        sentence = f"This was not expected ({type(error).__name__}: {_first_line(error)})."
    if not isinstance(error, TradehouseError):
        sentence += f" The details: {keep(error)}"
    _say(sentence)
    if os.environ.get(DEBUG) == "1":
        import traceback

        print("".join(traceback.format_exception(error)), file=sys.stderr)
    return code


def _sentence(error: BaseException) -> tuple[str | None, int]:
    """Return an error in words, None when nobody has foreseen it, and the exit code."""
    if isinstance(error, TradehouseError):
        return str(error), error.exit_code
    with suppress(Exception):
        from ingestion import errors
        from tradehouse.terminal import system_faults

        if isinstance(error, errors.DeclarationError):
            return str(error), UsageError.exit_code
        said = system_faults.advise(error)
        if said is None and isinstance(error, errors.IngestionError):
            said = str(error)
        if said is None and isinstance(error, RecursionError):
            said = "Something is nested more deeply than can be followed."
        if said is None and isinstance(error, OSError) and error.strerror:
            said = f"{error.strerror} ({error.filename}). Check that place, then call this again."
        if said is None and type(error).__module__ in ("duckdb", "_duckdb"):
            said = f"DuckDB: {_first_line(error)}. `tradehouse doctor` looks at the files."
        return said, EXIT_ERROR
    return None, EXIT_ERROR


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or ["no message"]
    return lines[0][:300]


def _say(message: str) -> None:
    from tradehouse.terminal.output import print_error

    print_error(message)


def keep(error: BaseException) -> Path | str:
    """Write an error's traceback down for its owner alone; return where."""
    import tempfile
    import traceback
    from datetime import UTC, datetime

    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    command = " ".join(sys.argv[1:])
    text = f"{stamp} tradehouse {command}\n{''.join(traceback.format_exception(error))}\n"
    content = text.encode("utf-8", "backslashreplace")
    logs = Path(os.environ.get("TRADEHOUSE_HOME", "")) / "logs"
    with suppress(OSError, ValueError):
        if logs.is_absolute() and logs.is_dir():
            return _append(logs / LOG, content)
    try:
        descriptor, name = tempfile.mkstemp(prefix="tradehouse-error-", suffix=".log")
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.write(content)
    except OSError:
        return f"not kept, as no place can be written; {DEBUG}=1 shows them"
    return Path(name)


def _append(path: Path, content: bytes) -> Path:
    flags: Any = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{LOG}.old"))
    descriptor = os.open(path, flags, 0o600)
    with open(descriptor, "ab") as file:  # noqa: PTH123
        file.write(content)
    return path
