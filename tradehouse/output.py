"""How the command line speaks: tables and sentences for people, JSON for programs.

Colours and moving bars only on a terminal. What is shown is known by the callers.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def print_json(content: Any) -> None:
    """Print `content` as one JSON document on standard output."""
    print(json.dumps(content, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table; numbers are set right, with thousands separated."""
    from rich.console import Console
    from rich.table import Table

    rows = [list(row) for row in rows]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(columns):
        values = [row[index] for row in rows if row[index] is not None]
        is_number = bool(values) and all(isinstance(value, int | float) for value in values)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False).print(table)


def _cell(value: object) -> str:
    from rich.markup import escape

    return escape(text_of(value))


def text_of(value: object) -> str:
    """Return a value as people read it: thousands separated, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def text_of_bytes(number: float) -> str:
    """Return a size in the unit that fits, such as `84.5 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}" if unit in ("bytes", "kB") else f"{number:,.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def print_error(message: str) -> None:
    """Print an error on standard error, red on a terminal."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"error: {message}", style="red", markup=False)
