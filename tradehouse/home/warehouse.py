"""Queries on the two DuckDB files: pending loads, held batches, row counts, quarantine.

Only reading, except `drop_relations_without_model`. Connections are opened for moments and by the
holder of the home's lock; everybody else reads what `tradehouse.home.state` keeps.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tradehouse.errors import BusyError, TradehouseError
from tradehouse.home import database, files
from tradehouse.home.files import DamagedError, replacing
from tradehouse.home.paths import Home

# DuckDB's own head and the two that say, in turn, what the newest checkpoint is.
HEAD_BYTES = 3 * 4096
CORRUPT = (
    "corrupt",
    "checksum",
    "deserializ",
    "internal error",
    "not a valid duckdb",
    "not read enough bytes",
)
LAYERS = ("bronze", "silver", "gold")
Found = TypeVar("Found")


@contextmanager
def connected(
    path: Path, *, read_only: bool = True, wait_seconds: float = database.WAIT_SECONDS
) -> Iterator[Any]:
    """Open a DuckDB file for the time of a block, when nobody else has it open in another way.

    Raises:
        BusyError: when another process still has it open after `wait_seconds`.
        DamagedError: when DuckDB cannot open it.
    """
    import duckdb

    if fault := look_at(path):
        raise DamagedError(path, fault)

    def connect() -> Any:
        config: dict[str, Any] = {"autoinstall_known_extensions": "false"}
        return duckdb.connect(path, read_only=read_only, config=config)

    try:
        found = database.wait_to_open(connect, path, wait_seconds)
    except duckdb.Error as error:
        if database.CONFLICT in str(error):
            raise BusyError(
                f"{path} is open in {database.owner_of(error)}. Close it there and call this "
                "again: readers open the release (tradehouse path), never this file."
            ) from error
        if not database.means_damage(error):
            raise
        raise DamagedError(path, _first_line(error)) from error
    with found as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


@contextmanager
def kept_open(*paths: Path) -> Iterator[None]:
    """Keep files open while a block reads them many times: what opens them in it is cheap."""
    with ExitStack() as stack:
        for path in paths:
            if path.exists():
                stack.enter_context(connected(path))
        yield


def stamp_file(path: Path) -> list[int] | None:
    """Return what changes whenever a file is written: size, time of change, inode."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def look_at(path: Path) -> str:
    """Return what is wrong with a DuckDB file as far as a glance tells; empty when nothing is.

    A file that is missing is not wrong.
    """
    if not path.exists():
        return "a link to nothing" if path.is_symlink() else ""
    if not path.is_file():
        return "not a file"
    size = path.stat().st_size
    if size < HEAD_BYTES:
        return f"{size:,} bytes long, too short for a database"
    with path.open("rb") as file:
        return "" if file.read(12)[8:] == b"DUCK" else "not a file of DuckDB's"


def log_of(path: Path) -> Path:
    """Return where DuckDB keeps what is committed to a file and not in it yet."""
    return path.with_name(f"{path.name}.wal")


def set_aside(path: Path, fault: str) -> None:
    """Put a file away that is made anew from raw, with its log, and say so."""
    names = [files.set_aside(one).name for one in (path, log_of(path)) if os.path.lexists(one)]
    files.tell(
        f"{path} is damaged ({fault}): set aside as {' and '.join(names)}, and built again from "
        "raw. Remove it when nobody wants to look at it."
    )


def set_aside_foreign(home: Home, record: dict[str, Any]) -> bool:
    """Set the warehouse aside when it is damaged or not one that was built; return whether.

    Args:
        home: the home, its lock held.
        record: the record of the last build.
    """
    fault = _find_foreign(home, record)
    if fault:
        set_aside(home.warehouse, fault)
    return bool(fault)


def _find_foreign(home: Home, record: dict[str, Any]) -> str:
    path = home.warehouse
    if not path.exists():
        return "only its log is there" if log_of(path).exists() else ""
    is_left_whole = record.get("status") not in (None, "begun") and record.get("warehouse")
    if is_left_whole and log_of(path).exists():
        return "there is a log beside it that no build left"
    if is_left_whole and stamp_file(path) != record["warehouse"]:
        # What somebody wrote by hand stands, and every test reads it.
        return find_corruption(path) or _find_other(path)
    try:
        with connected(path):
            return ""
    except DamagedError as error:
        return error.reason


