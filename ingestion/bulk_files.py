"""The fast way to load files: the database reads them with `read_csv`.

Each statement's row count is checked against an independent count of the file's bytes. Not here:
which files may go this way (`survey`, `files`).
"""

from collections.abc import Iterator, Sequence

import duckdb

from ingestion.declarations import FileFormat
from ingestion.insertion import (
    EXACT_ROWS,
    LINE,
    RAW_TEXT,
    as_relation,
    extracted_at,
    field,
    selected,
)
from ingestion.line_splitting import NO_DELIMITER, rows_with_quotes
from ingestion.segments import FileReference, LoadedFile
from ingestion.survey import Survey
from ingestion.tables import RAW_ID, Table, literal, quoted

GROUP_BYTES = 64 * 1024 * 1024


class NotPlainError(Exception):
    """The fast way does not hold for these files."""

    def __init__(self, references: Sequence[FileReference]) -> None:
        super().__init__(", ".join(r.relative_path for r in references))
        self.references = tuple(references)


def groups(
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


def load_plain(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    layout: str | None,
    newline: str,
    group: list[tuple[FileReference, Survey]],
) -> None:
    """Insert plain files of one layout in one statement. Raises NotPlainError."""
    file_format = table.file_format
    assert file_format is not None
    names = file_format.layout_columns(layout)
    references = [reference for reference, _ in group]
    read = _read_csv(file_format, names, file_format.delimiter, newline, references)
    columns = [quoted(name) for name in names]
    expected = sum(seen.lines for _, seen in group)
    _insert(connection, table, group, columns, "row_number() over ()", read, expected)
    if table.provenance and len(group) > 1:
        _check_lines(connection, table, group)


def load_with_quotes(
    connection: duckdb.DuckDBPyConnection, table: Table, reference: FileReference, seen: Survey
) -> LoadedFile | None:
    """Lines without a quote are split by the database; the few others by us.

    Returns None, with nothing inserted, for a file with rows over several lines or very many
    quotes. Raises NotPlainError where a line without a quote lacks the layout's fields.
    """
    file_format = table.file_format
    assert file_format is not None
    with_quotes = rows_with_quotes(reference.path, file_format, reference.layout, EXACT_ROWS)
    if with_quotes is None:
        return None
    header = int(file_format.header)
    with_quotes = [row for row in with_quotes if row.line > header]
    names = file_format.layout_columns(reference.layout)
    lines = _read_csv(file_format, ["line"], None, str(seen.newline), [reference])
    fields = ", ".join(f"nullif(fields[{i + 1}], '') as {field(i)}" for i in range(len(names)))
    split = f"""select number as {LINE}, null as {RAW_TEXT}, {fields}
        from (
            select number, string_split(line, {literal(file_format.delimiter)}) as fields
            from (select line, row_number() over () + {header} as number from {lines})
            where not contains(line, {literal(file_format.quote)}))
        where len(fields) = {len(names)}"""
    with as_relation(connection, table, reference, names, with_quotes) as (rows, given, malformed):
        _execute(
            connection,
            f"""insert into {table.target} by name
            select {", ".join(selected(table, reference, names))}
            from ({split} union all by name from {rows}) order by {LINE}""",
            [reference],
            seen.lines - header,
            given,
        )
    return LoadedFile(reference, seen.digest, seen.lines - header, malformed)


def _insert(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    group: list[tuple[FileReference, Survey]],
    columns: list[str],
    number: str,
    rows: str,
    expected: int,
) -> None:
    """Insert what is read from files, each row as it is. Raises NotPlainError."""
    references = [reference for reference, _ in group]
    origin = _origin(table, group, number) | table.numbered
    statement = f"""
        insert into {table.target} by name
        select {", ".join(columns)},
            {", ".join(f"{value} as {name}" for name, value in origin.items())},
            {extracted_at(references[0])} as _airbyte_extracted_at,
            {table.generation_id} as _airbyte_generation_id
        from {rows}"""
    _execute(connection, statement, references, expected)


def _execute(
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    references: list[FileReference],
    expected: int,
    parameters: Sequence[object] = (),
) -> None:
    """Insert rows of files. Raises NotPlainError when their number is not the expected one."""
    try:
        row = connection.execute(statement, list(parameters)).fetchone()
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise NotPlainError(references) from error
    if row is None or row[0] != expected:
        raise NotPlainError(references)


def _read_csv(
    file_format: FileFormat,
    names: list[str],
    delimiter: str | None,
    newline: str,
    references: Sequence[FileReference],
) -> str:
    files = ", ".join(literal(reference.path) for reference in references)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv([{files}], columns = {{{columns}}},"
        f" delim = {literal(delimiter or chr(NO_DELIMITER))}, quote = '',"
        f" escape = '', nullstr = '', header = false, skip = {int(file_format.header)},"
        f" auto_detect = false,"
        f" new_line = '{newline}', compression = 'none', encoding = 'utf-8')"
    )


def _origin(table: Table, group: list[tuple[FileReference, Survey]], number: str) -> dict[str, str]:
    """The provenance columns of plain files, and the row's id where it is stored.

    A file's line is its row's number among the rows of all files read before it, which are known
    from the count of line ends.
    """
    raw_id = {} if table.computes_raw_id else {RAW_ID: "uuid()"}
    if not table.provenance:
        return raw_id
    header = int(table.file_format.header) if table.file_format else 0
    if header:
        number += f" + {header}"
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
