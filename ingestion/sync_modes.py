"""Sync modes in the database: generations, replacing a stream's rows, merging by key.

Append needs none of this. Overwrite: when the stream is complete, one transaction adds the rows of
the new generation and removes those below the minimum generation. De-duplication: rows are
collected in a staging table, durable with their states, and merged by key once per sync. Deletions
are kept, so that an older row that arrives later does not bring back what was deleted.
"""

import shlex
from collections.abc import Iterable
from dataclasses import replace

import duckdb
import orjson

from ingestion import comparing, merging, repeated_records, tables
from ingestion.database import most_memory
from ingestion.errors import IngestionError
from ingestion.loads import Loads
from ingestion.names import lowered
from ingestion.tables import DELETED_SCHEMA, LOAD, STAGING_SCHEMA, Table, literal, quoted
from tradehouse.terminal.output import count

_OF_STREAM = "where source = ? and stream = ? and namespace is not distinct from ?"
REFRESHING = ("full_refresh_append", "full_refresh_overwrite")


def prepare(
    connection: duckdb.DuckDBPyConnection, table: Table, loads: Loads
) -> tuple[Table, list[str]]:
    """The table as `tables.prepare` leaves it; rows whose column got another type are a load."""
    before = tables.existing_columns(connection, table)
    prepared, changes = tables.prepare(connection, loads.numbered(table))
    is_retyped = any(
        before.get(lowered(column.name), column.type) != column.type for column in prepared.columns
    )
    if is_retyped and prepared.load is not None and _has_rows(connection, table.sql_name):
        loads.record(connection, prepared, 0, rewrites=True)
    return prepared, changes


