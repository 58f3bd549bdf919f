"""The raw tables: names, columns and types of a stream's table, and their creation and change.

Not here: inserting rows (`record_loading`, `bulk_files`, `insertion`).
"""

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from ingestion.declarations import PROVENANCE, FileFormat, Stream
from ingestion.errors import IngestionError
from ingestion.names import Columns, lowered
from ingestion.protocol import StreamKey

AIRBYTE_COLUMNS = {
    "_airbyte_extracted_at": "TIMESTAMP WITH TIME ZONE",
    "_airbyte_meta": "JSON",
    "_airbyte_generation_id": "BIGINT",
}
RAW_ID = "_airbyte_raw_id"
LOAD = "_load"
"""The number of the load that brought a row, or the version of it that is there.

NULL in rows that were loaded before they were numbered. Where rows have provenance, that says it.
"""
ARRIVAL = "rowid"
"""DuckDB's number of a row orders a table's rows as they arrived; no field's column has its name.

Of rows that are equal in cursor, the one with the highest is the newest."""
STAGING_SCHEMA = "_tradehouse_staging"
DELETED_SCHEMA = "_tradehouse_deleted"
_LINES = 1_000_000_000_000  # More than any file has.


@dataclass(frozen=True)
class Column:
    """A column of a raw table and the field of the record that fills it."""

    name: str
    field: str
    type: str


@dataclass(frozen=True)
class Table:
    """The table of one stream."""

    source: str
    key: StreamKey
    name: str
    columns: tuple[Column, ...]
    provenance: bool
    file_format: FileFormat | None
    declared: Stream
    discovered: dict[str, Any] = field(hash=False)
    generation_id: int = 1
    minimum_generation_id: int = 0
    names: Columns = field(default_factory=Columns, hash=False, compare=False, repr=False)
    recognises: bool = False
    """Whether rows that are there already with the same content are left out: after a switch
    between the embedded runner and a server, the other one's rows come again."""
    load: int | None = None
    """The load that a sync's rows will be, where they are numbered (`Loads.numbered`)."""

    @property
    def sql_name(self) -> str:
        """Schema and table, quoted."""
        return f"{quoted(self.source)}.{quoted(self.name)}"

    @property
    def is_staged(self) -> bool:
        """Whether rows are gathered aside before they go into the table."""
        return self.recognises or self.declared.sync_mode == "incremental_deduplicated"

    @property
    def target(self) -> str:
        """The table that rows are inserted into."""
        if self.is_staged:
            return f"{STAGING_SCHEMA}.{quoted(self.name_beside)}"
        return self.sql_name

    @property
    def deletions(self) -> str:
        """The table of the keys that were deleted, each with the row that said so."""
        return f"{DELETED_SCHEMA}.{quoted(self.name_beside)}"

    @property
    def name_beside(self) -> str:
        """The table's name in the schemas of all sources; a source's name has no dot."""
        return f"{self.source}.{self.name}"

    @property
    def computes_raw_id(self) -> bool:
        """Whether `_airbyte_raw_id` follows from file, delivery and line; else it is stored."""
        properties = (self.discovered.get("json_schema") or {}).get("properties") or {}
        is_delivered = self.provenance and self.file_format is not None
        return is_delivered and not self.is_staged and "_delivery" in properties

    @property
    def numbered(self) -> dict[str, str]:
        """The column with the load's number and its value in SQL; none where it is not numbered."""
        return {} if self.load is None else {LOAD: str(self.load)}

    @property
    def staged_columns(self) -> str:
        """All columns of a staged row as they go into the table: it is of the load that merges."""
        return "*" if self.load is None else f"* replace ({self.load} as {LOAD})"

    @property
    def merge_key(self) -> list[list[str]]:
        """The paths of the key that rows are de-duplicated by."""
        return self.declared.key or usable_key(self.discovered.get("source_defined_primary_key"))

    @property
    def merge_cursor(self) -> list[str]:
        """The path of the cursor that says which row is newest; empty when there is none."""
        return self.declared.cursor or self.discovered.get("default_cursor_field") or []


def usable_key(paths: list[list[str]] | None) -> list[list[str]]:
    """A source's key; none where a part of it names no field, without which it is another key."""
    return paths if paths and all(paths) else []


