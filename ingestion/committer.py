"""Loading and committing segments: a few threads, each with a connection of its own.

Segments load in parallel; where order matters, each commits after the segments it follows. One that
needs too much memory is loaded in pieces, one at a time, with a higher limit. Not here: how rows
are inserted (`record_loading`, `files`) and what a segment is (`segments`).
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from ingestion import files, ledger, record_loading, sync_modes
from ingestion.bulk_files import NotPlainError
from ingestion.database import most_memory
from ingestion.errors import TooLargeError
from ingestion.loads import Loads
from ingestion.protocol import StreamKey
from ingestion.results import StreamResult
from ingestion.segments import FileReference, LoadedFile, Segment
from ingestion.tables import Table, literal

WORKERS = 2
WAITING_SPOOL_BYTES = 256 * 1024 * 1024


@dataclass
class Loaded:
    """What one segment brought, by stream: (records, bytes, nulled values) and files."""

    totals: dict[StreamKey, tuple[int, int, int]] = field(default_factory=dict)
    files: dict[StreamKey, list[LoadedFile]] = field(default_factory=dict)
    unknown_fields: dict[StreamKey, dict[str, int]] = field(default_factory=dict)
    """How many records have which fields that their table does not take."""


class Committer:
    """Takes sealed segments and commits each in one transaction.

    `submit` blocks while much is waiting. After an error nothing more is committed; `close` raises
    it. `on_commit` is called by the loading threads, one at a time.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        tables: Mapping[StreamKey, Table],
        *,
        sync_id: str,
        source: str,
        loads: Loads,
        staging: Path,
        on_commit: Callable[[Segment, Loaded], None],
        workers: int = WORKERS,
    ) -> None:
        self._tables = dict(tables)
        self._sync_id = sync_id
        self._source = source
        self._loads = loads
        self._staging = staging
        self._on_commit = on_commit
        self._changed = threading.Condition()
        self._waiting: list[Segment] = []
        self._closed = False
        self._large: set[StreamKey] = set()  # Streams that the usual memory does not suffice for.
        self._one_at_a_time = threading.Lock()
        self.error: BaseException | None = None
        self.kept_empty: set[StreamKey] = set()
        self.unknown_fields: dict[StreamKey, Counter[str]] = {}
        self.results: dict[StreamKey, StreamResult] = {key: StreamResult() for key in tables}
        self._connections = [connection.cursor() for _ in range(workers)]
        for each in self._connections:
            each.execute("set enable_progress_bar = false")
        self._threads = [
            threading.Thread(target=self._work, args=(each,), daemon=True)
            for each in self._connections
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, segment: Segment) -> None:
        """Hand over a segment. Raises the error that stopped the loading, if there was one."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self.error is not None
                    or not self._waiting
                    or sum(s.spool_bytes for s in self._waiting) < WAITING_SPOOL_BYTES
                )
            )
            if self.error is not None:
                raise self.error
            self._waiting.append(segment)
            self._changed.notify_all()

    def close(self) -> None:
        """Wait until everything is committed. Raises the error that stopped the loading."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._join()
        if self.error is not None:
            raise self.error

    def abandon(self) -> None:
        """Stop: what is being loaded is rolled back."""
        with self._changed:
            self.error = self.error or InterruptedError("the sync was stopped")
            self._changed.notify_all()
        for connection in self._connections:
            connection.interrupt()
        self._join()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()
        while self._connections:
            self._connections.pop().close()

    def _next(self) -> Segment | None:
        """The largest waiting segment whose predecessors have been started."""

        def ready() -> list[Segment]:
            return [s for s in self._waiting if all(before.started for before in s.follows)]

        with self._changed:
            self._changed.wait_for(
                lambda: self.error is not None or ready() or (self._closed and not self._waiting)
            )
            if self.error is not None or not self._waiting:
                return None
            segment = max(ready(), key=lambda s: s.bytes)
            self._waiting.remove(segment)
            segment.started = True
            self._changed.notify_all()
            return segment

    def _work(self, connection: duckdb.DuckDBPyConnection) -> None:
        while (segment := self._next()) is not None:
            try:
                self._commit(connection, segment)
            except BaseException as error:
                with self._changed:
                    self.error = self.error or error
                    self._changed.notify_all()
                return
            finally:
                segment.settled.set()

    def _commit(self, connection: duckdb.DuckDBPyConnection, segment: Segment) -> None:
        if any(key in before.complete for before in segment.follows for key in segment.complete):
            self._wait_for_turn(segment)  # More of a stream that was said to be complete.
        exactly: frozenset[FileReference] = frozenset()
        while True:
            connection.execute("begin")
            try:
                loaded = self._load(connection, segment, exactly)
                shown = self._drop_older_generations(connection, segment, loaded)
                self._wait_for_turn(segment)
                self._record_loads(connection, loaded, shown)
                ledger.record_segment(
                    connection, self._sync_id, self._source, segment, loaded.totals, loaded.files
                )
                connection.execute("commit")
                break
            except NotPlainError as error:
                connection.execute("rollback")
                exactly |= set(error.references)
            except record_loading.UnreadableError as error:
                connection.execute("rollback")
                record_loading.repair(error.part)
            except (TooLargeError, duckdb.OutOfMemoryException) as error:
                _roll_back(connection)
                self._give_memory(connection, segment, error)
            except BaseException:
                _roll_back(connection)
                raise
        segment.committed = True
        self._report(segment, loaded)
        self._clean(segment)

    def _give_memory(
        self, connection: duckdb.DuckDBPyConnection, segment: Segment, error: Exception
    ) -> None:
        """Load a segment's streams as large ones from now on. Raises the error if they were."""
        if all(part.in_pieces for part in segment.parts):
            raise error
        with self._changed:
            self._large |= {part.key for part in segment.parts}
            connection.execute(f"set memory_limit = {literal(most_memory())}")

    def _load(
        self,
        connection: duckdb.DuckDBPyConnection,
        segment: Segment,
        exactly: frozenset[FileReference],
    ) -> Loaded:
        for part in segment.parts:
            part.in_pieces = part.key in self._large
        is_large = any(part.in_pieces for part in segment.parts)
        with self._one_at_a_time if is_large else nullcontext():
            return self._load_parts(connection, segment, exactly)

    def _load_parts(
        self,
        connection: duckdb.DuckDBPyConnection,
        segment: Segment,
        exactly: frozenset[FileReference],
    ) -> Loaded:
        loaded = Loaded()
        for part in segment.parts:
            table = self._tables[part.key]
            count, nulled = record_loading.load(connection, table, part)
            if part.records:
                unknown = record_loading.unknown_fields(connection, table, part)
                loaded.unknown_fields[part.key] = unknown
            found = files.from_records(connection, table, part, count)
            if part.references:
                found += files.load(connection, table, part.references, exactly)
                count += sum(file.records for file in found if file.reference in part.references)
            if found:
                loaded.files[part.key] = found
            loaded.totals[part.key] = (count, part.bytes, nulled)
        return loaded

    def _drop_older_generations(
        self, connection: duckdb.DuckDBPyConnection, segment: Segment, loaded: Loaded
    ) -> set[StreamKey]:
        """Remove what the segment replaces; returns the streams of which that was done."""
        replaced = set()
        for key in segment.complete:
            table = self._tables[key]
            count = loaded.totals.get(key, (0, 0, 0))[0]
            if not table.minimum_generation_id:
                if not count and sync_modes.keeps_copy(connection, table):
                    self.kept_empty.add(key)
                continue
            if sync_modes.replace_older(connection, table, count):
                replaced.add(key)
            else:
                self.kept_empty.add(key)
        return replaced

    def _record_loads(
        self, connection: duckdb.DuckDBPyConnection, loaded: Loaded, replaced: set[StreamKey]
    ) -> None:
        for key in loaded.totals.keys() | replaced:
            count, files = loaded.totals.get(key, (0, 0, 0))[0], loaded.files.get(key, ())
            table = self._tables[key]
            if not table.is_staged and (count or key in replaced):
                rewrites = sync_modes.is_rewritten(connection, table)
                self._loads.record(connection, table, count, files, rewrites=rewrites)

    def _wait_for_turn(self, segment: Segment) -> None:
        for before in segment.follows:
            before.settled.wait()
            if not before.committed:
                raise InterruptedError("a segment before this one was not committed")
        if self.error is not None:
            raise self.error

    def _report(self, segment: Segment, loaded: Loaded) -> None:
        with self._changed:
            for key, (count, size, nulled) in loaded.totals.items():
                result = self.results[key]
                result.records += count
                result.bytes += size
                result.nulled_values += nulled
            for key, unknown in loaded.unknown_fields.items():
                if unknown:
                    self.unknown_fields.setdefault(key, Counter()).update(unknown)
            self._on_commit(segment, loaded)

    def _clean(self, segment: Segment) -> None:
        for part in segment.parts:
            part.spool.unlink(missing_ok=True)
            for reference in part.references:
                if reference.path.resolve().is_relative_to(self._staging.resolve()):
                    reference.path.unlink(missing_ok=True)


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("rollback")
    except duckdb.Error:
        return  # The error that led here has ended the transaction already.