def _find_other(path: Path) -> str:
    with connected(path) as connection:
        found = connection.execute(
            "select schema_name from duckdb_schemas() where database_name = current_database()"
        ).fetchall()
    return "" if {name for (name,) in found} & {*LAYERS} else "not a warehouse"


def set_aside_corrupt(home: Home, message: str) -> bool:
    """Set the warehouse aside when a build failed with it because it is corrupt; return whether.

    Raises:
        TradehouseError: when raw is.
    """
    if not means_corrupt(message):
        return False
    for path in (home.warehouse, home.raw):
        fault = find_corruption(path)
        if fault and path == home.raw:
            raise TradehouseError(describe_raw(path, fault))
        if fault:
            set_aside(path, fault)
            return True
    return False


def means_corrupt(message: str) -> bool:
    """Whether DuckDB says that it met a file whose content is not what it wrote."""
    return any(word in message.lower() for word in CORRUPT)


def find_corruption(path: Path) -> str:
    """Return what DuckDB says when every row of a file is read; empty when all can be."""
    import duckdb

    try:
        with connected(path) as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables()"
                " where database_name = current_database() order by all"
            ).fetchall()
            for schema, table in tables:
                connection.execute(f'select bit_xor(hash(one)) from "{schema}"."{table}" as one')
    except DamagedError as error:
        return error.reason
    except duckdb.Error as error:
        if not database.means_damage(error):
            raise
        return _first_line(error)
    return ""


def describe_raw(path: Path, fault: str) -> str:
    """Return what to do about a raw file that cannot be read."""
    return (
        f"{path} is damaged ({fault}). It holds what sources delivered, so it is not made anew and "
        "not removed. Put back a copy of it; without one, move it away and give everything to a "
        "home of its own: TRADEHOUSE_HOME=<another directory> tradehouse run --landing <DIR>."
    )


def _first_line(error: Exception) -> str:
    return " ".join(str(error).splitlines()[0].split())[:300]


def deliveries_in_force(home: Home) -> dict[int, int]:
    """Return the delivery in force of every batch that is completely loaded into raw."""
    return {batch: delivery for batch, (delivery, _) in loads_in_force(home).items()}


def loads_in_force(home: Home) -> dict[int, tuple[int, int]]:
    """Return the delivery in force of every batch in raw, and when it was read.

    A raw file that was put back from a copy gives the next delivery a number that it gave before;
    the time, in microseconds since 1970, UTC, is another one.
    """
    if not home.raw.exists():
        return {}
    with connected(home.raw) as connection:
        if not _has_table(connection, "brokerage", "batch_date"):
            return {}
        rows = connection.execute(
            "select _batch, max(_delivery), epoch_us(max_by(_airbyte_extracted_at, _delivery))"
            " from brokerage.batch_date group by all order by all"
        ).fetchall()
    return {batch: (delivery, read_at) for batch, delivery, read_at in rows}


def deliveries_built(home: Home) -> dict[int, int]:
    """Return the delivery of every batch that the warehouse holds completely, tests passed."""
    return {
        batch: delivery
        for _, _, batch, delivery, _ in built(home)
        if batch is not None and delivery is not None
    }


def built(home: Home) -> list[tuple[str, int | None, int | None, int | None, int | None]]:
    """Return what the warehouse holds completely, tests passed, in order.

    Of every load the source, its number there, the batch and delivery where the source has them,
    and when it was committed to raw, in microseconds since 1970, UTC.
    """
    if not home.warehouse.exists():
        return []
    with connected(home.warehouse) as connection:
        if not _has_table(connection, "silver", "built_loads"):
            return []
        rows = connection.execute(
            "select source, load, batch_id, delivery, epoch_us(committed_at)"
            " from silver.built_loads order by all"
        ).fetchall()
    return list(rows)


BUILT_BY = "Built by project "
BY_BATCH = "brokerage"
EVERY_TABLE = "*"


