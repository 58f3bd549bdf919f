"""Inserting a unit's rows: a destination's columns converted to the types of the raw table.

Not here: which units, and the transaction (`committing`).
"""

from collections.abc import Mapping

import duckdb

from ingestion import record_loading, values
from ingestion.errors import IngestionError
from ingestion.server.units import Unit, extracted_at, raw_type
from ingestion.tables import RAW_ID, Column, Table, quoted


def insert(
    connection: duckdb.DuckDBPyConnection, table: Table, unit: Unit, by_field: Mapping[str, str]
) -> tuple[int, int]:
    """Insert a unit's rows, in the caller's transaction.

    `by_field` has the unit's column of every field of the table. Returns the number of rows and of
    values that did not fit. Raises IngestionError where not every row arrived.
    """
    values.define(connection)
    row = connection.execute(insert_statement(table, unit, by_field)).fetchone()
    inserted = int(row[0]) if row else 0
    if inserted != unit.rows and not unit.again:
        raise IngestionError(
            f"{unit.name}: {unit.rows} rows were counted, {inserted} arrived in {table.sql_name}. "
            f"Nothing of them is kept; run again."
        )
    converted = (_is_converted(c, unit.columns[by_field[c.field]]) for c in table.columns)
    nulled = (
        record_loading.count_nulled(connection, table.target, inserted) if any(converted) else 0
    )
    return inserted, nulled


def insert_statement(table: Table, unit: Unit, by_field: Mapping[str, str]) -> str:
    """The statement that inserts a unit's rows."""
    given: list[str] = []
    changes: list[tuple[int, Column]] = []
    for index, column in enumerate(table.columns):
        name = by_field[column.field]
        kind = unit.columns[name]
        given.append(f"{_text(name, kind)} as t{index}, {_value(column, name, kind)} as v{index}, ")
        if _is_converted(column, kind):
            changes.append((index, column))
    names = [f"{quoted(column.name)}, " for column in table.columns]
    load, number = (", ".join(["", *each]) for each in (table.numbered, table.numbered.values()))
    seen = ""
    if unit.again:
        seen = f"where {RAW_ID} not in (select {RAW_ID} from {table.sql_name})"
    return f"""
        insert into {table.target} ({"".join(names)}{RAW_ID},
            _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id{load})
        with given as (
            select {"".join(given)}{RAW_ID}::varchar as raw_id,
                {extracted_at(unit.columns)} as extracted_at,
                {_text("_airbyte_meta", unit.columns["_airbyte_meta"])}::json as meta
            from {unit.relation} {seen}
        )
        select {"".join(f"v{index}, " for index in range(len(given)))}raw_id, extracted_at,
            {values.meta(changes)}, {table.generation_id}{number}
        from given"""


def _is_converted(column: Column, kind: str) -> bool:
    """Whether a value may not fit, because the table's type is narrower than the destination's."""
    if column.type == "DOUBLE" and kind not in ("FLOAT", "DOUBLE"):
        return True
    return column.type not in ("VARCHAR", "JSON", raw_type(kind)) and raw_type(kind) in (
        "VARCHAR",
        "JSON",
    )


def _text(name: str, kind: str) -> str:
    source = quoted(name)
    is_nested = raw_type(kind) == "JSON" and kind != "JSON"
    return f"to_json({source})::varchar" if is_nested else f"{source}::varchar"


def _value(column: Column, name: str, kind: str) -> str:
    """A value in the table's type."""
    text = _text(name, kind)
    if column.type == "VARCHAR":
        return text
    if column.type == "JSON" and raw_type(kind) == "JSON":
        return f"nullif({text}, 'null')::json"
    if column.type == "JSON":
        return f"case when json_valid({text}) then {text} else to_json({text}) end::json"
    if _is_converted(column, kind):
        return values.value(column, text)
    return f"{quoted(name)}::{column.type}"
