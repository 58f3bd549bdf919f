"""Opening `raw.duckdb`: one writer, settings, the schema `_tradehouse` and its migrations.

Not here: what is written into that schema (`ledger`) and the tables of the sources (`tables`).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingestion import loads, names
from ingestion.errors import SchemaVersionError
from tradehouse.home.database import connect

LEDGER_SCHEMA = "_tradehouse"
MEMORY_LIMIT = "256MB"
STORAGE_VERSION = "v1.5.0"

Step = str | Callable[[duckdb.DuckDBPyConnection], None]
MIGRATIONS: tuple[tuple[Step, ...], ...] = (
    (
        """create table _tradehouse.syncs (
            sync_id varchar not null, source varchar not null, namespace varchar, stream varchar,
            started_at timestamptz not null, ended_at timestamptz, status varchar not null,
            records bigint not null, bytes bigint not null, nulled_values bigint not null,
            generation_id bigint, state_before json, state_after json,
            connector varchar, connector_version varchar, declaration_version varchar, error json
        )""",
        """create table _tradehouse.states (
            source varchar not null, kind varchar not null, namespace varchar, stream varchar,
            state json, position bigint not null, sync_id varchar not null,
            committed_at timestamptz not null
        )""",
        """create table _tradehouse.segments (
            sync_id varchar not null, source varchar not null, namespace varchar, stream varchar,
            segment bigint not null, records bigint not null, bytes bigint not null,
            nulled_values bigint not null, committed_at timestamptz not null
        )""",
        """create table _tradehouse.files (
            source varchar not null, stream varchar not null, batch integer, delivery integer,
            file varchar not null, bytes bigint, digest varchar, records bigint not null,
            malformed_records bigint not null, sync_id varchar not null,
            committed_at timestamptz not null
        )""",
        """create table _tradehouse.streams (
            source varchar not null, namespace varchar, stream varchar not null,
            table_name varchar not null, generation_id bigint not null,
            minimum_generation_id bigint not null, columns json not null
        )""",
    ),
    (
        "alter table _tradehouse.syncs add column runner varchar",
        "alter table _tradehouse.syncs add column job_id bigint",
        "alter table _tradehouse.syncs add column job_url varchar",
        """create table _tradehouse.landed (
            source varchar not null, stream varchar not null, unit varchar not null,
            job_id bigint not null, records bigint not null, bytes bigint not null, digest varchar,
            server_generation_id bigint not null, sync_id varchar not null,
            committed_at timestamptz not null
        )""",
        """create table _tradehouse.server_runs (
            source varchar not null, sync_id varchar not null, connection_id varchar not null,
            is_reset boolean not null, last_job_id bigint not null, reset_job_id bigint,
            job_id bigint, started_at timestamptz not null
        )""",
    ),
    (names.migrate,),
    loads.MIGRATION,
    ("alter table _tradehouse.streams add column merged_by json",),
    (
        """create table _tradehouse.judged (
            source varchar not null, load bigint not null, since_load bigint not null,
            contract varchar not null, reason varchar, is_accepted boolean not null,
            judged_at timestamptz not null, primary key (source, load)
        )""",
    ),
    ("alter table _tradehouse.loads add column rows bigint",),
    (
        "alter table _tradehouse.loads add column rewrites boolean",
        "alter table _tradehouse.judged add column loses boolean",
        names.free_load,
    ),
)
"""The statements that lead from schema version N to N + 1; the first creates version 1."""


def most_memory() -> str:
    """What loading may take where records are too large for the usual little."""
    return os.environ.get("TRADEHOUSE_MEMORY_LIMIT") or "1500MB"


@contextmanager
def open_raw(
    path: Path,
    *,
    tmp: Path,
    wait_seconds: float = 60.0,
    on_wait: Callable[[str], None] | None = None,
    memory_limit: str = MEMORY_LIMIT,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the raw database as its only writer, its schema brought to this version.

    Waits up to `wait_seconds` for readers to close it and calls `on_wait` once when it has to.
    Raises BusyError, DamagedError, or SchemaVersionError for a file of a newer Tradehouse.
    """
    settings = {
        # Two connections load in parallel; each is a single-threaded pipeline, which keeps line
        # numbers in file order and writes every row group once.
        "threads": 1,
        "memory_limit": memory_limit,
        "temp_directory": str(tmp),
        "storage_compatibility_version": STORAGE_VERSION,
    }
    with connect(path, config=settings, wait_seconds=wait_seconds, on_wait=on_wait) as connection:
        # DuckDB draws it on standard output, which belongs to the commands.
        connection.execute("set enable_progress_bar = false")
        migrate(connection, path)
        yield connection


def schema_version(connection: duckdb.DuckDBPyConnection) -> int:
    """The version of the schema `_tradehouse`; 0 when there is none."""
    exists = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?"
        " and database_name = current_database()",
        [LEDGER_SCHEMA, "schema_version"],
    ).fetchone()
    if not exists or not exists[0]:
        return 0
    row = connection.execute("select max(version) from _tradehouse.schema_version").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def migrate(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    migrations: tuple[tuple[Step, ...], ...] = MIGRATIONS,
) -> None:
    """Bring the schema to this version in one transaction. Raises SchemaVersionError if newer."""
    version, newest = schema_version(connection), len(migrations)
    if version == newest:
        return
    if version > newest:
        raise SchemaVersionError(
            f"{path} has schema version {version}, this Tradehouse knows versions up to {newest}: "
            f"use the Tradehouse that wrote it, or another home."
        )
    connection.execute("begin")
    try:
        connection.execute("create schema if not exists _tradehouse")
        connection.execute(
            "create table if not exists _tradehouse.schema_version"
            " (version integer not null, migrated_at timestamptz not null)"
        )
        for number, statements in enumerate(migrations[version:], start=version + 1):
            for step in statements:
                connection.execute(step) if isinstance(step, str) else step(connection)
            connection.execute("insert into _tradehouse.schema_version values (?, now())", [number])
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
