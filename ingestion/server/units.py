"""What is landed whole or not at all: a Parquet file, or what one sync wrote into a table.

Not here: where units are (`bucket`, `postgres`) and loading their rows (`committing`).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import duckdb

from ingestion.errors import IngestionError
from ingestion.names import Columns
from ingestion.tables import Column

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Unit:
    """Rows of one stream; `relation` is SQL that gives them, `columns` their DuckDB types.

    `again` says that some of its rows were landed before: they are known by `_airbyte_raw_id`.
    """

    name: str
    relation: str
    columns: dict[str, str]
    rows: int
    bytes: int
    generation: int
    digest: str | None = None
    again: bool = False


class Lake(Protocol):
    """A place where the server writes, open for reading."""

    def units(
        self, connection: Connection, source: str, stream: str, landed: dict[str, int]
    ) -> tuple[Iterator[Unit], bool]:
        """The units that were not landed, oldest first, and whether any stand there at all.

        `landed` has the rows landed of every unit by name. Raises IngestionError.
        """

    def release(self, units: Iterable[Unit]) -> None:
        """Give back what landed units needed here."""

    def close(self) -> None:
        """End reading."""


def describe(connection: Connection, relation: str, where: str) -> dict[str, str]:
    """Columns and DuckDB types of a relation. Raises IngestionError where Airbyte's are missing."""
    rows = connection.execute(f"describe select * from {relation}").fetchall()
    columns = {str(row[0]): str(row[1]) for row in rows}
    wanted = {"_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id"}
    missing = sorted(wanted - set(columns))
    if missing:
        raise IngestionError(
            f"{where} has no {', '.join(missing)}: expected what Airbyte's destinations write "
            f"since S3 1.0 and Postgres 2.1. Update the destination's connector on the server."
        )
    return columns


def own_columns(columns: dict[str, str]) -> dict[str, str]:
    """The source's columns, without Airbyte's."""
    return {name: kind for name, kind in columns.items() if not name.startswith("_airbyte_")}


def raw_type(kind: str) -> str:
    """The type a raw table gives a destination's column."""
    if kind in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UINTEGER", "USMALLINT", "UTINYINT"):
        return "BIGINT"
    if kind in ("HUGEINT", "UBIGINT"):
        return "HUGEINT"
    if kind in ("FLOAT", "DOUBLE") or kind.startswith("DECIMAL"):
        return "DOUBLE"
    if kind == "JSON" or kind.endswith("[]") or kind.startswith(("STRUCT", "MAP")):
        return "JSON"
    if kind.startswith("TIMESTAMP") and "ZONE" not in kind:
        return "TIMESTAMP"
    known = ("BOOLEAN", "DATE", "TIME", "TIME WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE")
    return kind if kind in known else "VARCHAR"


_SAME_VALUES = {
    ("JSON", "VARCHAR"),
    ("HUGEINT", "BIGINT"),
    ("DOUBLE", "BIGINT"),
    ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP"),
    ("TIME WITH TIME ZONE", "TIME"),
}
"""(what the table has, what the destination says) where the destination only says it worse."""


def table_columns(
    unit: Unit | None, fields: list[str], recorded: dict[str, tuple[str, str]], names: Columns
) -> tuple[tuple[Column, ...], dict[str, str]]:
    """The raw table's columns that a unit fills, and which of its columns fills each field.

    `fields` are the source's own names: destinations replace characters they do not take.
    `recorded` has name and type of columns that are there, by field; `names` gives new ones.
    """
    found = own_columns(unit.columns) if unit is not None else {}
    by_field: dict[str, str] = {}
    for field in fields:
        match = next((name for name in (field, plain(field)) if name in found), None)
        if match is not None and match not in by_field.values():
            by_field[field] = match
    for name in found:
        if name not in by_field.values():
            by_field[name] = name
    columns = []
    for field, name in by_field.items():
        kind = raw_type(found[name])
        if field in recorded:
            known, known_type = recorded[field]
            kind = known_type if (known_type, kind) in _SAME_VALUES else kind
            columns.append(Column(known, field, kind))
            continue
        columns.append(Column(names.of(field), field, kind))
    return tuple(columns), by_field


def plain(field: str) -> str:
    """A field's name as destinations write it: only letters, digits and underscores."""
    found = re.sub(r"[^A-Za-z0-9_]", "_", field)
    return f"_{found}" if found[:1].isdigit() else found


def extracted_at(columns: dict[str, str]) -> str:
    """The SQL of a unit's extraction time, which some versions write as milliseconds."""
    if columns["_airbyte_extracted_at"] == "BIGINT":
        return "epoch_ms(_airbyte_extracted_at)::timestamptz"
    return "_airbyte_extracted_at::timestamptz"
