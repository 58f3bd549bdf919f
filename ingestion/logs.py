"""The logs of syncs and connectors: readable by their owner only, kept by number and age."""

import os
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from ingestion.errors import DeclarationError
from tradehouse.home import files

KEPT_NUMBER, KEPT_DAYS = 200, 90
LARGEST_BYTES = 16 * 1024 * 1024


def opened(path: Path) -> TextIO:
    """The log, to be written on at its end; what is not a text in UTF-8 is escaped."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "a", encoding="utf-8", errors="backslashreplace")


def find_fault(path: Path) -> str:
    """Why a log cannot be written, with its path; empty when it can."""
    try:
        opened(path).close()
    except OSError as error:
        return f"{error.strerror} ({path})"
    return ""


class Log:
    """A log that is kept as long as it can be: what happens to it never stops what is logged."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO | None = None
        with suppress(OSError):
            self._file = opened(path)

    def write(self, text: str) -> int:
        """Write at once; returns the number of characters, also where they are lost."""
        try:
            if self._file is not None:
                self._file.write(text)
                self._file.flush()
        except OSError:
            self.close()
        return len(text)

    def close(self) -> None:
        """Close it; nothing more is written."""
        file, self._file = self._file, None
        with suppress(OSError):
            if file is not None:
                file.close()

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def redact(path: Path, redactor: Callable[[str], str]) -> None:
    """Replace what is secret in a log that nobody writes now."""
    with suppress(OSError):
        text = redactor(path.read_text(encoding="utf-8"))
        files.write_bytes(path, text.encode("utf-8", "backslashreplace"))


def tidy(directory: Path) -> None:
    """Remove the oldest logs of each source, and connector logs that grew too large.

    `TRADEHOUSE_KEEP_SYNC_LOGS` and `TRADEHOUSE_KEEP_SYNC_LOG_DAYS` say how many and how long.
    Raises DeclarationError where a setting is no number.
    """
    number = _setting("TRADEHOUSE_KEEP_SYNC_LOGS", KEPT_NUMBER)
    oldest = time.time() - _setting("TRADEHOUSE_KEEP_SYNC_LOG_DAYS", KEPT_DAYS) * 86_400
    by_source: dict[str, list[Path]] = defaultdict(list)
    for path in directory.glob("sync-*.log"):
        by_source[path.name.split("-")[1]].append(path)
    for paths in by_source.values():
        for age, path in enumerate(sorted(paths, reverse=True)):  # Names begin with their time.
            with suppress(OSError):
                if age >= number or path.stat().st_mtime < oldest:
                    path.unlink()
    for path in directory.glob("connector-*.log"):
        with suppress(OSError):
            if path.stat().st_size > LARGEST_BYTES:
                path.unlink()


def _setting(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) == int(text)):
        raise DeclarationError(
            f"{name} should be a whole number of at least 1, and is {text!r}. Mend it in the "
            f"environment or in .env."
        )
    return int(text)
