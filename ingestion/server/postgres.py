"""Tables that the server's Postgres destination wrote, read by DuckDB's own extension.

A unit is what one sync wrote: `_airbyte_meta` has the number of the sync. Not here: loading rows
into raw (`committing`).
"""

from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

import duckdb

from ingestion.errors import IngestionError
from ingestion.server.settings import Destination
from ingestion.server.units import Connection, Unit, describe, plain
from ingestion.tables import literal, quoted

NAME = "_server_lake"
_SYNC = "(_airbyte_meta ->> 'sync_id')::bigint"


def attach(
    connection: Connection, settings: dict[str, Any], name: str, *, read_only: bool = True
) -> None:
    """Attach a PostgreSQL database; the extension comes from its package, not by a download.

    Raises duckdb.Error where the database is not reached.
    """
    package = resources.files("duckdb_extension_postgres_scanner")
    extension = (
        package / "extensions" / f"v{duckdb.__version__}" / "postgres_scanner.duckdb_extension"
    )
    connection.execute(f"load {literal(extension)}")
    words = {
        "host": settings["host"],
        "port": settings.get("port") or 5432,
        "dbname": settings["database"],
        "user": settings["username"],
        "password": settings.get("password"),
        "sslmode": (settings.get("ssl_mode") or {}).get("mode"),
    }
    address = " ".join(f"{key}={_word(value)}" for key, value in words.items() if value)
    mode = ", read_only" if read_only else ""
    connection.execute(f"attach {literal(address)} as {quoted(name)} (type postgres{mode})")


def _word(value: Any) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


class PostgresLake:
    """A database of the Postgres destination, attached to the connection that lands."""

    def __init__(self, destination: Destination, connection: Connection) -> None:
        settings = {**destination.config, **destination.read}
        self._connection = connection
        where = f"{settings['host']}:{settings.get('port') or 5432}/{settings['database']}"
        try:
            attach(connection, settings, NAME)
        except duckdb.Error as error:
            said = str(error).replace(str(settings.get("password") or "\0"), "****")
            raise IngestionError(
                f"The destination's database {where} cannot be read from here: {said}. Check it in "
                f"ingestion/airbyte.yml; `read` takes what is different from here."
            ) from None

    def units(
        self, connection: Connection, source: str, stream: str, landed: dict[str, int]
    ) -> tuple[Iterator[Unit], bool]:
        """What every sync wrote that was not landed, by its number, and whether rows are there."""
        name = self._table(source, stream)
        if name is None:
            return iter(()), False
        table = f"{quoted(source)}.{quoted(name)}"
        columns = describe(connection, self._query(f"select * from {table} limit 0"), table)
        columns |= dict.fromkeys(self._json_columns(source, name), "JSON")
        found = connection.execute(
            "select * from "
            + self._query(
                f"select {_SYNC}, max(_airbyte_generation_id)::bigint, count(*)::bigint,"
                f" sum(pg_column_size(t.*))::bigint from {table} as t group by 1 order by 1"
            )
        ).fetchall()
        if any(number is None for number, *_ in found):
            raise IngestionError(
                f"{table}: rows without a sync_id in _airbyte_meta, which tells what is new. "
                f"Update the destination's connector on the server to 2.1 or later."
            )
        units = [
            Unit(
                name=f"{source}.{stream} sync {number}",
                relation=self._query(f"select * from {table} where {_SYNC} = {number}"),
                columns=columns,
                rows=rows,
                bytes=size,
                generation=generation or 0,
                again=f"{source}.{stream} sync {number}" in landed,
            )
            for number, generation, rows, size in found
            if landed.get(f"{source}.{stream} sync {number}", 0) < rows
        ]
        return iter(units), bool(found)

    def _table(self, source: str, stream: str) -> str | None:
        names = ", ".join(literal(name) for name in {stream, plain(stream)})
        row = self._connection.execute(
            "select * from "
            + self._query(
                f"select table_name from information_schema.tables where table_schema ="
                f" {literal(source)} and table_name in ({names})"
            )
        ).fetchone()
        return str(row[0]) if row else None

    def _json_columns(self, source: str, table: str) -> list[str]:
        """The columns that hold JSON, which come as texts."""
        rows = self._connection.execute(
            "select * from "
            + self._query(
                "select column_name from information_schema.columns where data_type like 'json%'"
                f" and table_schema = {literal(source)}"
                f" and table_name = {literal(table)}"
            )
        ).fetchall()
        return [str(row[0]) for row in rows]

    def _query(self, statement: str) -> str:
        return f"postgres_query({literal(NAME)}, {literal(statement)})"

    def release(self, units: Iterable[Unit]) -> None:
        """Nothing is kept here."""

    def close(self) -> None:
        """Detach the database."""
        self._connection.execute(f"detach {quoted(NAME)}")