def project_built_with(home: Home) -> str | None:
    """Return the digest of the project that built the warehouse, as the last node's comment has it.

    Empty where that was built by hand, None where nothing says it.
    """
    if not home.warehouse.exists():
        return None
    with connected(home.warehouse) as connection:
        found = connection.execute(
            "select comment from duckdb_tables() where database_name = current_database()"
            " and schema_name = 'silver' and table_name = 'built_loads'"
        ).fetchone()
    comment = found[0] if found else None
    return comment.removeprefix(BUILT_BY) if comment and comment.startswith(BUILT_BY) else None


def last_loads_built(home: Home) -> dict[str, list[int]]:
    """Return the last load that the warehouse holds, of every source without batches.

    Its number and when it was committed to raw, in microseconds since 1970, UTC.
    """
    return {
        source: [load, at]
        for source, load, _, _, at in built(home)  # In order.
        if source != BY_BATCH and load is not None and at is not None
    }


@dataclass(frozen=True)
class Load:
    """A load of a source without batches.

    `committed_at` is in microseconds since 1970, UTC: after an older raw was put back a number is
    given again. `tables` are those whose rows it changed.
    """

    source: str
    number: int
    committed_at: int
    tables: frozenset[str]


def loads_waiting(home: Home, *, with_held: bool = False) -> list[Load]:
    """Return the loads of sources without batches that the warehouse does not hold completely.

    Those of sources that their contract holds are left out, unless `with_held`.

    Where it holds one that raw does not, an older raw was put back: the source waits as one load
    with the number 0 that changed every table.
    """
    if not home.raw.exists():
        return []
    with connected(home.raw) as connection:
        if not _has_table(connection, "_tradehouse", "loads"):
            return []
        rows = connection.execute(
            "select source, load, epoch_us(max(committed_at)), list(distinct table_name)"
            " from _tradehouse.loads where source <> ? group by all order by all",
            [BY_BATCH],
        ).fetchall()
        held = set() if with_held else _held_sources(connection)
    loads = [Load(source, load, at, frozenset(tables)) for source, load, at, tables in rows]
    known = {(source, load, at) for source, load, _, _, at in built(home) if source != BY_BATCH}
    there = {(one.source, one.number, one.committed_at) for one in loads}
    undone = {source for source, _, _ in known - there}
    waiting = [
        one
        for one in loads
        if one.source not in undone | held
        and (one.source, one.number, one.committed_at) not in known
    ]
    return waiting + [Load(source, 0, 0, frozenset({EVERY_TABLE})) for source in sorted(undone)]


def _held_sources(connection: Any) -> set[str]:
    if not _has_table(connection, "_tradehouse", "judged"):
        return set()
    found = connection.execute(
        "select source from _tradehouse.judged group by all having not max_by(is_accepted, load)"
    ).fetchall()
    return {source for (source,) in found}


def was_synced(home: Home, source: str) -> bool:
    """Whether a sync of the source ever began."""
    if not home.raw.exists():
        return False
    with connected(home.raw) as connection:
        if not _has_table(connection, "_tradehouse", "syncs"):
            return False
        row = connection.execute(
            "select 1 from _tradehouse.syncs where source = ? limit 1", [source]
        ).fetchone()
    return row is not None


def has_loads(home: Home) -> bool:
    """Whether raw has a load of a source without batches."""
    if not home.raw.exists():
        return False
    with connected(home.raw) as connection:
        if not _has_table(connection, "_tradehouse", "loads"):
            return False
        row = connection.execute(
            "select 1 from _tradehouse.loads where source <> ? limit 1", [BY_BATCH]
        ).fetchone()
    return row is not None


def read_raw(home: Home, read: Callable[[Any], Found]) -> Found | None:
    """Return what `read` finds with a connection to raw that reads only; None without raw."""
    if not home.raw.exists():
        return None
    with connected(home.raw) as connection:
        return read(connection)


