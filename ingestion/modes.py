"""Sync modes in the database: generations, replacing a stream's rows, merging by key.

Append needs nothing of this. Overwrite: rows of the new generation go in and rows below the minimum
generation go out in one transaction, when the stream is complete. De-duplication: rows gather in a
staging table, durable with their states, and are merged by key once a sync. Deletions are kept, so
that an older row that arrives later does not bring back what was deleted.
"""

from collections.abc import Iterable
from dataclasses import replace

import duckdb
import orjson

from ingestion import recognition
from ingestion.names import lowered
from ingestion.tables import DELETED_SCHEMA, STAGING_SCHEMA, Table, literal, quoted

DELETED_AT = "_ab_cdc_deleted_at"
REFRESHING = ("full_refresh_append", "full_refresh_overwrite")


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
        """select generation_id, columns from _tradehouse.streams
        where source = ? and stream = ? and namespace is not distinct from ?""",
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
        """delete from _tradehouse.streams
        where source = ? and stream = ? and namespace is not distinct from ?""",
        [table.source, table.key[1], table.key[0]],
    )
    known = {} if row is None else orjson.loads(row[1])
    columns = known | {column.field: [column.name, column.type] for column in table.columns}
    connection.execute(
        "insert into _tradehouse.streams values (?, ?, ?, ?, ?, ?, ?::json)",
        [
            table.source,
            *table.key,
            table.name,
            generation,
            table.minimum_generation_id,
            orjson.dumps(columns).decode(),
        ],
    )
    return table


def replace_older(connection: duckdb.DuckDBPyConnection, table: Table, loaded: int) -> bool:
    """Remove rows below the minimum generation, in the transaction that brought the new ones.

    Returns False when they were kept because the stream brought nothing: an empty overwrite needs
    `allow_empty_overwrite` in the declaration.
    """
    if not loaded and not table.declared.allow_empty_overwrite:
        return False
    names = [table.sql_name]
    if table.is_staged:
        names.append(table.target)
        if _stands(connection, DELETED_SCHEMA, table):
            names.append(table.deletions)
    for name in names:
        connection.execute(
            f"delete from {name} where _airbyte_generation_id < {table.minimum_generation_id}"
        )
    return True


def merge(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> None:
    """Merge what is staged into the tables, one transaction a table.

    Of every key the newest row stays: by cursor (NULL is oldest), then by extraction, then by
    arrival. A row with `_ab_cdc_deleted_at` removes its key and is kept among the deletions.
    """
    for table in tables:
        if table.is_staged and _has_rows(connection, table.target):
            connection.execute("begin")
            try:
                merge_staged(connection, table)
                connection.execute("commit")
            except BaseException:
                connection.execute("rollback")
                raise


def merge_staged(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Bring what is staged into the table, in the caller's transaction."""
    if table.declared.sync_mode == "incremental_deduplicated":
        _merge(connection, table)
    else:
        recognition.append_unseen(connection, table)


def merge_leftovers(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> None:
    """Merge what a sync that died left staged; its states are committed already."""
    staged = [table if table.is_staged else replace(table, recognises=True) for table in tables]
    merge(connection, [each for each in staged if _stands(connection, STAGING_SCHEMA, each)])


def _stands(connection: duckdb.DuckDBPyConnection, schema: str, table: Table) -> bool:
    row = connection.execute(
        "select count(*) from duckdb_tables() where database_name = current_database()"
        " and schema_name = ? and table_name = ?",
        [schema, table.name_beside],
    ).fetchone()
    return bool(row and row[0])


def _has_rows(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    return connection.execute(f"select 1 from {name} limit 1").fetchone() is not None


def _merge(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Decide by narrow columns which row of a key is newest; only then touch whole rows."""
    marks = _deletion_mark(connection, table)
    known = [table.sql_name]
    if marks is not None:
        _prepare_deletions(connection, table)
        known.append(table.deletions)
    keys = [_path(table, path) for path in table.merge_key]
    same = " and ".join(
        f"{expression.format(of='staged')} is not distinct from {expression.format(of='stored')}"
        for expression in keys
    )
    present = f"exists (select 1 from {table.target} as staged where {same})"
    candidates = [_candidates(table, keys, "staged", table.target)]
    candidates += [f"{_candidates(table, keys, 'stored', name)} where {present}" for name in known]
    partition = ", ".join(f"key_{number}" for number in range(len(keys)))
    connection.execute(
        f"""create or replace temp table newest as
        select origin, arrival from ({" union all ".join(candidates)})
        qualify row_number() over (partition by {partition} order by cursor desc nulls last,
            extracted_at desc, is_staged desc, arrival desc) = 1"""
    )
    for name in known:
        connection.execute(
            f"""delete from {name} as stored where {present} and rowid not in (
                select arrival from newest where origin = {literal(name)})"""
        )
    chosen = f"""select * from {table.target} where rowid in (
        select arrival from newest where origin = {literal(table.target)})"""
    living = f"and {marks} is null" if marks else ""
    connection.execute(f"insert into {table.sql_name} by name {chosen} {living}")
    if marks is not None:
        connection.execute(
            f"insert into {table.deletions} by name {chosen} and {marks} is not null"
        )
    connection.execute(f"delete from {table.target}")
    connection.execute("drop table newest")


def _candidates(table: Table, keys: list[str], alias: str, name: str) -> str:
    """A select of what decides between rows of one key, from one of the tables that hold them."""
    listed = [f"{expression.format(of=alias)} as key_{i}" for i, expression in enumerate(keys)]
    cursor = "null"
    if table.merge_cursor:
        cursor = _path(table, table.merge_cursor).format(of=alias)
    is_staged = "true" if alias == "staged" else "false"
    return f"""select {", ".join(listed)}, {cursor} as cursor,
        {alias}._airbyte_extracted_at as extracted_at, {is_staged} as is_staged,
        {alias}.rowid as arrival, {literal(name)} as origin from {name} as {alias}"""


def _deletion_mark(connection: duckdb.DuckDBPyConnection, table: Table) -> str | None:
    """The column of the staged rows that says when a row was deleted, if there is one."""
    columns = _columns(connection, STAGING_SCHEMA, table)
    return next((quoted(name) for name in columns if lowered(name) == DELETED_AT), None)


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, table: Table) -> dict[str, str]:
    rows = connection.execute(
        """select column_name, data_type from duckdb_columns()
        where database_name = current_database() and schema_name = ? and table_name = ?
        order by column_index""",
        [schema, table.name_beside],
    ).fetchall()
    return dict(rows)


def _prepare_deletions(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create the table of deletions, or bring it to the columns the stream has now."""
    connection.execute(f"create schema if not exists {DELETED_SCHEMA}")
    found = _columns(connection, DELETED_SCHEMA, table)
    if found == _columns(connection, STAGING_SCHEMA, table):
        return
    if found:
        connection.execute(f"create temp table older as select * from {table.deletions}")
    connection.execute(
        f"create or replace table {table.deletions} as select * from {table.target} limit 0"
    )
    if found:
        connection.execute(f"insert into {table.deletions} by name select * from older")
        connection.execute("drop table older")


def _path(table: Table, path: list[str]) -> str:
    """A key or cursor path as an expression over the relation that goes in for `{of}`."""
    names = {column.field: column.name for column in table.columns}
    column = "{of}." + quoted(names.get(path[0], path[0])).replace("{", "{{").replace("}", "}}")
    if len(path) == 1:
        return column
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path[1:])
    inside = literal(pointer).replace("{", "{{").replace("}", "}}")
    return f"json_extract_string({column}, {inside})"
