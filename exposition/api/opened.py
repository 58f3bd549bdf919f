"""Releases that the server has open, each in a DuckDB of its own that can do nothing but read it.

An open file stays what it is when another release is published or its own is removed, so an answer
that has begun ends with the release it began with.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from exposition.release import Edition
from tradehouse.home.paths import whole_number_setting

MEMORY = "TRADEHOUSE_API_MEMORY_MB"
MEMORY_MB = 512
KEPT_SECONDS = 600
"""How long a release that is not the published one any more is kept for further pages."""
CONFIG = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "temp_directory": "",
    "threads": "2",
}


@dataclass(frozen=True)
class Column:
    """A column of the file; `type` is DuckDB's word for it."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Table:
    """A table or view of the file, with all of its columns."""

    name: str
    description: str
    columns: tuple[Column, ...]
    is_view: bool = False


class Opened:
    """A release's file, open and locked: read only, no other file, no setting, no extension."""

    def __init__(self, edition: Edition) -> None:
        """Open the file of an edition; what a reader may see of it is for the callers."""
        import duckdb

        memory = whole_number_setting(MEMORY, MEMORY_MB, least=64)
        config: dict[str, Any] = {**CONFIG, "memory_limit": f"{memory}MB"}
        self.release = edition.release
        self._lock = threading.Lock()
        self._connection: Any = duckdb.connect(edition.path, read_only=True, config=config)
        if not self._is_locked():  # Whoever has it open in this process shares its settings.
            self._connection.execute("set python_enable_replacements = false")
            self._connection.execute("set global TimeZone = 'UTC'")
            self._connection.execute("set lock_configuration = true")
        self.tables = self._read_tables()

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """Yield a connection of the calling thread's own; what it was doing ends with the block."""
        with self._lock:
            cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def _is_locked(self) -> bool:
        said = self._connection.execute("select current_setting('lock_configuration')").fetchone()
        return bool(said[0])

    def _read_tables(self) -> dict[str, Table]:
        found: dict[str, list[Column]] = {}
        for table, *column in self._connection.execute(
            "select table_name, column_name, data_type, coalesce(comment, '') from duckdb_columns()"
            " where schema_name = 'gold' and not internal order by table_name, column_index"
        ).fetchall():
            found.setdefault(table, []).append(Column(*column))
        relations = self._connection.execute(
            "select table_name, coalesce(comment, ''), false from duckdb_tables()"
            " where schema_name = 'gold' union all"
            " select view_name, coalesce(comment, ''), true from duckdb_views()"
            " where schema_name = 'gold'"
        ).fetchall()
        return {
            name: Table(name, comment, tuple(found[name]), is_view)
            for name, comment, is_view in sorted(relations)
        }


class OpenReleases:
    """The releases that answers are made from: the newest, and for a while the ones before it."""

    def __init__(self) -> None:
        """Nothing is open yet."""
        self._opening = threading.Lock()
        self._open: dict[str, tuple[Opened, float]] = {}

    def get(self, edition: Edition) -> Opened:
        """Return the file of an edition, opened now or before; takes a moment the first time."""
        with self._opening:
            opened = self.find(edition.release.id) or Opened(edition)
            self._open[edition.release.id] = opened, time.monotonic()
        return opened

    def find(self, release_id: str) -> Opened | None:
        """Return a release if it is open; closes those nobody has asked for in a while."""
        now = time.monotonic()
        found = self._open.get(release_id)
        if found:
            self._open[release_id] = found[0], now
        for other, (_, asked_at) in list(self._open.items()):
            if now - asked_at > KEPT_SECONDS:
                self._open.pop(other, None)
        return found[0] if found else None
