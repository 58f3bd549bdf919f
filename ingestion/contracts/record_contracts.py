"""Makes a contract of records from what a connector offers, and tables from the contract.

Not here: the SQL of bronze models (`ingestion.bronze`) and dbt's files (`record_files`).
"""

from collections.abc import Mapping
from typing import Any

from ingestion import bronze, catalog, written
from ingestion.contracts.bronze import code_kind
from ingestion.contracts.model import WRITTEN, Column, Contract, Stream
from ingestion.declarations import Declaration
from ingestion.errors import DeclarationError
from ingestion.prose import prose
from ingestion.tables import Column as RawColumn
from ingestion.tables import Table, duckdb_type, is_number_as_text

OFFERED: dict[str, dict[str, Any]] = {
    "number as text": {"type": "string", "airbyte_type": "big_number"},
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "big integer": {"type": "integer", "airbyte_type": "big_integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "timestamp": {
        "type": "string",
        "format": "date-time",
        "airbyte_type": "timestamp_without_timezone",
    },
    "timestamptz": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time", "airbyte_type": "time_without_timezone"},
    "timetz": {"type": "string", "format": "time"},
    "json": {"type": "object"},
}
"""How a connector's catalogue says what a contract calls `delivered`."""
_DELIVERED = {duckdb_type(schema): word for word, schema in OFFERED.items()}
_DELIVERED["INTEGER"] = "integer"
_TYPES = {"big integer": "integer(39)"}
_LOADED = {"integer": "bigint", "number": "double"}


def content(declaration: Declaration, tables: list[Table], names: Mapping[str, str]) -> str:
    """The contract of what a connector offers, as YAML with a line a column.

    `names` gives what a raw table is called in the project.
    """
    head = {
        "source": declaration.name,
        "version": "1.0.0",
        "owner": declaration.owner,
        "description": prose(declaration.description),
    }
    lines = [
        f"# What {declaration.name} delivers: every stream and column, once.",
        "# docs/contracts.md says what every word here means.",
        f"# After a change: tradehouse contracts generate {declaration.name}",
        *(f"{key}: {_flow(value)}" for key, value in head.items()),
        "streams:",
    ]
    for table in tables:
        lines += _stream_lines(table, names[table.name])
    return "\n".join(lines) + "\n"


def _stream_lines(table: Table, name: str) -> list[str]:
    columns = bronze.bronze_columns(table)
    nested = bronze.nested_keys(table)
    key = bronze.key_columns(table)
    namespace, stream = table.key
    grain = f"{prose(stream)} by {', '.join(key)}" if key else f"record of {prose(stream)}"
    modes = table.discovered.get("supported_sync_modes") or []
    said: dict[str, Any] = {
        "description": f"One row per {grain}",
        "stream": stream if stream != name else None,
        "namespace": namespace,
        "stored": table.name if table.name != stream else None,
        "key": key or None,
        "cursor": table.merge_cursor or None,
        "incremental": None if "incremental" in modes else False,
    }
    lines = [f"  {name}:"]
    lines += [f"    {word}: {_flow(value)}" for word, value in said.items() if value is not None]
    lines.append("    columns:" if columns or nested else "    columns: {}")
    for own, column in columns.items():
        lines.append(f"      {own}: {_flow(_column(table, own, column))}")
    stored = {column.field: column.name for column in table.columns}
    for own, path in nested.items():
        source = prose(".".join([stream, *path]))
        part: dict[str, Any] = {"type": "text", "from": path}
        if stored.get(path[0], path[0]) != path[0]:
            part["stored"] = stored[path[0]]
        part["meaning"] = f"Part of the key. Source: {source}."
        lines.append(f"      {own}: {_flow(part)}")
    return lines


def _column(table: Table, name: str, column: RawColumn) -> dict[str, Any]:
    delivered = _DELIVERED[column.type]
    is_spelled = is_number_as_text(_schema(table, column))
    said = {
        "type": _TYPES.get(delivered, delivered),
        "delivered": "number as text" if is_spelled else None,
        "from": column.field if column.field != name else None,
        "stored": column.name if column.name != column.field else None,
        "absent": True if table.provenance and column.field == "_raw_text" else None,
        "meaning": _about(table, column),
    }
    return {word: value for word, value in said.items() if value is not None}


def _about(table: Table, column: RawColumn) -> str:
    said = _schema(table, column)
    text = said.get("description") if isinstance(said, dict) else None
    described = str(text) if text else f"{column.field} as delivered"
    place = f"{table.key[1]}.{column.field}"
    return f"{prose(described).rstrip('.')}. Source: {prose(place)}."


def _schema(table: Table, column: RawColumn) -> Any:
    properties = (table.discovered.get("json_schema") or {}).get("properties") or {}
    return properties.get(column.field)


