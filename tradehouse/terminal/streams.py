"""Standard output and error: escapes special characters, and survives a reader that goes away.

Everything that the command line writes passes through `Shown`. Tables and sentences are made in
`tradehouse.terminal.output`.
"""

import io
import os
import re
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

# Letters and marks that Python calls printable and nobody sees.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2065\u2800\u3164\uffa0\ufe00-\ufe0f"
    "\U000e0100-\U000e01ef]"
)
WITHIN_LINES = "\n\t"


def visible(text: str, keep: str = "") -> str:
    r"""Return a text with everything escaped that a terminal would act upon or not show.

    Controls (C0, C1, DEL, NUL), marks that turn the direction of writing, marks without width, byte
    order marks, separators of lines, odd blanks and half surrogates become `\x1b`, `\u202e` and
    the like; characters of `keep` stay.
    """
    if text.isprintable() and not _UNSEEN.search(text):
        return text
    return "".join(
        one if one in keep or (one.isprintable() and not _UNSEEN.match(one)) else _escaped(one)
        for one in text
    )


def _escaped(character: str) -> str:
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return named.get(character) or ascii(character)[1:-1]


class Shown(io.TextIOWrapper):
    """A standard stream that shows what terminals obey, and outlives its reader.

    `styled` is the stream below, for what is already escaped and coloured; `lost` the error that
    kept something from being written, after which nothing more is.
    """

    styled: TextIO
    lost: OSError | None = None

    def write(self, text: str) -> int:
        """Write a text escaped; lines and tabs stay."""
        if self.lost is None:
            try:
                super().write(visible(text, keep=WITHIN_LINES))
            except OSError as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        if self.lost is None and not self.closed:
            try:
                super().flush()
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Let what is still to come, also at the end of the process, go nowhere."""
        self.lost = error
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


def prepare() -> None:
    """Make standard input, output and error what the rest of a command may rely on.

    A closed descriptor is opened on nothing: otherwise the next file that is opened, a database
    perhaps, would get its number and whatever is printed.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _shown(sys.stdout, 1)
    sys.stderr = _shown(sys.stderr, 2)


def _shown(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        stream = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    with suppress(AttributeError):
        cast(io.TextIOWrapper, stream).reconfigure(errors="backslashreplace")
    shown = Shown(
        cast(Any, stream).buffer,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=number == 2 or stream.isatty(),
    )
    shown.styled = stream
    return shown


def lost_output() -> OSError | None:
    """Return why standard output is not whole; that its reader went away is no fault."""
    sys.stdout.flush()
    sys.stderr.flush()
    lost = getattr(sys.stdout, "lost", None)
    return None if isinstance(lost, BrokenPipeError) else lost