def count_raw(home: Home, source: str) -> list[dict[str, Any]]:
    """Return stream, table, rows and number of loads of every stream of a source that is loaded."""
    if not home.raw.exists():
        return []
    with connected(home.raw) as connection:
        if not _has_table(connection, "_tradehouse", "loads"):
            return []
        found = connection.execute(
            "select stream, table_name, count(distinct load)"
            " from _tradehouse.loads where source = ? group by all order by all",
            [source],
        ).fetchall()
        return [
            {
                "stream": stream,
                "table": f"{source}.{table}",
                "rows": connection.execute(
                    f"select count(*) from {_name(source, table)}"
                ).fetchone()[0],
                "loads": loads,
            }
            for stream, table, loads in found
            if _has_table(connection, source, table)
        ]


def tables_to_build(home: Home, in_force: dict[int, int]) -> set[str]:
    """Return the raw tables with rows in the first batch that is not built, or in a later one."""
    built = deliveries_built(home)
    first = min(batch for batch, delivery in in_force.items() if built.get(batch) != delivery)
    with connected(home.raw) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables"
            " where table_catalog = current_database() and table_schema = 'brokerage'"
        ).fetchall()
        return {
            table
            for (table,) in tables
            if connection.execute(
                f'select 1 from brokerage."{table}" where _batch >= {first} limit 1'
            ).fetchone()
        }


def read_batches(home: Home) -> list[dict[str, Any]]:
    """Return the batches as the gate judged them in the last build, oldest first."""
    if not home.warehouse.exists():
        return []
    with connected(home.warehouse) as connection:
        if not _has_table(connection, "bronze", "bronze_batches"):
            return []
        found = connection.execute(
            """
            select
                batch_id as batch, delivery, cast(batch_date as varchar) as batch_date, is_accepted,
                rows_delivered, rows_typed, rows_quarantined, rows_dropped,
                held_stream as stream, held_file as file, held_line as line, held_reason as reason
            from bronze.bronze_batches
            order by batch_id
            """
        )
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def count_rows(home: Home) -> dict[str, dict[str, int]]:
    """Return the number of rows by layer and relation; of views, gold's only."""
    with connected(home.warehouse) as connection:
        database.attach_raw_for_views(connection, home.warehouse)
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_catalog = current_database() and (table_schema = 'gold'"
            " or table_schema in ('bronze', 'silver') and table_type = 'BASE TABLE') order by all"
        ).fetchall()
        counts: dict[str, dict[str, int]] = {layer: {} for layer in LAYERS}
        for schema, table in tables:
            [rows] = connection.execute(f'select count(*) from {schema}."{table}"').fetchone()
            counts[schema][table] = rows
    return counts


def snapshot_quarantine(home: Home, path: Path) -> list[dict[str, Any]]:
    """Keep what is in quarantine as a Parquet file, and return the counts by stream and reason.

    Of every source: the brokerage's rows are told by batch, file and line, a connector's records
    by their id.
    """
    with connected(home.warehouse) as connection:
        if not _has_table(connection, "bronze", "quarantine"):
            return []
        every = _every_quarantine(connection)
        with replacing(path) as begun:
            connection.execute(
                f"copy (from ({every}) order by source = 'brokerage' desc, source, batch_id,"
                f" source_file, source_line, stream, extracted_at, raw_id)"
                f" to '{_quoted(begun)}' (format parquet)"
            )
        rows = connection.execute(
            f"select source, batch_id, stream, reason, disposition, count(*) from ({every})"
            " group by all order by all"
        ).fetchall()
    keys = ("source", "batch", "stream", "reason", "disposition", "rows")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _every_quarantine(connection: Any) -> str:
    """The query that gives the rows in quarantine of every source."""
    found = connection.execute(
        r"""select table_name from information_schema.columns
        where table_catalog = current_database() and table_schema = 'bronze'
            and regexp_full_match(table_name, 'bronze_[a-z0-9_]+__quarantine')
            and column_name in ('stream', 'raw_id', 'reason', 'detail', 'raw_text')
        group by all having count(*) = 5 order by all"""
    ).fetchall()
    parts = [
        "select 'brokerage' as source, *, null::varchar as raw_id, null::timestamptz"
        " as extracted_at from bronze.quarantine"
    ]
    for (table,) in found:
        source = table.removeprefix("bronze_").removesuffix("__quarantine")
        parts.append(
            f"select '{source}' as source, *, 'quarantined' as disposition"
            f" from {_name('bronze', table)}"
        )
    return " union all by name ".join(parts)


