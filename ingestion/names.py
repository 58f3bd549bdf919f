"""What tables and columns are called: decided once, recorded in the ledger, never changed.

A source may call its streams and fields anything. Not here: making tables and columns (`tables`).
"""

import hashlib
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import duckdb

StreamKey = tuple[str | None, str]
LONGEST_BYTES = 200
OWN_COLUMNS = (
    "_airbyte_raw_id",
    "_airbyte_extracted_at",
    "_airbyte_meta",
    "_airbyte_generation_id",
    "_load",
    "rowid",  # DuckDB's own name for a row's place in its table.
    "file_index",
    "file_row_number",
    "filename",
    *(f"_{letter}_" for letter in "cenpvw"),  # Parameters in the loader's SQL.
)
"""Names that no field's column gets: the loader's columns and those DuckDB gives every table."""
OWN_SCHEMAS = frozenset(
    {
        *("main", "temp", "system", "memory", "information_schema", "pg_catalog"),
        *("raw", "warehouse", "dev", "dbt", "bronze", "silver", "gold", "ledger"),
    }
)
"""Names that no source gets: schemas and databases of DuckDB, of dbt and of a home."""


def folded(name: str) -> str:
    """What two names must not have in common: upper and lower case, and ways to write an accent.

    DuckDB takes names for the same that differ in ASCII case; this is stricter.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def lowered(name: str) -> str:
    """A name as DuckDB compares it: only ASCII letters have no case."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def choose(wanted: str, taken: Collection[str], empty: str) -> str:
    """A free name as near to the wanted one as DuckDB takes it; `taken` are folded."""
    base = wanted.replace("\0", "_") or empty
    if len(base.encode()) > LONGEST_BYTES:
        digest = hashlib.sha256(base.encode()).hexdigest()[:8]
        base = base.encode()[: LONGEST_BYTES - 9].decode(errors="ignore") + f"_{digest}"
    name, number = base, 2
    while folded(name) in taken:
        name, number = f"{base}_{number}", number + 1
    return name


@dataclass
class Columns:
    """The names of one stream's columns, by field and, where a changed type got a column of its
    own (`on_type_change: new_column`), by that type.
    """

    names: dict[tuple[str, str | None], str] = field(default_factory=dict)
    new: list[tuple[str, str | None]] = field(default_factory=list)

    def of(
        self, source_field: str, of_type: str | None = None, reserved: Iterable[str] = ()
    ) -> str:
        """The column of a field; chosen now where it has none."""
        key = (source_field, of_type)
        if key not in self.names:
            wanted = source_field
            if of_type is not None:
                wanted = f"{self.of(source_field)}_{of_type.lower().replace(' ', '_')}"
            taken = {folded(name) for name in (*self.names.values(), *OWN_COLUMNS, *reserved)}
            self.names[key] = choose(wanted, taken, "unnamed")
            self.new.append(key)
        return self.names[key]


@dataclass
class Names:
    """The names of one source's tables and columns."""

    source: str
    tables: dict[StreamKey, str] = field(default_factory=dict)
    columns: dict[StreamKey, Columns] = field(default_factory=dict)
    new: list[StreamKey] = field(default_factory=list)

    def of(self, key: StreamKey) -> Columns:
        """The names of a stream's columns."""
        return self.columns.setdefault(key, Columns())

    def add(self, keys: Iterable[StreamKey]) -> None:
        """Choose a table for every stream that has none.

        All that the connector offers are to be given, whatever is selected. The namespace goes in
        where the name alone is not unique.
        """
        missing = sorted({*keys} - {*self.tables}, key=lambda key: (key[0] or "", key[1]))
        known = [folded(name) for _, name in (*self.tables, *missing)]
        for key in missing:
            is_shared = known.count(folded(key[1])) > 1
            wanted = f"{key[0]}__{key[1]}" if is_shared and key[0] else key[1]
            taken = {folded(name) for name in self.tables.values()}
            self.tables[key] = choose(wanted, taken, "unnamed")
            self.new.append(key)


