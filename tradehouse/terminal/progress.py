"""Progress of a command: one line per step, and on a terminal a progress bar.

Everything goes to standard error, so that `--json` and redirected output stay clean.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tradehouse.terminal.output import console
from tradehouse.terminal.streams import visible


class Step:
    """One step; `update` moves its bar, `finish` sets what its closing line says."""

    def __init__(self, name: str, bar: Any, task: Any) -> None:
        """Belongs to `Steps.step`."""
        self.name = name
        self.outcome = ""
        self.result: object = None
        self.started = time.monotonic()
        self._bar = bar
        self._task = task

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.started

    def update(self, done: float, total: float | None, note: str) -> None:
        """Show how far the step is; `total` None when it cannot be known."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, note=visible(note))

    def finish(self, outcome: str, result: object = None) -> None:
        """Set what the step's closing line says, and what came of it for who hears of steps."""
        self.outcome, self.result = outcome, result


class Steps:
    """The steps of one command."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Prepare; `quiet` says nothing at all."""
        self.quiet = quiet
        self._listeners: list[Callable[[Step], None]] = []

    @contextmanager
    def heard_by(self, listener: Callable[[Step], None]) -> Iterator[None]:
        """Call a function with every step that ends while the block runs."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show one step while the block runs, then its closing line with the seconds it took."""
        with self._shown(name) as step:
            try:
                yield step
            finally:
                for listener in self._listeners:
                    listener(step)

    @contextmanager
    def _shown(self, name: str) -> Iterator[Step]:
        from rich.markup import escape

        if self.quiet:
            yield Step(name, None, None)
            return
        if not sys.stderr.isatty():
            step = Step(name, None, None)
            yield step
        else:
            from rich.progress import (
                BarColumn,
                Progress,
                SpinnerColumn,
                TextColumn,
                TimeElapsedColumn,
            )

            columns = [SpinnerColumn(_spinner()), TextColumn("{task.description}", markup=False)]
            columns += [BarColumn(30), TextColumn("{task.fields[note]}", markup=False)]
            columns += [TimeElapsedColumn()]
            with Progress(*columns, transient=True, console=console(stderr=True)) as bar:
                step = Step(name, bar, bar.add_task(f"{visible(name):<8}", total=None, note=""))
                yield step
        said = visible(f"{name:<8} {step.outcome}")
        console(stderr=True).print(f"{escape(said)} [dim]({step.seconds:.1f} s)[/dim]")


def _spinner() -> str:
    is_unicode = (sys.stderr.encoding or "").lower().startswith("utf")
    return "dots" if is_unicode else "line"