def is_snapshot(path: Path) -> bool:
    """Whether a Parquet file is there and has its two ends."""
    try:
        if not path.is_file():  # A pipe would be waited for.
            return False
        with path.open("rb") as file:
            begins = file.read(4) == b"PAR1"
            file.seek(-4, os.SEEK_END)
            return begins and file.read() == b"PAR1"
    except OSError:
        return False


def count_unmatched(home: Home) -> dict[str, int]:
    """Return by reason how many typed rows are not in gold, as they name what is not known."""
    with connected(home.warehouse) as connection:
        if not _has_table(connection, "bronze", "quarantine_unmatched"):
            return {}
        return dict(
            connection.execute(
                "select reason, count(*) from bronze.quarantine_unmatched group by all order by all"
            ).fetchall()
        )


def count_streams(home: Home) -> list[dict[str, Any]]:
    """Return for every stream how many rows were delivered, and what became of them."""
    with connected(home.warehouse) as connection:
        if not _has_table(connection, "bronze", "bronze_file_rows"):
            return []
        rows = connection.execute(
            """
            with refused as (
                select
                    stream,
                    count(*) filter (where disposition = 'quarantined') as quarantined,
                    count(*) filter (where disposition = 'dropped_duplicate') as dropped
                from bronze.quarantine
                group by all
            )
            select
                files.stream,
                cast(sum(files.rows_delivered) as bigint),
                cast(sum(files.rows_typed) as bigint),
                coalesce(any_value(refused.quarantined), 0),
                coalesce(any_value(refused.dropped), 0)
            from bronze.bronze_file_rows as files
            left join refused using (stream)
            group by all
            order by all
            """
        ).fetchall()
    keys = ("stream", "delivered", "typed", "quarantined", "dropped")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def read_quarantine(
    path: Path,
    *,
    source: str | None,
    batch: int | None,
    stream: str | None,
    reason: str | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return rows of a snapshot, filtered, ordered by source, batch, file and line."""
    import duckdb

    if not is_snapshot(path):
        raise TradehouseError(
            f"{path} is {'damaged' if os.path.lexists(path) else 'missing'}, so what is in "
            "quarantine cannot be shown. `tradehouse run` makes it again from the warehouse."
        )
    wanted = {"source": source, "batch_id": batch, "stream": stream, "reason": reason}
    given = {column: value for column, value in wanted.items() if value is not None}
    condition = " and ".join(["true", *(f"{column} = ${column}" for column in given)])
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        # A home of before has no column for the source: there was one.
        found = connection.execute(
            f"select * replace (coalesce(source, 'brokerage') as source) from ("
            f" select null::varchar as source, null::varchar as raw_id,"
            f" null::timestamptz as extracted_at where false"
            f" union all by name from read_parquet('{_quoted(path)}'))"
            f" where {condition} limit {limit:d}",
            given,
        )
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def drop_relations_without_model(home: Home, known: set[tuple[str, str]]) -> list[str]:
    """Drop what is in bronze, silver and gold and has no model or seed any more; return names.

    Args:
        home: the home.
        known: schema and name of whatever has one, in any case, as names are for DuckDB.
    """
    names = {(schema.lower(), name.lower()) for schema, name in known}
    with connected(home.warehouse) as connection:
        relations = connection.execute(
            "select table_schema, table_name, table_type from information_schema.tables"
            " where table_catalog = current_database()"
            " and lower(table_schema) in ('bronze', 'silver', 'gold') order by all"
        ).fetchall()
    orphans = [one for one in relations if (one[0].lower(), one[1].lower()) not in names]
    if orphans:
        with connected(home.warehouse, read_only=False) as connection:
            for schema, name, kind in orphans:
                what = "view" if kind == "VIEW" else "table"
                connection.execute(f'drop {what} {schema}."{name}"')
    return [f"{schema}.{name}" for schema, name, _ in orphans]


def _has_table(connection: Any, schema: str, table: str) -> bool:
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    return bool(found[0])


def _name(schema: str, table: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, table))


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