def read(connection: duckdb.DuckDBPyConnection, source: str) -> Names:
    """The names of a source that are recorded."""
    names = Names(source)
    rows = connection.execute(
        "select namespace, stream, field, type, name from _tradehouse.names where source = ?",
        [source],
    ).fetchall()
    for namespace, stream, source_field, of_type, name in rows:
        if source_field is None:
            names.tables[namespace, stream] = name
        else:
            names.of((namespace, stream)).names[source_field, of_type] = name
    return names


def record(connection: duckdb.DuckDBPyConnection, names: Names) -> None:
    """Keep the names that were chosen since they were read, in the caller's transaction."""
    rows: list[tuple[str | None, ...]] = [
        (names.source, *key, None, None, names.tables[key]) for key in names.new
    ]
    for key, columns in names.columns.items():
        rows += [(names.source, *key, *each, columns.names[each]) for each in columns.new]
        columns.new.clear()
    names.new.clear()
    if rows:
        lists = [list(values) for values in zip(*rows, strict=True)]
        unnested = ", ".join("unnest(?::varchar[])" for _ in lists)
        connection.execute(f"insert into _tradehouse.names select {unnested}", lists)


def migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Record the names in a database of a version that chose new ones with every sync."""
    connection.execute(
        """create table _tradehouse.names (
            source varchar not null, namespace varchar, stream varchar not null,
            field varchar, type varchar, name varchar not null
        )"""
    )
    connection.execute(
        """insert into _tradehouse.names
        select source, namespace, stream, null, null, table_name from _tradehouse.streams"""
    )
    connection.execute(
        """insert into _tradehouse.names
        with columns as (
            select source, namespace, stream,
                unnest(map_entries(from_json(columns, '"MAP(VARCHAR, VARCHAR[])"'))) as entry
            from _tradehouse.streams
        )
        select source, namespace, stream, entry.key, null,
            case when entry.value[1] = entry.key || '_' || replace(lower(entry.value[2]), ' ', '_')
                then entry.key else entry.value[1] end
        from columns"""
    )
    _rename(connection, "rowid")  # It hides what the loader tells rows by.
    _rename_beside(connection)


def free_load(connection: duckdb.DuckDBPyConnection) -> None:
    """Let no field's column be called as that of a row's load, of which there was none before."""
    _rename(connection, "_load")


def _rename(connection: duckdb.DuckDBPyConnection, reserved: str) -> None:
    """Give columns of this name, in any case, another one."""
    found = connection.execute(
        """select schema_name, table_name, column_name from duckdb_columns()
        where database_name = current_database() and not internal
            and (schema_name in (select source from _tradehouse.streams)
                or schema_name in ('_tradehouse_staging', '_tradehouse_deleted'))
            and lower(column_name) = ?""",
        [reserved],
    ).fetchall()
    for schema, table, column in found:
        present = connection.execute(
            """select column_name from duckdb_columns() where schema_name = ? and table_name = ?
            and database_name = current_database()""",
            [schema, table],
        ).fetchall()
        name = choose(column, {folded(each) for (each,) in present}, "unnamed")
        connection.execute(
            f"alter table {_quoted(schema)}.{_quoted(table)}"
            f" rename column {_quoted(column)} to {_quoted(name)}"
        )
        connection.execute(
            """update _tradehouse.names set name = ? where name = ? and field is not null
            and (source, stream, namespace) in (select (source, stream, namespace)
                from _tradehouse.streams where source = ? and table_name = ?)""",
            [name, column, schema, table],
        )


def _rename_beside(connection: duckdb.DuckDBPyConnection) -> None:
    """Staged rows and deletions stood in tables of names that two streams could have in common."""
    streams = connection.execute("select source, table_name from _tradehouse.streams").fetchall()
    for schema in ("_tradehouse_staging", "_tradehouse_deleted"):
        present = {
            name
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where schema_name = ?"
                " and database_name = current_database()",
                [schema],
            ).fetchall()
        }
        for source, table in sorted(streams):
            if f"{source}__{table}" in present:
                present.remove(f"{source}__{table}")
                connection.execute(
                    f"alter table {schema}.{_quoted(f'{source}__{table}')}"
                    f" rename to {_quoted(f'{source}.{table}')}"
                )


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