def quoted(identifier: str) -> str:
    """An SQL identifier in quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """An SQL literal of a text, a number or NULL."""
    if value is None:
        return "NULL"
    if isinstance(value, int | float):
        return str(value)
    text = "'" + str(value).replace("'", "''") + "'"
    # A statement ends for the database where a NUL is.
    return "(" + text.replace("\0", "' || chr(0) || '") + ")" if "\0" in text else text


_WELL_KNOWN = {
    f"WellKnownTypes.json#/definitions/{name}": kind
    for name, kind in {
        "String": "VARCHAR",
        "BinaryData": "VARCHAR",
        "Boolean": "BOOLEAN",
        "Integer": "BIGINT",
        "Number": "DOUBLE",
        "Date": "DATE",
        "TimestampWithTimezone": "TIMESTAMP WITH TIME ZONE",
        "TimestampWithoutTimezone": "TIMESTAMP",
        "TimeWithTimezone": "TIME WITH TIME ZONE",
        "TimeWithoutTimezone": "TIME",
    }.items()
}
"""The types that Airbyte's protocol defines by a reference."""


def is_number_as_text(schema: Any) -> bool:
    """Whether a schema says that a text is a number, of more digits than a number may have."""
    if not isinstance(schema, dict) or duckdb_type(schema) != "VARCHAR":
        return False
    return schema.get("airbyte_type") in ("big_integer", "big_number")


def duckdb_type(schema: Any) -> str:
    """The DuckDB type for a property of a stream's JSON schema.

    Texts without a format stay texts; whatever has more than one type besides null, or none, is
    JSON, which keeps a number apart from its text, and so is what says its type in no way that JSON
    schemas have. A text that says a number of any length stays one.
    """
    if not isinstance(schema, dict):
        return "JSON"
    if "type" not in schema and schema.get("$ref") in _WELL_KNOWN:
        return _WELL_KNOWN[schema["$ref"]]
    if any(key in schema for key in ("oneOf", "anyOf", "allOf")) and "type" not in schema:
        return "JSON"
    kinds = schema.get("type")
    listed = kinds if isinstance(kinds, list) else [] if kinds is None else [kinds]
    if not all(isinstance(kind, str) for kind in listed):
        return "JSON"
    names = {*listed} - {"null"}
    if len(names) != 1:
        return "DOUBLE" if names == {"integer", "number"} else "JSON"
    return _single_type(names.pop(), schema)


def _single_type(kind: str, schema: Mapping[str, Any]) -> str:
    airbyte_type = schema.get("airbyte_type")
    if kind == "string":
        return _string_type(schema.get("format"), airbyte_type)
    if kind == "integer" or (kind == "number" and airbyte_type in ("integer", "big_integer")):
        return "HUGEINT" if airbyte_type == "big_integer" else "BIGINT"
    return {"number": "DOUBLE", "boolean": "BOOLEAN"}.get(kind, "JSON")


def _string_type(text_format: Any, airbyte_type: Any) -> str:
    if text_format == "date":
        return "DATE"
    if text_format == "date-time":
        without = airbyte_type == "timestamp_without_timezone"
        return "TIMESTAMP" if without else "TIMESTAMP WITH TIME ZONE"
    if text_format == "time":
        return "TIME" if airbyte_type == "time_without_timezone" else "TIME WITH TIME ZONE"
    return "VARCHAR"


def columns_of(
    schema: Mapping[str, Any],
    file_format: FileFormat | None,
    *,
    provenance: bool,
    names: Columns | None = None,
) -> tuple[Column, ...]:
    """The source's columns of a table, provenance last.

    A field whose name collides with another column's gets a number behind it. Columns have the
    `names` they were given before; new ones are added there.
    """
    if file_format is not None:
        fields: dict[str, str] = dict.fromkeys(file_format.table_columns(), "VARCHAR")
    else:
        properties = schema.get("properties") or {}
        fields = {name: duckdb_type(of) for name, of in properties.items()}
    if provenance:
        fields = {k: v for k, v in fields.items() if k not in PROVENANCE} | PROVENANCE
    names = Columns() if names is None else names
    ours = PROVENANCE if provenance else {}
    return tuple(
        Column(name if name in ours else names.of(name, reserved=ours), name, kind)
        for name, kind in fields.items()
    )


