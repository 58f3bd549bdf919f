"""What a story is made of, before it is drawn: plain values that can be compared and kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Table:
    """Rows of texts below headings; `numbers` are the positions of columns of numbers."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    is_folded: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart as Vega-Lite has it, what it shows in words, and its figures as a table."""

    title: str
    description: str
    vega_lite: dict[str, Any]
    table: Table


@dataclass(frozen=True)
class Tile:
    """One figure, large, with a sentence below."""

    label: str
    value: str
    sentence: str


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it, in this order."""

    id: str
    heading: str
    sentences: Sequence[str] = ()
    tiles: Sequence[Tile] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Page:
    """The story of a reader; `directory` is where it lies, `day` the last one that is in it."""

    directory: str
    reader: str
    title: str
    summary: str
    day: date | None
    sections: Sequence[Section] = field(default_factory=tuple)
