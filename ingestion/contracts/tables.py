"""The raw tables that a contract declares: each exists, empty until the first load.

So models can read them whether or not the source was ever loaded. Not here: how a sync adapts a
table to what the connector offers (`ingestion.tables`).
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb

from ingestion import catalog, comparing, declarations, names, tables
from ingestion.contracts import model, record_contracts
from ingestion.contracts.model import Contract
from ingestion.database import open_raw
from ingestion.declarations import PROVENANCE
from ingestion.errors import DeclarationError
from ingestion.paths import Paths
from ingestion.tables import Table

PROPERTY = {"INTEGER": "integer", "BIGINT": "integer", "VARCHAR": "string"}


def prepare(source: str, home: Path) -> list[str]:
    """Make the source's raw tables that are not there; returns their names.

    Raises DeclarationError when contract or declaration cannot be read, BusyError when
    another process has the raw file open.
    """
    contract, declaration = model.read(source), declarations.read(source)
    paths = Paths.below(home)
    paths.make()
    offer = record_contracts.offered if contract.delivers == "records" else _offered
    offered = [offer(name, stream) for name, stream in contract.streams.items()]
    only = {str(one["name"]) for one in offered}
    if declaration.streams is not None:
        only &= set(declaration.streams)
    made = []
    with open_raw(paths.raw_database, tmp=paths.tmp) as connection:
        known = names.read(connection, source)
        for name, stream in contract.streams.items():
            key = (stream.namespace, stream.stream or name)
            if stream.stored and key not in known.tables:  # As the contract calls it.
                known.tables[key] = stream.stored
                known.new.append(key)
        known.add(catalog.keys(offered))
        selected = catalog.select(declaration, offered, only)
        connection.execute("begin")
        try:
            for table in catalog.plan(declaration, selected, known).values():
                if not tables.existing_columns(connection, table):
                    made.append(table.name)
                if contract.delivers == "records" or table.name in made:
                    tables.add_missing(connection, table)
            names.record(connection, known)
            connection.execute("commit")
        except (duckdb.Error, OSError):
            connection.execute("rollback")
            raise
    return made


def missing(present: Collection[tuple[str, ...]]) -> list[str]:
    """The sources with a contract of records some of whose raw tables or columns are not there.

    `present` is as the function of that name returns it.
    """
    found = []
    for source in model.names():
        try:
            contract = model.read(source)
            if contract.delivers != "records":
                continue
            wanted = record_contracts.tables(contract, declarations.read(source)).values()
        except DeclarationError:
            continue  # The gate holds it, and says why.
        if not all(
            (source, names.lowered(table.name), names.lowered(column)) in present
            for table in wanted
            for column in (tables.RAW_ID, *_numbered(table), *(each.name for each in table.columns))
        ):
            found.append(source)
    return found


def _numbered(table: Table) -> list[str]:
    return [] if table.provenance else [tables.LOAD]


def present(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, ...], str]:
    """The name of every raw column by schema, table and name, the last two in lower case."""
    found = connection.execute(
        "select schema_name, table_name, column_name from duckdb_columns()"
        " where database_name = current_database()"
    ).fetchall()
    return {(schema, *map(names.lowered, rest)): rest[1] for schema, *rest in found}


def fault(contract: Contract, present: Mapping[tuple[str, ...], str]) -> str | None:
    """What a contract says that raw, as it is, gainsays, None when nothing.

    A column that is called nearly so is another one, and a mark of deletion has to be known.
    `present` is as the function of that name returns it. Raises DeclarationError.
    """
    for table in record_contracts.tables(contract, declarations.read(contract.source)).values():
        found = _fault(table, present)
        if found:
            return f"contracts/{table.source}.yml: {table.key[1]} has no {found}"
    return None


def _fault(table: Table, present: Mapping[tuple[str, ...], str]) -> str | None:
    place = (table.source, names.lowered(table.name))
    for column in table.columns:
        found = present.get((*place, names.lowered(column.name)))
        if found is None and (*place, names.lowered(tables.RAW_ID)) in present:
            return (
                f"column {column.name}: its field is stored under another name, which the raw "
                f"table says: say `stored:`"
            )
        if found not in (None, column.name):
            return f"field {column.name}, its name is {found}: say `from: {found}`"
    fields = {names.lowered(column.name) for column in table.columns}
    mark = present.get((*place, comparing.DELETED_AT))
    if mark is not None and comparing.DELETED_AT not in fields:
        return (
            f"line for {mark}, by which its source says that a row was deleted; without it "
            f"deleted rows would be shown: add {mark}: "
            f"{{type: text, meaning: When the row was deleted.}}"
        )
    return None


def _offered(name: str, stream: model.Stream) -> dict[str, Any]:
    """The stream as the connector would offer it."""
    properties = {
        column: {"type": ["null", "integer" if each.type == "integer" else "string"]}
        for column, each in stream.columns.items()
    }
    properties |= {
        column: {"type": ["null", PROPERTY[kind]]} for column, kind in PROVENANCE.items()
    }
    return {
        "name": name,
        "json_schema": {"type": "object", "properties": properties},
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": ["_batch"],
    }
