"""Loads into raw what the server wrote: a unit's rows and its ledger row in one transaction.

So every unit lands exactly once. The columns and their types are the same as the embedded runner's.
Not here: where units are (`bucket`, `postgres`), and the job that wrote them (`jobs`).
"""

import itertools
from dataclasses import dataclass, field, replace

import duckdb

from ingestion import ledger, names, repeated_records, sync_modes, tables
from ingestion.declarations import Stream
from ingestion.loads import Loads
from ingestion.names import Names, lowered
from ingestion.protocol import StreamKey
from ingestion.results import StreamResult
from ingestion.server import rows
from ingestion.server.units import Lake, Unit, table_columns
from ingestion.tables import Table


@dataclass(frozen=True)
class Offered:
    """A stream of the connection: how it is declared, and what the server says of it."""

    key: StreamKey
    declared: Stream
    properties: dict[str, object] = field(hash=False)
    beside: tuple[StreamKey, ...] = ()
    """All streams that the server offers, selected or not."""

    def table(self, known: Names) -> Table:
        """Its raw table, called as `known` has it, without columns."""
        known.add((*self.beside, self.key))
        return Table(
            source=known.source,
            key=self.key,
            name=known.tables[self.key],
            names=known.of(self.key),
            columns=(),
            provenance=False,
            file_format=None,
            declared=self.declared,
            discovered={
                "source_defined_primary_key": self.properties.get("sourceDefinedPrimaryKey"),
                "default_cursor_field": self.properties.get("defaultCursorField"),
            },
        )

    def modes(self) -> list[object]:
        """The sync modes the server offers for it."""
        found = self.properties.get("syncModes")
        return found if isinstance(found, list) else []

    def fields(self) -> list[str]:
        """The source's own names of its fields."""
        found = self.properties.get("propertyFields")
        paths = found if isinstance(found, list) else []
        return list(dict.fromkeys(str(path[0]) for path in paths if path))


