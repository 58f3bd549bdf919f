"""Rows that were split here, on their way into the stream's table.

Not here: splitting (`exact`) and files that the database reads (`plain`).
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import duckdb

from ingestion.errors import IngestionError
from ingestion.exact import Row
from ingestion.segments import FileReference
from ingestion.tables import RAW_ID, Table, literal, quoted

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
    malformed = sum(row.values is None for row in batch)
    if malformed and not table.provenance:
        raise IngestionError(
            f"{reference.relative_path}: {malformed} rows do not have the {len(names)} columns "
            f"that the declaration gives, and the source has no provenance to keep them by."
        )
    if not batch:
        return 0
    empty = (None,) * len(names)
    columns: dict[str, Sequence[object]] = dict(
        zip(names, zip(*(row.values or empty for row in batch), strict=True), strict=True)
    )
    origin = {} if table.computes_raw_id else {RAW_ID: "uuid()"}
    if table.provenance:
        columns["_line"] = [row.line for row in batch]
        columns["_raw_text"] = [row.raw_text for row in batch]
        origin["_batch"] = literal(reference.batch)
        origin["_delivery"] = literal(reference.delivery)
        origin["_file"] = literal(reference.relative_path)
    origin["_airbyte_extracted_at"] = extracted_at(reference)
    origin["_airbyte_generation_id"] = str(table.generation_id)
    whole_numbers = {"_line"} if table.provenance else set()
    with _as_relation(connection, columns, whole_numbers) as (relation, parameters):
        connection.execute(
            f"""insert into {table.target} by name
            select *, {", ".join(f"{value} as {name}" for name, value in origin.items())}
            from {relation}""",
            parameters,
        )
    return malformed


@contextmanager
def _as_relation(
    connection: duckdb.DuckDBPyConnection,
    columns: dict[str, Sequence[object]],
    whole_numbers: Collection[str],
) -> Iterator[tuple[str, list[list[object]]]]:
    """What a statement can select from, and its parameters."""
    if all(len(values) <= FEW_ROWS for values in columns.values()):
        lists = ", ".join(
            f"unnest(?::{'bigint' if name in whole_numbers else 'varchar'}[]) as {quoted(name)}"
            for name in columns
        )
        yield f"(select {lists})", [list(values) for values in columns.values()]
        return
    import pyarrow as pa  # It takes long to import.

    kinds = dict.fromkeys(whole_numbers, pa.int64())
    arrays = {
        name: pa.array(values, kinds.get(name, pa.string())) for name, values in columns.items()
    }
    connection.register("exact_rows", pa.table(arrays))
    try:
        yield "exact_rows", []
    finally:
        connection.unregister("exact_rows")


def extracted_at(reference: FileReference) -> str:
    """When the source handed the file over, as a literal."""
    moment = datetime.fromtimestamp(reference.emitted_at / 1000, UTC)
    return f"timestamptz '{moment.isoformat()}'"