def is_rewritten(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """Whether rows of earlier loads are no longer in force, or are no more, by what is loaded now.

    Rows of keys that came again do not count: the newer ones say so.
    """
    if table.load is None:
        return False
    is_copy = table.declared.sync_mode == "full_refresh_append" and table.generation_id > 1
    if is_copy or table.minimum_generation_id > 1:
        return True
    names = [column.name for column in table.columns]
    is_deletion = comparing.deletion(table, names, comparing.Spelling())
    if is_deletion is None:
        return False
    ours = f"{LOAD} = {table.load} and {is_deletion}"
    query = f"select 1 from {table.sql_name} where {ours} limit 1"
    return connection.execute(query).fetchone() is not None


def with_generation(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    *,
    full_refresh: bool,
    reset: bool,
    same: bool = False,
) -> Table:
    """The table with the generation this sync writes, recorded in the caller's transaction.

    A refresh starts a new generation; a reset or an overwrite also raises the minimum, below which
    rows go when the stream is complete. With `same` rows of the generation that is there follow.
    """
    row = connection.execute(
        f"select generation_id, columns, merged_by from _tradehouse.streams {_OF_STREAM}",
        [table.source, table.key[1], table.key[0]],
    ).fetchone()
    generation = int(row[0]) if row else 1
    replaces = reset or (table.declared.sync_mode == "full_refresh_overwrite" and not same)
    if row and not same and (full_refresh or replaces or table.declared.sync_mode in REFRESHING):
        generation += 1
    table = replace(
        table, generation_id=generation, minimum_generation_id=generation if replaces else 0
    )
    connection.execute(
        f"delete from _tradehouse.streams {_OF_STREAM}",
        [table.source, table.key[1], table.key[0]],
    )
    known = {} if row is None else orjson.loads(row[1])
    columns = known | {column.field: [column.name, column.type] for column in table.columns}
    connection.execute(
        "insert into _tradehouse.streams values (?, ?, ?, ?, ?, ?, ?::json, ?::json)",
        [
            table.source,
            *table.key,
            table.name,
            generation,
            table.minimum_generation_id,
            orjson.dumps(columns).decode(),
            row[2] if row and is_merged(table) else None,
        ],
    )
    return table


def is_merged(table: Table) -> bool:
    """Whether the table has every key once."""
    return table.declared.sync_mode == "incremental_deduplicated"


def is_merged_anew(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """Whether what the table holds was not merged by the key that it has now."""
    merged_by = _merged_by(connection, table)
    is_same = merged_by is not None and sorted(merged_by) == sorted(table.merge_key)
    return not is_same and _has_rows(connection, table.sql_name)


def require_key(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Refuse a key that nobody declared and that stored rows were not merged by.

    A catalogue may be wrong for one run; rows that are merged by it do not come back. Raises
    IngestionError that says what to do.
    """
    if not is_merged(table) or table.declared.key:
        return
    merged_by = _merged_by(connection, table)
    if merged_by is None or not tables.existing_columns(connection, table):
        return  # The mode was declared, and the key comes with it; or there are no rows.
    if not is_merged_anew(connection, table):
        return
    raise IngestionError(
        f"{table.source}: the connector says that the key of stream {table.key[1]} is "
        f"{_spelled(table.merge_key)}, and the rows that are there were merged by "
        f"{_spelled(merged_by)}. By another key rows could go for good, so nothing was read. Say "
        f"in the declaration which key is meant, key: {orjson.dumps(merged_by).decode()} for the "
        f"one that the rows have, or load the stream in place of what is there: tradehouse sync "
        f"{table.source} --stream {shlex.quote(table.key[1])} --reset."
    )


def _merged_by(connection: duckdb.DuckDBPyConnection, table: Table) -> list[list[str]] | None:
    """The key that the table's rows were merged by; None where they were not."""
    [(found,)] = connection.execute(
        f"select max(merged_by::varchar) from _tradehouse.streams {_OF_STREAM}",
        [table.source, table.key[1], table.key[0]],
    ).fetchall()
    return None if found is None else list(orjson.loads(found))


def _minimum(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    """The generation below which rows go when the stream is complete; 0 where none do."""
    [(found,)] = connection.execute(
        f"select max(minimum_generation_id) from _tradehouse.streams {_OF_STREAM}",
        [table.source, table.key[1], table.key[0]],
    ).fetchall()
    return int(found or 0)


def _spelled(key: list[list[str]]) -> str:
    return ", ".join(".".join(path) for path in key)


def is_known(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """Whether the stream was loaded before: a sync has made its table."""
    row = connection.execute(
        f"select count(*) from _tradehouse.streams {_OF_STREAM}",
        [table.source, table.key[1], table.key[0]],
    ).fetchone()
    return bool(row and row[0])


def keeps_copy(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """Whether an older full copy is in force where the new one is empty."""
    is_copy = table.declared.sync_mode == "full_refresh_append"
    return is_copy and _has_rows(connection, table.sql_name)


def replace_older(connection: duckdb.DuckDBPyConnection, table: Table, loaded: int) -> bool:
    """Remove rows below the minimum generation, in the transaction that brought the new ones.

    Where the new ones are staged, the older ones go when they are merged. Returns False when they
    were kept because the stream brought nothing: an empty overwrite needs `allow_empty_overwrite`
    in the declaration.
    """
    if table.is_staged and _has_rows(connection, table.target):
        return True
    if not loaded and not table.declared.allow_empty_overwrite:
        return False
    _remove_older(connection, table, table.minimum_generation_id)
    return True


def _remove_older(connection: duckdb.DuckDBPyConnection, table: Table, minimum: int) -> None:
    names = [table.sql_name]
    if table.is_staged and _stands(connection, DELETED_SCHEMA, table):
        names.append(table.deletions)
    for name in names:
        connection.execute(f"delete from {name} where _airbyte_generation_id < {minimum}")


def merge(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[Table], loads: Loads
) -> list[str]:
    """Merge what is staged into the tables, one transaction a table.

    Of every key the newest row stays: by cursor (NULL is oldest), then by arrival; what a
    connector's clock says of a row does not count. A row with `_ab_cdc_deleted_at` removes its key
    and is kept among the deletions. A row without a key is kept. Returns what a reader of the
    summary should know.
    """
    told: list[str] = []
    for table in tables:
        if not table.is_staged:
            continue
        # What is to be replaced stays as it is until all of the new rows are there.
        is_kept = is_merged(table) and not _minimum(connection, table)
        is_anew = is_kept and is_merged_anew(connection, table)
        if is_anew or _has_rows(connection, table.target):
            told += _merge_in_memory(connection, table, loads)
    return told


def _merge_in_memory(
    connection: duckdb.DuckDBPyConnection, table: Table, loads: Loads
) -> list[str]:
    """Merge what is staged in one transaction, with more memory where it does not suffice."""
    has_more_memory = False
    while True:
        connection.execute("begin")
        try:
            told = merge_staged(connection, table, loads)
            connection.execute("commit")
        except duckdb.OutOfMemoryException:
            connection.execute("rollback")
            if has_more_memory:
                raise
            has_more_memory = True
            connection.execute(f"set memory_limit = {literal(most_memory())}")
        except BaseException:
            connection.execute("rollback")
            raise
        else:
            return told


def merge_staged(connection: duckdb.DuckDBPyConnection, table: Table, loads: Loads) -> list[str]:
    """Bring what is staged into the table, in the caller's transaction.

    Of a stream that replaces its rows only all of the new ones are ever staged: the older ones go.
    What was stored under another key, or without one, is merged again.
    """
    [(staged,)] = connection.execute(f"select count(*) from {table.target}").fetchall()
    minimum = _minimum(connection, table)
    if minimum:
        _remove_older(connection, table, minimum)
    is_anew = is_merged(table) and is_merged_anew(connection, table)
    is_load = bool(staged or minimum or is_anew)
    table = replace(loads.numbered(table), minimum_generation_id=minimum)
    if is_merged(table):
        told = _merge_stored(connection, table) if is_anew else []
        connection.execute(
            f"update _tradehouse.streams set merged_by = ?::json {_OF_STREAM}",
            [orjson.dumps(table.merge_key).decode(), table.source, table.key[1], table.key[0]],
        )
        merged = merging.merge(connection, table)
        if is_load:
            rewrites = is_anew or merged.removes or is_rewritten(connection, table)
            rows = _count(connection, table.sql_name) if is_anew else merged.rows
            loads.record(connection, table, staged, rows=rows, rewrites=rewrites)
        return told + merged.told
    repeated_records.append_unseen(connection, table)
    if is_load:
        rewrites = is_rewritten(connection, table)
        loads.record(connection, table, staged, rewrites=rewrites)
    return []


def _merge_stored(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """Merge what the table holds by the key it has now; returns how many rows that took."""
    merged_by, before = _merged_by(connection, table), _count(connection, table.sql_name)
    told = merging.merge_stored(connection, table)
    gone = before - _count(connection, table.sql_name)
    if gone:
        was = f", no longer by {_spelled(merged_by)}" if merged_by else ""
        told.append(
            f"{count(gone, 'stored row')} of {table.key[1]} went, of {before}: rows are merged by "
            f"{_spelled(table.merge_key)} now{was}, and of each key the newest stays"
        )
    return told


def merge_leftovers(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[Table], loads: Loads
) -> list[str]:
    """Merge what a sync that died left staged; its states are committed already.

    By the key that the sync had: where the connector offers another one, that of the table.
    """
    staged = [table if table.is_staged else replace(table, recognises=True) for table in tables]
    there = [
        each
        for each in staged
        if _stands(connection, STAGING_SCHEMA, each) and _has_rows(connection, each.target)
    ]
    for table in there:
        _add_columns(connection, table)
    return merge(connection, [_with_its_key(connection, each) for each in there], loads)


def _with_its_key(connection: duckdb.DuckDBPyConnection, table: Table) -> Table:
    """The table with the key that its rows were merged by, unless the key is declared."""
    if not is_merged(table) or table.declared.key or _minimum(connection, table):
        return table
    merged_by = _merged_by(connection, table)
    if merged_by is None or not is_merged_anew(connection, table):
        return table
    return replace(table, declared=table.declared.model_copy(update={"key": merged_by}))


def _add_columns(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Let what was staged before have the columns that it is compared by now, and its load's."""
    for name in (table.sql_name, table.target):
        for column in table.columns:
            connection.execute(
                f"alter table {name} add column if not exists {quoted(column.name)} {column.type}"
            )
        if not table.provenance:
            connection.execute(f"alter table {name} add column if not exists {LOAD} BIGINT")


def _stands(connection: duckdb.DuckDBPyConnection, schema: str, table: Table) -> bool:
    row = connection.execute(
        "select count(*) from duckdb_tables() where database_name = current_database()"
        " and schema_name = ? and table_name = ?",
        [schema, table.name_beside],
    ).fetchone()
    return bool(row and row[0])


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    [(rows,)] = connection.execute(f"select count(*) from {name}").fetchall()
    return int(rows)


def _has_rows(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    return connection.execute(f"select 1 from {name} limit 1").fetchone() is not None
