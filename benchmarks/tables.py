"""Tables in Markdown, and the rows and bars that several sections of the page show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.charts import Bar
from benchmarks.figures import CPU, PEAK, WALL, Figures, cpu_beyond_start, phase

DAY_HEADS = (
    *("records", "wall s", "CPU s", "records/s", "CPU s beyond start and parse", "ms per record"),
    *("release, CPU s", "peak MB"),
)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; columns but the first are aligned to the right."""
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines)


def bar(name: str, pieces: tuple[float, ...]) -> Bar:
    """A bar with the sum of its pieces behind it."""
    return Bar(name, pieces, f"{sum(pieces):.1f} s")


def day_row(day: Figures) -> tuple[str, ...]:
    """What a day took, under `DAY_HEADS`."""
    records, beyond = day["facts"]["records"], cpu_beyond_start(day)
    spent = (f"{day[WALL]:.1f}", f"{day[CPU]:.1f}", f"{records / day[WALL]:,.0f}")
    release = phase([day], "publish", CPU)
    own = (f"{beyond:.1f}", f"{beyond / records * 1000:.3f}", f"{release:.1f}")
    return (f"{records:,}", *spent, *own, f"{day[PEAK]:,.0f}")