def existing_columns(connection: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """Names (as `lowered`) and types of the table's columns; empty when there is no table."""
    rows = connection.execute(
        "select column_name, data_type from duckdb_columns()"
        " where database_name = current_database() and schema_name = ? and table_name = ?",
        [table.source, table.name],
    ).fetchall()
    return {lowered(name): kind for name, kind in rows}


def prepare(connection: duckdb.DuckDBPyConnection, table: Table) -> tuple[Table, list[str]]:
    """Create the table, or bring it to the stream's columns.

    Returns the table with the columns and types that rows are to be inserted with, and what was
    changed in words. Raises IngestionError where the declaration does not allow a changed type.
    """
    connection.execute(f"create schema if not exists {quoted(table.source)}")
    present = existing_columns(connection, table)
    changes: list[str] = []
    if present:
        columns = [_fit(connection, table, column, present, changes) for column in table.columns]
        table = replace(table, columns=tuple(columns))
        _add_load(connection, table, present)
    else:
        connection.execute(_create(table))
    if table.is_staged:
        connection.execute(f"create schema if not exists {STAGING_SCHEMA}")
        connection.execute(
            f"create or replace table {table.target} as select * from {table.sql_name} limit 0"
        )
    return table, changes


def add_missing(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create the table, or add the columns that it lacks; those that are there stay as they are."""
    present = existing_columns(connection, table)
    if not present:
        prepare(connection, table)
        return
    for column in table.columns:
        if lowered(column.name) not in present:
            _add(connection, table, column, present, [])
    _add_load(connection, table, present)


def _add_load(
    connection: duckdb.DuckDBPyConnection, table: Table, present: Collection[str]
) -> None:
    """Let a table of a version that did not number rows have the column for it."""
    if not table.provenance and LOAD not in present:
        connection.execute(f"alter table {table.sql_name} add column {LOAD} BIGINT")


def _fit(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    column: Column,
    present: dict[str, str],
    changes: list[str],
) -> Column:
    """The column of the table that takes this field, made or changed where it has to be."""
    found = present.get(lowered(column.name))
    if found is None:
        return _add(connection, table, column, present, changes)
    if found == column.type:
        return column
    is_promise = found == "VARCHAR" and column.type == "JSON"  # A text keeps less of what comes.
    is_empty = is_promise and not _has_rows(connection, table.sql_name)
    if found in _WIDER.get(column.type, ()) and not is_empty:
        return replace(column, type=found)  # It already holds the new type's values.
    holders = _holders(connection, table, column)
    if not any(_has_rows(connection, name) for name in holders):  # Its type was a promise.
        for name in holders:
            connection.execute(
                f"alter table {name} alter column {quoted(column.name)} type {column.type}"
                f" using null::{column.type}"
            )
        return column
    if table.declared.on_type_change == "fail":
        raise IngestionError(
            f"{table.sql_name}.{column.name} is {found}; the source now says {column.type}. "
            f"The declaration says on_type_change: fail. Change it to widen or new_column."
        )
    if table.declared.on_type_change == "new_column":
        if _is_compared(table, column):
            raise IngestionError(
                f"{table.sql_name}.{column.name} is {found}; the source now says {column.type}. "
                f"Rows are compared by it, which a second column would end: the declaration has to "
                f"say on_type_change: widen."
            )
        others = [name for name, kind in present.items() if kind != column.type]
        name = table.names.of(column.field, column.type, reserved=others)
        return _fit(connection, table, replace(column, name=name), present, changes)
    target = _widened(connection, table, column, found)
    for name in holders:
        connection.execute(
            f"alter table {name} alter column {quoted(column.name)} type {target}"
            f" using {_kept(column, found, target)}::{target}"
        )
    changes.append(f"{table.name}: column {column.name} from {found} to {target}")
    if target == "VARCHAR" and found.startswith("TIME") and _is_compared(table, column):
        changes.append(
            f"{table.name}: rows are compared by {column.name}, which is compared as a text from "
            f"now on; if the source spells the same time in another way than "
            f"{_SPELLED}, load the stream anew: "
            f"tradehouse sources reset {table.source} --stream {shlex.quote(table.key[1])}"
        )
    return replace(column, type=target)


def _has_rows(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    return bool(connection.execute(f"select 1 from {name} limit 1").fetchone())


def _kept(column: Column, found: str, target: str) -> str:
    """What a stored value becomes: all that was delivered, in the spelling most sources have."""
    value = quoted(column.name)
    if found == "JSON":  # A JSON text is that text, as it will be read from now on.
        return f"""case when ({value}::varchar)[1] = '"' then json_extract_string({value}, '$')
            else {value}::varchar end"""
    if target not in ("VARCHAR", "JSON"):
        return value
    text = f"{value}::varchar"
    if found == "DOUBLE":
        whole = f"{value} = trunc({value}) and abs({value}) < 1e38"
        text = f"case when {whole} then {value}::hugeint::varchar else {text} end"
    elif found.startswith("TIME"):
        text = f"replace(regexp_replace({text}, '\\+00$', 'Z'), ' ', 'T')"
        text = rf"regexp_replace({text}, '([+-]\d\d)$', '\1:00')"
    delivered = original(column.field)
    if target == "JSON":
        delivered = f"if(json_valid({delivered}), {delivered}, to_json({delivered})::varchar)"
    return f"coalesce({delivered}, {text})"


def original(source_field: str, of: str = "") -> str:
    """SQL that gives what was delivered where a column does not hold all of it; else NULL.

    Of the changes only those of the loader count, which stand behind the source's own.
    `macros/bronze/original.sql` is the same for models.
    """
    meta = f"{of}._airbyte_meta" if of else "_airbyte_meta"
    return (
        f"case when {meta} is not null then json_extract_string(list_filter("
        f"from_json({meta} -> '$.changes', '[\"JSON\"]'), lambda _c_:"
        f" json_extract_string(_c_, '$.field') = {literal(source_field)}"
        f" and starts_with(json_extract_string(_c_, '$.reason'), 'DESTINATION_')"
        f" and json_extract_string(_c_, '$.original') is not null)[-1], '$.original') end"
    )


def _widened(
    connection: duckdb.DuckDBPyConnection, table: Table, column: Column, found: str
) -> str:
    """The type that keeps every digit of what is stored, and takes what will come."""
    if column.type not in _WIDER.get(found, ()):
        return "VARCHAR"
    if column.type != "JSON" and _is_compared(table, column):  # A text holds all of it.
        odd = f"{quoted(column.name)} is null and {original(column.field)} is not null"
        for name in _holders(connection, table, column):
            if connection.execute(f"select 1 from {name} where {odd} limit 1").fetchone():
                return "VARCHAR"
    if column.type == "DOUBLE" and found in ("BIGINT", "INTEGER", "HUGEINT"):
        value = quoted(column.name)
        for name in _holders(connection, table, column):
            inexact = f"{value} not between -{_WHOLE} and {_WHOLE}"
            too_long = rf"{value} is null and regexp_full_match({original(column.field)}, '-?\d+')"
            query = f"select 1 from {name} where {inexact} or ({too_long}) limit 1"
            if connection.execute(query).fetchone():
                return "VARCHAR"
    return column.type


def _is_compared(table: Table, column: Column) -> bool:
    """Whether rows are distinguished or ordered by the column or by a part of it."""
    compared = [table.merge_cursor, *table.merge_key] if table.is_staged else []
    return column.field in (path[0] for path in compared if path)


def _holders(connection: duckdb.DuckDBPyConnection, table: Table, column: Column) -> list[str]:
    """The tables that hold the column: the stream's, and that of its deletions."""
    rows = connection.execute(
        """select column_name from duckdb_columns()
        where database_name = current_database() and schema_name = ? and table_name = ?""",
        [DELETED_SCHEMA, table.name_beside],
    ).fetchall()
    has_deletions = lowered(column.name) in {lowered(name) for (name,) in rows}
    return [table.sql_name, table.deletions] if has_deletions else [table.sql_name]


def _add(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    column: Column,
    present: dict[str, str],
    changes: list[str],
) -> Column:
    connection.execute(
        f"alter table {table.sql_name} add column {quoted(column.name)} {column.type}"
    )
    present[lowered(column.name)] = column.type
    changes.append(f"{table.name}: new column {column.name} {column.type}")
    return column


def _create(table: Table) -> str:
    raw_id = f"{RAW_ID} VARCHAR"
    if table.computes_raw_id:
        # Unique by file, delivery and line; not stored, and cheap where it is not read.
        raw_id += f" GENERATED ALWAYS AS (_file || '#' || (_delivery * {_LINES} + _line)) VIRTUAL"
    dense = frozenset(table.file_format.uncompressed) if table.file_format else frozenset()
    lines = [
        f"{quoted(column.name)} {column.type}"
        + (" USING COMPRESSION uncompressed" if column.name in dense else "")
        for column in table.columns
    ]
    lines += [raw_id, *(f"{name} {kind}" for name, kind in AIRBYTE_COLUMNS.items())]
    lines += [] if table.provenance else [f"{LOAD} BIGINT"]
    return f"create table {table.sql_name} ({', '.join(lines)})"


_SPELLED = "2024-01-02T05:00:00Z"
"""How the loader spells times where their column becomes one of text."""
_WHOLE = 2**53
"""A double holds every whole number up to this one."""
_WIDER: dict[str, tuple[str, ...]] = {
    "BOOLEAN": ("VARCHAR", "JSON"),
    "BIGINT": ("HUGEINT", "DOUBLE", "VARCHAR", "JSON"),
    "INTEGER": ("BIGINT", "HUGEINT", "DOUBLE", "VARCHAR", "JSON"),
    "HUGEINT": ("DOUBLE", "VARCHAR", "JSON"),
    "DOUBLE": ("VARCHAR", "JSON"),
    "DATE": ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR"),
    "TIMESTAMP": ("VARCHAR",),
    "TIMESTAMP WITH TIME ZONE": ("VARCHAR",),
    "TIME": ("VARCHAR",),
    "TIME WITH TIME ZONE": ("VARCHAR",),
    "JSON": ("VARCHAR",),
}
