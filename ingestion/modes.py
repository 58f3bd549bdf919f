"""Sync modes in the database: generations, replacing a stream's rows, merging by key.

Append needs nothing of this. Overwrite: rows of the new generation go in and rows below the minimum
generation go out in one transaction, when the stream is complete. De-duplication: rows gather in a
staging table, durable with their states, and are merged by key once a sync.
"""

from collections.abc import Iterable
from dataclasses import replace

import duckdb
import orjson

from ingestion.tables import STAGING_SCHEMA, Table, literal, quoted

DELETED_AT = "_ab_cdc_deleted_at"
REFRESHING = ("full_refresh_append", "full_refresh_overwrite")


def with_generation(
    connection: duckdb.DuckDBPyConnection, table: Table, *, full_refresh: bool, reset: bool
) -> Table:
    """The table with the generation this sync writes, recorded in the caller's transaction.

    A refresh starts a new generation; a reset or an overwrite also raises the minimum, below which
    rows go when the stream is complete.
    """
    row = connection.execute(
        """select generation_id from _tradehouse.streams
        where source = ? and stream = ? and namespace is not distinct from ?""",
        [table.source, table.key[1], table.key[0]],
    ).fetchone()
    generation = int(row[0]) if row else 1
    replaces = reset or table.declared.sync_mode == "full_refresh_overwrite"
    if row and (full_refresh or replaces or table.declared.sync_mode in REFRESHING):
        generation += 1
    table = replace(
        table, generation_id=generation, minimum_generation_id=generation if replaces else 0
    )
    connection.execute(
        """delete from _tradehouse.streams
        where source = ? and stream = ? and namespace is not distinct from ?""",
        [table.source, table.key[1], table.key[0]],
    )
    columns = {column.field: [column.name, column.type] for column in table.columns}
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
    condition = f"_airbyte_generation_id < {table.minimum_generation_id}"
    connection.execute(f"delete from {table.sql_name} where {condition}")
    if table.is_staged:
        connection.execute(f"delete from {table.target} where {condition}")
    return True


def merge(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> None:
    """Merge what is staged into the tables, one transaction a table.

    Of every key the newest row stays: by cursor (NULL is oldest), then by extraction, then by
    arrival. A row with `_ab_cdc_deleted_at` removes its key.
    """
    for table in tables:
        if table.is_staged and _has_rows(connection, table.target):
            connection.execute("begin")
            try:
                _merge(connection, table)
                connection.execute("commit")
            except BaseException:
                connection.execute("rollback")
                raise


def merge_leftovers(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> None:
    """Merge what a sync that died left staged; its states are committed already."""
    merge(connection, [table for table in tables if _stands(connection, table)])


def _stands(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    if not table.is_staged:
        return False
    row = connection.execute(
        "select count(*) from duckdb_tables() where database_name = current_database()"
        " and schema_name = ? and table_name = ?",
        [STAGING_SCHEMA, f"{table.source}__{table.name}"],
    ).fetchone()
    return bool(row and row[0])


def _has_rows(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    return connection.execute(f"select 1 from {name} limit 1").fetchone() is not None


def _merge(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    keys = [_path(table, path) for path in table.merge_key]
    same = " and ".join(
        f"{expression.format(of='staged')} is not distinct from {expression.format(of='stored')}"
        for expression in keys
    )
    present = f"exists (select 1 from {table.target} as staged where {same})"
    order = ["_airbyte_extracted_at desc", "is_staged desc", "arrival desc"]
    if table.merge_cursor:
        order.insert(0, f"{_path(table, table.merge_cursor).format(of='both_of')} desc nulls last")
    partition = ", ".join(expression.format(of="both_of") for expression in keys)
    connection.execute(
        f"""create or replace temp table newest as
        select * exclude (is_staged, arrival) from (
            select *, true as is_staged, rowid as arrival from {table.target}
            union all by name
            select *, false as is_staged, rowid as arrival
            from {table.sql_name} as stored where {present}
        ) as both_of
        qualify row_number() over (partition by {partition} order by {", ".join(order)}) = 1"""
    )
    connection.execute(f"delete from {table.sql_name} as stored where {present}")
    deleted = [c for c in table.columns if c.name.lower() == DELETED_AT]
    living = f"where {quoted(deleted[0].name)} is null" if deleted else ""
    connection.execute(f"insert into {table.sql_name} by name select * from newest {living}")
    connection.execute(f"delete from {table.target}")
    connection.execute("drop table newest")


def _path(table: Table, path: list[str]) -> str:
    """A key or cursor path as an expression over the relation that goes in for `{of}`."""
    names = {column.field: column.name for column in table.columns}
    column = "{of}." + quoted(names.get(path[0], path[0])).replace("{", "{{").replace("}", "}}")
    if len(path) == 1:
        return column
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path[1:])
    inside = literal(pointer).replace("{", "{{").replace("}", "}}")
    return f"json_extract_string({column}, {inside})"
