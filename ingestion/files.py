"""Loading files a source handed over: which of them go the fast way, and when to leave it.

A fast load (`bulk_files`) is kept only if an independent count of the file's bytes agrees with what
was loaded; everything unusual goes the exact way (`line_splitting`). Not here: transactions
(`committer`).
"""

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

import duckdb

from ingestion.bulk_files import NotPlainError, groups, load_plain, load_with_quotes
from ingestion.declarations import FileFormat
from ingestion.errors import IngestionError
from ingestion.insertion import EXACT_ROWS, insert_rows
from ingestion.line_splitting import rows
from ingestion.segments import FileReference, LoadedFile, Part
from ingestion.survey import Survey, survey
from ingestion.tables import Table


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
    wrong: list[FileReference] = []
    plain: list[tuple[FileReference, Survey]] = []

    def load_waiting() -> None:
        """Insert the plain files before the one that is next, so that rows lie as they came."""
        files, plain[:] = plain[:], []
        for group in groups(files):
            with _noted(wrong):
                load_plain(connection, table, group[0][0].layout, str(group[0][1].newline), group)

    for reference in references:
        _check_unchanged(reference)
        if table.file_format.header:
            _check_header(reference, table.file_format)
        seen = survey(reference.path, table.file_format, reference.layout, reference.digest)
        if seen.is_plain and reference not in exactly:
            seen = replace(seen, lines=max(0, seen.lines - table.file_format.header))
            if seen.lines:
                if plain and not _alike(plain[-1], (reference, seen)):
                    load_waiting()
                plain.append((reference, seen))
            loaded.append(LoadedFile(reference, seen.digest, seen.lines, 0))
            continue
        load_waiting()
        found = None
        if seen.is_plain_but_for_quotes and reference not in exactly:
            with _noted(wrong):
                found = load_with_quotes(connection, table, reference, seen)
        if found is None and reference not in wrong:
            found = _load_exactly(connection, table, reference, seen.digest)
        loaded += [found] if found is not None else []
    load_waiting()
    if wrong:
        raise NotPlainError(wrong)
    for reference in references:
        _check_unchanged(reference)
    return loaded


def _alike(file: tuple[FileReference, Survey], other: tuple[FileReference, Survey]) -> bool:
    """Whether one statement can read both plain files."""
    return (file[0].layout, file[1].newline) == (other[0].layout, other[1].newline)


@contextmanager
def _noted(wrong: list[FileReference]) -> Iterator[None]:
    """Go on behind files that are not plain, unless the database refuses all that would follow."""
    try:
        yield
    except NotPlainError as error:
        wrong += error.references
        if error.__cause__ is not None:
            raise NotPlainError(wrong) from error


def _check_unchanged(reference: FileReference) -> None:
    """The file is the one the source spoke of; asked before it is read and after."""
    try:
        found = reference.path.stat()
        fault = "" if stat.S_ISREG(found.st_mode) else "it is no regular file"
    except (OSError, ValueError) as error:  # A path with NUL is none.
        fault = str(getattr(error, "strerror", error))
    if fault:
        raise IngestionError(
            f"{reference.relative_path}: the source handed over {str(reference.path)!r}, which "
            f"cannot be read: {fault}."
        )
    if found.st_size != reference.bytes:
        raise IngestionError(
            f"{reference.relative_path}: the source said {reference.bytes} bytes, the file has "
            f"{found.st_size}. It changed while it was read; run again."
        )
    if reference.modified_ns not in (None, found.st_mtime_ns):
        raise IngestionError(
            f"{reference.relative_path} changed while it was read; run again when its delivery is "
            "complete."
        )


def _check_header(reference: FileReference, file_format: FileFormat) -> None:
    """The first line names the declared columns. Raises IngestionError; an empty file has none."""
    expected = file_format.layout_columns(reference.layout)
    first = next(rows(reference.path, file_format, reference.layout), None)
    if first is None:
        return
    found = list(first.values or (first.raw_text,))
    if found != expected:
        raise IngestionError(
            f"{reference.relative_path}: its first line is expected to name the columns "
            f"{', '.join(expected)}; it says {', '.join(str(name) for name in found)}. Bring the "
            f"columns of the declaration into line with the file."
        )


def _load_exactly(
    connection: duckdb.DuckDBPyConnection, table: Table, reference: FileReference, digest: str
) -> LoadedFile:
    """Split the file here. Without provenance an empty line has no place: it is only counted."""
    assert table.file_format is not None
    names = table.file_format.layout_columns(reference.layout)
    records = malformed = 0
    every = rows(reference.path, table.file_format, reference.layout)
    split = islice(every, int(table.file_format.header), None)
    while batch := list(islice(split, EXACT_ROWS)):
        kept = batch if table.provenance else [row for row in batch if row.raw_text != ""]
        malformed += len(batch) - len(kept)
        records += len(kept)
        malformed += insert_rows(connection, table, reference, names, kept)
    return LoadedFile(reference, digest, records, malformed)


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
