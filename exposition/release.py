"""Which file a reader gets, and what of it the reader may see: every door asks `find_edition`.

Classes of columns are read from the release, as they were declared when it was made. A column of
an unknown class is treated as personal. Not here: opening the file, which is the doors' business.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tradehouse.errors import TradehouseError
from tradehouse.home import files
from tradehouse.home.paths import Home
from tradehouse.publish import releases

FOR_EVERY_READER = frozenset({"public", "internal"})
"""Classes that need no permission; `personal`, `sensitive` and unknown ones do."""


@dataclass(frozen=True)
class Reader:
    """Who asks: the name of the token or connection, and whether it may see personal data."""

    name: str
    may_see_personal: bool = False


class NothingPublishedError(TradehouseError):
    """There is no release that could be read; the message says what to do."""


@dataclass(frozen=True)
class Edition:
    """What one reader gets of a release: the file, and which columns of it."""

    release: releases.Release
    path: Path
    """The file's own path, which stays the same when another release is published."""
    may_see_personal: bool

    def class_of(self, table: str, column: str) -> str | None:
        """Return the class that a column was published with, None where none is known."""
        known = self.release.tables.get(table.lower())
        return known.classes.get(column.lower()) if known else None

    def may_see(self, table: str, column: str) -> bool:
        """Whether the reader may see a column."""
        return self.may_see_personal or self.class_of(table, column) in FOR_EVERY_READER

    def key_of(self, table: str) -> tuple[str, ...]:
        """Return the primary key of a table; empty where none is declared, or part of it hidden."""
        known = self.release.tables.get(table.lower())
        key = tuple(known.key) if known else ()
        return key if all(self.may_see(table, column) for column in key) else ()


def find_edition(home: Home, reader: Reader) -> Edition:
    """Return what a reader gets now: the published release, without what the reader may not see.

    Asking again costs microseconds as long as nothing else is published.

    Raises:
        NothingPublishedError: when nothing is, or what is cannot be read.
    """
    current = releases.find_current(home)
    stamp = current and files.stamp_file(home.releases / current / releases.MANIFEST)
    if not current or not stamp:
        fault = releases.find_fault(home) or "Nothing is published yet."
        raise NothingPublishedError(f"{fault} {releases.advice(home)}")
    release = _read(home, current, tuple(stamp))
    return Edition(release, Path(release.path), reader.may_see_personal)


@lru_cache(maxsize=8)
def _read(home: Home, release_id: str, _stamp: tuple[int, ...]) -> releases.Release:
    try:
        return releases.read_release(home, release_id)
    except releases.DamagedReleaseError as error:
        raise NothingPublishedError(f"{error} {releases.advice(home)}") from error
