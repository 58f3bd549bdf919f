"""The output of the command line: tables and sentences for people, JSON for programs.

Colours and moving bars only on a terminal. Callers decide what is shown.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from tradehouse.terminal.streams import WITHIN_LINES, visible

# A narrower terminal breaks the lines of a table; of narrower columns nothing could be read.
LEAST_WIDTH, WIDTH = 80, 200
NUMBERS = (int, float, Decimal)


def print_json(content: Any) -> None:
    """Print `content` as one JSON document on standard output, in ASCII."""
    # JSON's escapes leave DEL alone, which a terminal acts upon.
    print(json.dumps(content, indent=2, default=str).replace("\x7f", "\\u007f"))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table; numbers are set right, with thousands separated."""
    from rich.table import Table

    rows = [list(row) for row in rows]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(columns):
        values = [row[index] for row in rows if row[index] is not None]
        is_number = bool(values) and all(isinstance(value, NUMBERS) for value in values)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out = console()
    out.width = max(out.width, LEAST_WIDTH) if out.is_terminal else WIDTH
    out.print(table)


def forget_odd_sizes() -> None:
    """Leave out sizes of a terminal that Rich would stumble over, or print nothing into."""
    for name in ("COLUMNS", "LINES"):
        if not re.fullmatch("[1-9][0-9]{0,4}", os.environ.get(name, "80")):
            del os.environ[name]


def console(*, stderr: bool = False) -> Any:
    """Return a console for styled output; what is given to it has to be `visible`."""
    from rich.console import Console

    forget_odd_sizes()
    stream = sys.stderr if stderr else sys.stdout
    file = stream
    if stream.isatty():
        stream.flush()
        file = getattr(stream, "styled", stream)
    return Console(file=file, stderr=stderr, highlight=False, soft_wrap=stderr)


def _cell(value: object) -> Any:
    from rich.text import Text

    return Text(visible(text_of(value)), overflow="fold")


def text_of(value: object) -> str:
    """Return a value as people read it: thousands separated, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return str(value)


def text_of_bytes(number: float) -> str:
    """Return a size in the unit that fits, such as `84.5 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            if unit == "bytes":
                return count(round(number), "byte")
            return f"{number:,.0f} {unit}" if unit == "kB" else f"{number:,.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: `1 row`, `2 rows`, `1,024 batches`."""
    plural = plural or (f"{noun}es" if noun.endswith(("ch", "s", "x")) else f"{noun}s")
    return f"{number:,} {noun if number == 1 else plural}"


def print_error(message: str) -> None:
    """Print an error on standard error, red on a terminal."""
    console(stderr=True).print(
        visible(f"error: {message}", keep=WITHIN_LINES), style="red", markup=False
    )
