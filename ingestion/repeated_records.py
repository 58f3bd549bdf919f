"""Recognising records that come again after a switch between the embedded runner and a server.

Neither knows the other's state, so each continues from its own, and delivers again what the other
one loaded meanwhile. Such a record has the key, cursor and content of an existing row. Not here:
when this is checked (`sync_steps`, `server.sync`).
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from decimal import Context, Decimal
from typing import Any

import duckdb
import orjson

from ingestion import merging
from ingestion.errors import IngestionError
from ingestion.names import lowered
from ingestion.protocol import StreamKey
from ingestion.tables import Column, Table, existing_columns, original, quoted

_DIGITS = Context(prec=10_000)
_CANONICAL = "_tradehouse_canonical_json"


def is_switched(
    connection: duckdb.DuckDBPyConnection, source: str, key: StreamKey, runner: str
) -> bool:
    """Whether the other runner loaded records of a stream since this one last succeeded."""
    row = connection.execute(
        """select count(*) from _tradehouse.syncs
        where source = $source and stream = $stream and namespace is not distinct from $namespace
            and coalesce(runner, 'embedded') <> $runner
            and (records > 0 or ended_at is null)
            and coalesce(ended_at, now()) > coalesce((
                select max(started_at) from _tradehouse.syncs
                where source = $source and stream = $stream and status = 'succeeded'
                    and namespace is not distinct from $namespace
                    and coalesce(runner, 'embedded') = $runner
            ), timestamptz '-infinity')""",
        {"source": source, "stream": key[1], "namespace": key[0], "runner": runner},
    ).fetchone()
    return bool(row and row[0])


def require_keys(tables: Iterable[Table], runner: str) -> None:
    """Refuse to switch a stream whose records have nothing to be recognised by.

    Raises IngestionError that says what to do.
    """
    missing = sorted(table.key[1] for table in tables if table.recognises and not table.merge_key)
    if missing:
        raise IngestionError(
            f"Stream {', '.join(missing)} has no key: after the switch to runner: {runner} records "
            f"come again that could not be told from new ones. Declare a key, or load it anew in "
            f"place of what is there: --reset."
        )


def append_unseen(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Append the staged rows that the table does not hold with the same content.

    In the caller's transaction; empties what is staged.
    """
    _register(connection)
    keys = {path[0] for path in table.merge_key}
    present = existing_columns(connection, table)
    columns = sorted(
        (
            replace(column, type=present[lowered(column.name)])
            for column in table.columns
            if lowered(column.name) in present
        ),
        key=lambda column: column.field not in keys,
    )
    is_whole = not merging.has_changes(connection, [table.sql_name, table.target])
    same = " and ".join(_is_same(column, is_whole=is_whole) for column in columns)
    connection.execute(
        f"""insert into {table.sql_name} by name
        select staged.{table.staged_columns} from {table.target} as staged
        where not exists (select 1 from {table.sql_name} as stored where {same or "false"})"""
    )
    connection.execute(f"delete from {table.target}")


def _is_same(column: Column, *, is_whole: bool) -> str:
    """Whether two rows hold the same; values that did not fit are what was delivered, if known."""
    stored, staged = _comparable(column, "stored"), _comparable(column, "staged")
    same = f"{stored} is not distinct from {staged}"
    if is_whole or column.type == "VARCHAR":
        return same
    delivered = (original(column.field, of) for of in ("stored", "staged"))
    return f"{same} and ({stored} is not null or coalesce({' = '.join(delivered)}, true))"


def _comparable(column: Column, of: str) -> str:
    """A value in a form that is the same for both runners: JSON may be spelled differently."""
    value = f"{of}.{quoted(column.name)}"
    if column.type not in ("JSON", "VARCHAR"):
        return value
    text = f"{value}::varchar"
    return (
        f"case when {text} like '{{%' or {text} like '[%' then {_CANONICAL}({text}) else {text} end"
    )


def canonical(text: str) -> str:
    """JSON in one spelling: sorted, without members that are null; other text as it is."""
    try:
        parsed = json.loads(text, parse_float=_number, parse_int=_number)
        return orjson.dumps(_plain(parsed), option=orjson.OPT_SORT_KEYS).decode()
    except ValueError:
        return text


def _number(text: str) -> list[str]:
    """A number in one spelling, told apart from the text by the list around it."""
    return ["number", str(Decimal(text).normalize(_DIGITS))]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _register(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute(
        "select count(*) from duckdb_functions() where function_name = ?", [_CANONICAL]
    ).fetchone()
    if not found or not found[0]:
        connection.create_function(_CANONICAL, canonical, ["VARCHAR"], "VARCHAR")
