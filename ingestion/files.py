"""Loading files a source handed over: the fast way with `read_csv`, and when to leave it.

The fast way is taken only where an independent count of the file's bytes agrees with what was
loaded; everything unusual goes the exact way of `exact`. Not here: transactions (`committer`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import duckdb

from ingestion.declarations import FileFormat
from ingestion.errors import IngestionError
from ingestion.exact import Row, rows
from ingestion.segments import FileReference, Part
from ingestion.survey import NO_DELIMITER, Survey, survey
from ingestion.tables import RAW_ID, Table, literal, quoted

GROUP_BYTES = 64 * 1024 * 1024
EXACT_ROWS = 20_000


class NotPlainError(Exception):
    """The fast way does not hold for these files."""

    def __init__(self, references: Sequence[FileReference]) -> None:
        super().__init__(", ".join(r.relative_path for r in references))
        self.references = tuple(references)


@dataclass(frozen=True)
class LoadedFile:
    """A loaded file for the ledger."""

    reference: FileReference
    digest: str | None
    records: int
    malformed: int


def load(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    references: Sequence[FileReference],
    exactly: frozenset[FileReference],
) -> list[LoadedFile]:
    """Insert the files' rows into the stream's table, inside the caller's transaction.

    Files in `exactly` go the exact way. Raises NotPlainError when another file turns out not to be
    plain after rows of it were inserted: the caller rolls back and adds it to `exactly`.
    """
    if table.file_format is None:
        raise IngestionError(
            f"{table.sql_name}: the source handed over {references[0].relative_path} as a file, "
            f"but the declaration gives no file format for the stream."
        )
    loaded: list[LoadedFile] = []
    plain: dict[tuple[str | None, str | None], list[tuple[FileReference, Survey]]] = {}
    for reference in references:
        _check_size(reference)
        if table.file_format.header:
            _check_header(reference, table.file_format)
        seen = survey(reference.path, table.file_format, reference.layout, reference.digest)
        if seen.is_plain and reference not in exactly:
            seen = replace(seen, lines=max(0, seen.lines - table.file_format.header))
            if seen.lines:
                plain.setdefault((reference.layout, seen.newline), []).append((reference, seen))
            loaded.append(LoadedFile(reference, seen.digest, seen.lines, 0))
        else:
            loaded.append(_load_exactly(connection, table, reference, seen.digest))
    for (layout, newline), files in plain.items():
        for group in _groups(files):
            _load_plain(connection, table, layout, str(newline), group)
    return loaded


def _check_size(reference: FileReference) -> None:
    try:
        found = reference.path.stat().st_size
    except OSError as error:
        raise IngestionError(
            f"{reference.relative_path}: the source handed over {reference.path}, which cannot be "
            f"read: {error.strerror}."
        ) from None
    if found != reference.bytes:
        raise IngestionError(
            f"{reference.relative_path}: the source said {reference.bytes} bytes, the file has "
            f"{found}. It changed while it was read; run again."
        )


def _check_header(reference: FileReference, file_format: FileFormat) -> None:
    """The first line names the declared columns. Raises IngestionError; an empty file has none."""
    expected = file_format.layout_columns(reference.layout)
    first = next(rows(reference.path, file_format, reference.layout), None)
    if first is None:
        return
    found = list(first.values or (first.raw_text,))
    found[0] = (found[0] or "").removeprefix("\ufeff")
    if found != expected:
        raise IngestionError(
            f"{reference.relative_path}: its first line is expected to name the columns "
            f"{', '.join(expected)}; it says {', '.join(str(name) for name in found)}. Bring the "
            f"columns of the declaration into line with the file."
        )


def _groups(
    files: list[tuple[FileReference, Survey]],
) -> Iterator[list[tuple[FileReference, Survey]]]:
    """Files to read in one statement: few large ones or many small ones."""
    group: list[tuple[FileReference, Survey]] = []
    size = 0
    for file in files:
        if group and size + file[0].bytes > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(file)
        size += file[0].bytes
    if group:
        yield group


def _load_plain(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    layout: str | None,
    newline: str,
    group: list[tuple[FileReference, Survey]],
) -> None:
    file_format = table.file_format
    assert file_format is not None
    names = file_format.layout_columns(layout)
    references = [reference for reference, _ in group]
    expected = sum(seen.lines for _, seen in group)
    statement = f"""
        insert into {table.target} by name
        select {", ".join(quoted(name) for name in names)},
            {", ".join(f"{value} as {name}" for name, value in _origin(table, group).items())},
            {_extracted_at(references[0])} as _airbyte_extracted_at,
            {table.generation_id} as _airbyte_generation_id
        from {_read_csv(file_format, names, newline, [r.path for r in references])}"""
    try:
        row = connection.execute(statement).fetchone()
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise NotPlainError(references) from error
    if row is None or row[0] != expected:
        raise NotPlainError(references)
    if table.provenance and len(group) > 1:
        _check_lines(connection, table, group)


def _read_csv(file_format: FileFormat, names: list[str], newline: str, paths: list[Path]) -> str:
    files = ", ".join(literal(path) for path in paths)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    delimiter = chr(NO_DELIMITER) if file_format.delimiter is None else file_format.delimiter
    return (
        f"read_csv([{files}], columns = {{{columns}}}, delim = {literal(delimiter)}, quote = '',"
        f" escape = '', nullstr = '', header = false, skip = {int(file_format.header)},"
        f" auto_detect = false,"
        f" new_line = '{newline}', compression = 'none', encoding = 'utf-8')"
    )


def _origin(table: Table, group: list[tuple[FileReference, Survey]]) -> dict[str, str]:
    """The provenance columns of plain files, and the row's id where it is stored.

    A file's line is its row's number among the rows of all files read before it, which are known
    from the count of line ends.
    """
    raw_id = {} if table.computes_raw_id else {RAW_ID: "uuid()"}
    if not table.provenance:
        return raw_id
    header = int(table.file_format.header) if table.file_format else 0
    number = f"row_number() over () + {header}" if header else "row_number() over ()"
    first = group[0][0]
    if len(group) == 1:
        return raw_id | {
            "_batch": literal(first.batch),
            "_delivery": literal(first.delivery),
            "_file": literal(first.relative_path),
            "_line": number,
        }
    starts, total = [], 0
    for _, seen in group:
        starts.append(total)
        total += seen.lines

    def pick(values: Sequence[object]) -> str:
        return f"[{', '.join(literal(value) for value in values)}][file_index::bigint + 1]"

    return raw_id | {
        "_batch": pick([reference.batch for reference, _ in group]),
        "_delivery": pick([reference.delivery for reference, _ in group]),
        "_file": pick([reference.relative_path for reference, _ in group]),
        "_line": f"{number} - {pick(starts)}",
    }


def _check_lines(
    connection: duckdb.DuckDBPyConnection, table: Table, group: list[tuple[FileReference, Survey]]
) -> None:
    """Every file of the group has every line that its count of line ends says, once."""
    header = int(table.file_format.header) if table.file_format else 0
    found = {
        tuple(row[:3]): tuple(row[3:])
        for row in connection.execute(
            f"""select _file, _batch, _delivery, min(_line), max(_line), count(*)
            from {table.target} where _file in (select unnest(?::varchar[])) group by all""",
            [[reference.relative_path for reference, _ in group]],
        ).fetchall()
    }
    for reference, seen in group:
        key = (reference.relative_path, reference.batch, reference.delivery)
        if found.get(key) != (1 + header, seen.lines + header, seen.lines):
            raise NotPlainError([reference for reference, _ in group])


def _load_exactly(
    connection: duckdb.DuckDBPyConnection, table: Table, reference: FileReference, digest: str
) -> LoadedFile:
    assert table.file_format is not None
    names = table.file_format.layout_columns(reference.layout)
    records = malformed = 0
    every = rows(reference.path, table.file_format, reference.layout)
    split = islice(every, int(table.file_format.header), None)
    while batch := list(islice(split, EXACT_ROWS)):
        records += len(batch)
        malformed += sum(row.values is None for row in batch)
        _insert_rows(connection, table, reference, names, batch)
    if malformed and not table.provenance:
        raise IngestionError(
            f"{reference.relative_path}: {malformed} rows do not have the {len(names)} columns "
            f"that the declaration gives, and the source has no provenance to keep them by."
        )
    return LoadedFile(reference, digest, records, malformed)


def _insert_rows(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    reference: FileReference,
    names: list[str],
    batch: list[Row],
) -> None:
    import pyarrow as pa  # Only files that are not plain need it, and it takes long to import.

    empty = (None,) * len(names)
    values = list(zip(*(row.values or empty for row in batch), strict=True))
    arrays = {name: pa.array(values[i], pa.string()) for i, name in enumerate(names)}
    if table.provenance:
        arrays["_line"] = pa.array([row.line for row in batch], pa.int64())
        arrays["_raw_text"] = pa.array([row.raw_text for row in batch], pa.string())
        origin = f"""{literal(reference.batch)} as _batch, {literal(reference.delivery)} as
            _delivery, {literal(reference.relative_path)} as _file"""
    else:
        origin = ""
    if not table.computes_raw_id:
        origin += f"{', ' if origin else ''}uuid() as {RAW_ID}"
    connection.register("exact_rows", pa.table(arrays))
    try:
        connection.execute(
            f"""insert into {table.target} by name select *, {origin},
            {_extracted_at(reference)} as _airbyte_extracted_at,
            {table.generation_id} as _airbyte_generation_id from exact_rows"""
        )
    finally:
        connection.unregister("exact_rows")


def _extracted_at(reference: FileReference) -> str:
    moment = datetime.fromtimestamp(reference.emitted_at / 1000, UTC)
    return f"timestamptz '{moment.isoformat()}'"


def from_records(
    connection: duckdb.DuckDBPyConnection, table: Table, part: Part, inserted: int
) -> list[LoadedFile]:
    """The files that a part's records, inserted last, say they come from."""
    if not (table.provenance and inserted):
        return []
    rows_by_file = connection.execute(
        f"""select _file, _batch, _delivery, count(*), count(_raw_text)
        from {table.target}
        where rowid > (select max(rowid) from {table.target}) - {inserted}
        group by all order by all"""
    ).fetchall()
    return [
        LoadedFile(
            FileReference(part.spool, file or "", 0, batch, delivery, None, None, 0),
            None,
            records,
            malformed,
        )
        for file, batch, delivery, records, malformed in rows_by_file
    ]
