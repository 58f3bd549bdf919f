"""Inserts rows that Python has split into the stream's table.

Not here: splitting (`line_splitting`) and files that the database reads (`bulk_files`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import duckdb

from ingestion.errors import IngestionError
from ingestion.line_splitting import Row
from ingestion.segments import FileReference
from ingestion.tables import RAW_ID, Table, literal, quoted
from tradehouse.terminal.output import count

EXACT_ROWS = 20_000
FEW_ROWS = 100


def insert_rows(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    reference: FileReference,
    names: list[str],
    batch: list[Row],
) -> int:
    """Insert rows that we split; returns how many could not be."""
    if not batch:
        return 0
    with as_relation(connection, table, reference, names, batch) as (rows, parameters, malformed):
        connection.execute(
            f"""insert into {table.target} by name
            select {", ".join(selected(table, reference, names))} from {rows}""",
            parameters,
        )
    return malformed


def selected(table: Table, reference: FileReference, names: list[str]) -> list[str]:
    """What is selected into the stream's table from the rows that `as_relation` gives."""
    origin = {} if table.computes_raw_id else {RAW_ID: "uuid()"}
    if table.provenance:
        origin |= {
            "_batch": literal(reference.batch),
            "_delivery": literal(reference.delivery),
            "_file": literal(reference.relative_path),
            "_line": LINE,
            "_raw_text": RAW_TEXT,
        }
    origin["_airbyte_extracted_at"] = extracted_at(reference)
    origin["_airbyte_generation_id"] = str(table.generation_id)
    origin |= table.numbered
    fields = [f"{field(number)} as {quoted(name)}" for number, name in enumerate(names)]
    return fields + [f"{value} as {name}" for name, value in origin.items()]


LINE, RAW_TEXT = "row_line", "row_text"


def field(number: int) -> str:
    """The column of a row's field, by its place; a file may name its own in any way."""
    return f"field_{number}"


@contextmanager
def as_relation(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    reference: FileReference,
    names: list[str],
    batch: list[Row],
) -> Iterator[tuple[str, list[list[object]], int]]:
    """What a statement selects rows from that we split, its parameters, and how many are malformed.

    Raises IngestionError for malformed ones of a source that has no provenance to keep them by.
    """
    malformed = sum(row.values is None for row in batch)
    if malformed and not table.provenance:
        raise IngestionError(
            f"{reference.relative_path}: {count(malformed, 'row')} of it "
            f"{'do' if malformed > 1 else 'does'} not have the {len(names)} columns "
            f"that the declaration gives, and the source has no provenance to keep them by."
        )
    empty = (None,) * len(names)
    fields = list(zip(*(row.values or empty for row in batch), strict=True)) or [()] * len(names)
    columns: dict[str, Sequence[object]] = {
        LINE: [row.line for row in batch],
        RAW_TEXT: [row.raw_text for row in batch],
        **{field(number): values for number, values in enumerate(fields)},
    }
    if len(batch) <= FEW_ROWS:
        lists = ", ".join(
            f"unnest(?::{'bigint' if name == LINE else 'varchar'}[]) as {name}" for name in columns
        )
        yield f"(select {lists})", [list(values) for values in columns.values()], malformed
        return
    import pyarrow as pa  # It takes long to import.

    arrays = {
        name: pa.array(values, pa.int64() if name == LINE else pa.string())
        for name, values in columns.items()
    }
    connection.register("exact_rows", pa.table(arrays))
    try:
        yield "exact_rows", [], malformed
    finally:
        connection.unregister("exact_rows")


def extracted_at(reference: FileReference) -> str:
    """When the source handed the file over, as a literal."""
    moment = datetime.fromtimestamp(reference.emitted_at / 1000, UTC)
    return f"timestamptz '{moment.isoformat()}'"