def _flow(value: Any) -> str:
    return written.flow(value)


def path_of(name: str, column: Column) -> list[str]:
    """Where a column stands in a record."""
    return column.from_ or [name]


def delivered(column: Column) -> str:
    """What the connector says that the field is."""
    if column.delivered or column.written:
        return column.delivered or "text"
    name = column.name_of_type
    if name == "integer" and column.size and int(column.size) > 18:
        return "big integer"
    return {"code": "text", "decimal": "number"}.get(name, name)


def kind(column: Column) -> str:
    """What the macro `record_value` calls the column's type, with its range."""
    return _kind_of_type(column) + column.bounds


def _kind_of_type(column: Column) -> str:
    name, size = column.name_of_type, column.size.replace(" ", "")
    is_nested = len(column.from_ or "-") > 1
    if column.absent:
        return "absent"
    if name == "code":
        return code_kind(column)
    if size:
        return f"{name}:{size}"
    if name == "text" or (name == "json" and is_nested):
        return "plain"
    word = f"loaded:{_LOADED.get(name, name)}"
    if column.written is not None:
        word = WRITTEN[name, column.written]
    if column.latest:
        return f"{word}:{column.earliest or ''}:{column.latest}"
    return f"{word}:{column.earliest}" if column.earliest else word


def offered(name: str, stream: Stream) -> dict[str, Any]:
    """The stream as the connector offers it, as far as the contract knows."""
    properties: dict[str, Any] = {}
    for own, column in stream.columns.items():
        first, *inside = path_of(own, column)
        if not inside:
            of = properties.setdefault(first, {})
            properties[first] = OFFERED[delivered(column)] | of
            continue
        of = properties.setdefault(first, {"type": "object"})
        for part in inside:
            of = of.setdefault("properties", {}).setdefault(part, {})
        of |= OFFERED[delivered(column)]
    return {
        "name": stream.stream or name,
        "namespace": stream.namespace,
        "json_schema": {"type": "object", "properties": properties},
        "supported_sync_modes": ["full_refresh", *["incremental"] * stream.incremental],
        "source_defined_primary_key": [path_of(one, stream.columns[one]) for one in stream.key],
        "default_cursor_field": _cursor(stream),
    }


def _cursor(stream: Stream) -> list[str]:
    """The path of the cursor: of a column of the contract, or in the source's own names."""
    if len(stream.cursor) == 1 and stream.cursor[0] in stream.columns:
        return path_of(stream.cursor[0], stream.columns[stream.cursor[0]])
    return stream.cursor


def tables(contract: Contract, declaration: Declaration) -> dict[str, Table]:
    """The raw table of every stream, by its name in the contract.

    Key and cursor are the contract's, or the declaration's where that has none; the sync mode is
    the declaration's. Raises DeclarationError where the two do not fit.
    """
    _require_fitting(contract, declaration)
    return {
        name: _table(contract, declaration, name, stream)
        for name, stream in contract.streams.items()
    }


def _require_fitting(contract: Contract, declaration: Declaration) -> None:
    for name, stream in contract.streams.items():
        place = f"contracts/{contract.source}.yml: {name}"
        called = stream.stream or name
        if declaration.streams is not None and called not in declaration.streams:
            raise DeclarationError(
                f"{place}: ingestion/sources/{contract.source}.yml loads no stream {called}: "
                f"add it "
                "there, or say `stream:` with the connector's name for it."
            )
        declared = (declaration.streams or {}).get(called)
        if declared is not None and declared.on_type_change == "new_column":
            raise DeclarationError(
                f"{place}: the declaration says on_type_change: new_column, and a column of a "
                f"contract is one column: say widen, which keeps every digit."
            )


def _table(contract: Contract, declaration: Declaration, name: str, stream: Stream) -> Table:
    discovered = offered(name, stream)
    called = discovered["name"]
    declared = (declaration.streams or {}).get(called)
    if declared is None:
        declared = catalog.default_stream(discovered)
    columns: dict[str, RawColumn] = {}
    for own, column in stream.columns.items():
        first, *inside = path_of(own, column)
        if not inside:
            kind_of_raw = duckdb_type(OFFERED[delivered(column)])
            columns[first] = RawColumn(column.stored or first, first, kind_of_raw)
        else:
            columns.setdefault(first, RawColumn(column.stored or first, first, "JSON"))
    return Table(
        source=contract.source,
        key=(stream.namespace, called),
        name=stream.stored or called,
        columns=tuple(columns.values()),
        provenance=declaration.provenance,
        file_format=None,
        declared=declared.model_copy(
            update=dict.fromkeys([*["key"] * bool(stream.key), *["cursor"] * bool(stream.cursor)])
        ),
        discovered=discovered,
    )