class Landing:
    """Lands the streams of one sync. `is_whole` says that the job succeeded."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: Lake,
        *,
        source: str,
        sync_id: str,
        job_id: int,
        is_whole: bool,
        is_reset: bool,
    ) -> None:
        self._connection = connection
        self._lake = lake
        self._source = source
        self._sync_id = sync_id
        self._job_id = job_id
        self._is_whole = is_whole
        self._is_reset = is_reset
        self._segments = itertools.count(_last_segment(connection, sync_id) + 1)
        self._first: int | None = None
        self._known = names.read(connection, source)
        self._loads = Loads(connection, source, sync_id)
        self.warnings: list[str] = []

    def land(self, offered: Offered) -> StreamResult:
        """Land what is new of one stream; what was committed before an error stays."""
        landed = _landed(self._connection, self._source, offered.key[1])
        known = {unit: rows for unit, (rows, _) in landed.items()}
        generations = [generation for _, generation in landed.values()]
        last = max(generations, default=None)
        self._first = min(generations, default=None)
        found, stands = self._lake.units(self._connection, self._source, offered.key[1], known)
        result = StreamResult(status="complete" if self._is_whole else "incomplete")
        replaces = self._is_reset or offered.declared.sync_mode == "full_refresh_overwrite"
        if not replaces:
            for unit in found:
                self._commit(offered, [unit], last, result, replaces=False)
                last = max(unit.generation, last or 0)
        elif self._is_whole:
            self._land_in_place(offered, list(found), last, result, stands=stands)
        return result

    def _land_in_place(
        self,
        offered: Offered,
        found: list[Unit],
        last: int | None,
        result: StreamResult,
        *,
        stands: bool,
    ) -> None:
        """Land the newest generation in place of what is there, in one transaction."""
        newest = max((unit.generation for unit in found), default=0)
        units = [unit for unit in found if unit.generation == newest]
        is_late = bool(units) and not self._is_reset and last is not None and newest <= last
        if units or (not stands and offered.declared.allow_empty_overwrite):
            self._commit(offered, units, last, result, replaces=not is_late)
        elif not stands and self._has_rows(offered):
            self.warnings.append(
                f"{offered.key[1]} brought no records: what was there is kept "
                f"(allow_empty_overwrite: true in the declaration would remove it)"
            )
        self._lake.release(found)

    def _has_rows(self, offered: Offered) -> bool:
        table = offered.table(self._known)
        if not tables.existing_columns(self._connection, table):
            return False
        found = self._connection.execute(f"select 1 from {table.sql_name} limit 1").fetchone()
        return found is not None

    def _commit(
        self,
        offered: Offered,
        units: list[Unit],
        last: int | None,
        result: StreamResult,
        *,
        replaces: bool,
    ) -> None:
        """One transaction: the units' rows, what goes in exchange, and the ledger."""
        connection = self._connection
        connection.execute("begin")
        try:
            counts, nulled = self._insert(offered, units, last, replaces=replaces)
            for unit, count in zip(units, counts, strict=True):
                self._record(offered, unit, count)
            size = sum(unit.bytes for unit in units)
            connection.execute(
                "insert into _tradehouse.segments values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    self._sync_id,
                    self._source,
                    *offered.key,
                    next(self._segments),
                    sum(counts),
                    size,
                    nulled,
                    ledger.now(),
                ],
            )
            connection.execute("commit")
        except BaseException:
            connection.execute("rollback")
            raise
        result.records += sum(counts)
        result.bytes += size
        result.nulled_values += nulled
        self._lake.release(units)

    def _insert(
        self, offered: Offered, units: list[Unit], last: int | None, *, replaces: bool
    ) -> tuple[list[int], int]:
        """The rows inserted of every unit, and the values that did not fit."""
        connection, base = self._connection, offered.table(self._known)
        if not replaces:
            sync_modes.require_key(connection, base)
        recorded = recorded_columns(connection, base)
        counts, nulled, starts = [], 0, replaces
        each: list[Unit | None] = [*units] or [None]
        for unit in each:
            columns, by_field = table_columns(unit, offered.fields(), recorded, base.names)
            recognises = self._recognises(base, unit)
            table, changes = sync_modes.prepare(
                connection,
                replace(base, columns=columns, recognises=recognises),
                self._loads,
            )
            self.warnings += changes
            is_copy = offered.declared.sync_mode == "full_refresh_append"
            is_new = is_copy and unit is not None and unit.generation != last
            table = sync_modes.with_generation(
                connection,
                table,
                full_refresh=is_new,
                reset=starts,
                same=not starts and not is_new,
            )
            recorded |= {column.field: (column.name, column.type) for column in table.columns}
            names.record(connection, self._known)
            if starts:
                sync_modes.replace_older(connection, table, 1)
                starts = False
            if unit is not None:
                count, lost = rows.insert(connection, table, unit, by_field)
                nulled += lost
                counts.append(count)
                last = unit.generation
            if table.is_staged:
                self.warnings += sync_modes.merge_staged(connection, table, self._loads)
            elif replaces or (unit is not None and count):
                rewrites = sync_modes.is_rewritten(connection, table)
                landed = 0 if unit is None else count
                self._loads.record(connection, table, landed, rewrites=rewrites)
        return counts, nulled

    def _recognises(self, table: Table, unit: Unit | None) -> bool:
        """Whether rows of the unit may be there already: after a switch, or a refresh there."""
        if table.declared.sync_mode != "incremental_append" or unit is None or self._is_reset:
            return False
        is_refreshed = self._first is not None and unit.generation > self._first
        return bool(table.merge_key) and (
            is_refreshed
            or repeated_records.is_switched(self._connection, self._source, table.key, "server")
        )

    def _record(self, offered: Offered, unit: Unit, count: int) -> None:
        self._connection.execute(
            "insert into _tradehouse.landed values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                self._source,
                offered.key[1],
                unit.name,
                self._job_id,
                count,
                unit.bytes,
                unit.digest,
                unit.generation,
                self._sync_id,
                ledger.now(),
            ],
        )


def rows_of_job(connection: duckdb.DuckDBPyConnection, source: str, job_id: int) -> int:
    """How many rows were landed when a job had ended."""
    row = connection.execute(
        "select coalesce(sum(records), 0)::bigint from _tradehouse.landed"
        " where source = ? and job_id = ?",
        [source, job_id],
    ).fetchone()
    return int(row[0]) if row else 0


def _landed(
    connection: duckdb.DuckDBPyConnection, source: str, stream: str
) -> dict[str, tuple[int, int]]:
    rows = connection.execute(
        "select unit, sum(records)::bigint, max(server_generation_id) from _tradehouse.landed"
        " where source = ? and stream = ? group by unit",
        [source, stream],
    ).fetchall()
    return {unit: (count, generation) for unit, count, generation in rows}


def _last_segment(connection: duckdb.DuckDBPyConnection, sync_id: str) -> int:
    row = connection.execute(
        "select coalesce(max(segment), 0) from _tradehouse.segments where sync_id = ?", [sync_id]
    ).fetchone()
    return int(row[0]) if row else 0


def recorded_columns(
    connection: duckdb.DuckDBPyConnection, table: Table
) -> dict[str, tuple[str, str]]:
    """Name and type of the table's columns by the source's field."""
    present = tables.existing_columns(connection, table)
    return {
        source_field: (name, present[lowered(name)])
        for (source_field, of_type), name in table.names.names.items()
        if of_type is None and lowered(name) in present
    }
