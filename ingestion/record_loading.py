"""Loading spooled RECORD lines in bulk: read leniently, typed exactly; what does not fit is kept.

Not here: transactions (`committer`) and which lines belong together (`reader`).
"""

from collections import Counter

import duckdb

from ingestion import numbers, shapes, values
from ingestion.database import most_memory
from ingestion.errors import ProtocolError, TooLargeError
from ingestion.json_text import replace_lone_surrogates, without_repeats
from ingestion.names import lowered
from ingestion.protocol import parse_line
from ingestion.segments import Part
from ingestion.tables import RAW_ID, Column, Table, literal, quoted
from tradehouse.terminal import duckdb_messages
from tradehouse.terminal.output import count

LATEST_MILLISECONDS = 9_223_372_036_854_775


def load(connection: duckdb.DuckDBPyConnection, table: Table, part: Part) -> tuple[int, int]:
    """Insert a part's spooled records, inside the caller's transaction.

    Returns the number of records and of values that became NULL because they did not fit.
    Raises UnreadableError when DuckDB cannot read the lines as they are: the caller rolls back,
    calls `repair`, and tries again; TooLargeError when memory does not suffice.
    """
    if not part.records:
        return 0, 0
    try:
        if not part.is_marked:
            part.is_plain = shapes.are_plain(part.spool, [each.field for each in table.columns])
            part.mark = None if part.is_plain else numbers.mark(part.spool)
            part.is_marked = True
            part.object_bytes += 64 * 1024 if part.mark else 0
        inserted, nulled = _insert(connection, table, part)
    except (
        duckdb.InvalidInputException,
        duckdb.ConversionException,
        duckdb.OutOfRangeException,
    ) as error:
        if part.is_repaired:
            raise ProtocolError(
                f"{table.sql_name}: the records from line {part.output_line(0)} of the connector's "
                f"output on cannot be read ({type(error).__name__})",
                str(error).splitlines()[0].encode(),  # It may hold a value.
            ) from error
        raise UnreadableError(part, str(error)) from error
    if inserted != part.records:
        raise ProtocolError(
            f"{table.sql_name}: {part.records} records were read from the connector, {inserted} "
            f"arrived in the table. Nothing of them is kept."
        )
    return inserted, nulled


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, part: Part) -> tuple[int, int]:
    values.define(connection)
    inserted = sum(_insert_piece(connection, table, piece) for piece in part.pieces())
    typed = any(column.type != "VARCHAR" for column in table.columns)
    return inserted, count_nulled(connection, table.target, inserted) if typed else 0


def _insert_piece(connection: duckdb.DuckDBPyConnection, table: Table, piece: Part) -> int:
    try:
        row = connection.execute(insert_statement(table, piece)).fetchone()
    except duckdb.OutOfMemoryException as error:
        if duckdb_messages.lacks_room(str(error)):
            raise  # The disk is full.
        found, columns = count(piece.records, "record"), count(len(table.columns), "column")
        raise TooLargeError(
            f"{table.sql_name}: {found} of {piece.spool_bytes / 1e6:.1f} MB in {columns}, the "
            f"first on line {piece.output_line(0)} of the connector's output, need more memory "
            f"than loading may take, {most_memory()}. Set TRADEHOUSE_MEMORY_LIMIT to more, such as "
            f"4GB, then run again: what was committed stays."
        ) from error
    return int(row[0]) if row else 0


def count_nulled(connection: duckdb.DuckDBPyConnection, target: str, inserted: int) -> int:
    """Values nulled by this loader among the rows inserted last."""
    row = connection.execute(
        f"""select coalesce(sum(len(list_filter(
                from_json(_airbyte_meta, '{{"changes": [{{"reason": "VARCHAR"}}]}}').changes,
                lambda change: change.reason = 'DESTINATION_TYPECAST_ERROR'))), 0)
        from (select _airbyte_meta from {target} where rowid >= (
            select max(rowid) + 1 - {inserted} from {target})
            and _airbyte_meta is not null)"""
    ).fetchone()
    return int(row[0]) if row else 0


def insert_statement(table: Table, part: Part) -> str:
    """The statement that inserts a part's spooled records."""
    if _collides(table):
        struct = "JSON"
    else:
        fields = [f"{quoted(c.field)} {_read_type(c)}" for c in table.columns]
        struct = f"STRUCT({', '.join(fields)})" if fields else "JSON"
    names = [quoted(column.name) for column in table.columns]
    texts = [f"{_text(table, c, part)} as t{i}" for i, c in enumerate(table.columns)]
    typed = [f"{values.value(c, f't{i}')} as v{i}" for i, c in enumerate(table.columns)]
    source_meta = numbers.unmarked("record.meta", part.mark, is_json=True)
    raw_id = "" if table.computes_raw_id else f"{RAW_ID}, "
    raw_value = "" if table.computes_raw_id else "uuid()::varchar, "
    load, number = (", ".join(["", *each]) for each in (table.numbered, table.numbered.values()))
    return f"""
        insert into {table.target} ({"".join(name + ", " for name in names)}{raw_id}
            _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id{load})
        with lines as (
            select {"".join(text + ", " for text in texts)}
                record.emitted_at as emitted_at, {source_meta} as meta
            from read_ndjson({literal(part.spool)}, maximum_object_size = {part.object_bytes},
                columns = {{record: 'STRUCT(data {struct.replace("'", "''")},
                    emitted_at BIGINT, meta JSON)'}})
        ),
        typed as (select *{"".join(", " + value for value in typed)} from lines)
        select {"".join(f"v{i}, " for i in range(len(typed)))}{raw_value}
            epoch_ms(emitted_at)::timestamptz,
            {values.meta(list(enumerate(table.columns)))},
            {table.generation_id}{number}
        from typed"""


def _collides(table: Table) -> bool:
    """Whether the fields cannot be those of a struct, whose names are like columns' names."""
    fields = [lowered(column.field) for column in table.columns]
    return len(set(fields)) < len(fields) or any(not name or "\0" in name for name in fields)


def _read_type(column: Column) -> str:
    return "JSON" if column.type == "JSON" else "VARCHAR"


def _text(table: Table, column: Column, part: Part) -> str:
    """A field as the text it has in the record; a missing field and a JSON null are NULL."""
    if not _collides(table):
        field = f"record.data.{quoted(column.field)}"
    else:
        pointer = column.field.replace("~", "~0").replace("/", "~1")
        extract = "json_extract" if column.type == "JSON" else "json_extract_string"
        field = f"{extract}(record.data, {literal('/' + pointer)})"
    if column.type == "JSON":
        field = f"nullif({field}::varchar, 'null')"
        return numbers.unmarked(field, part.mark, is_json=True)
    # A text column may hold an object, too.
    return numbers.unmarked(
        numbers.unmarked(field, part.mark, is_json=True), part.mark, is_json=False
    )


def unknown_fields(
    connection: duckdb.DuckDBPyConnection, table: Table, part: Part
) -> dict[str, int]:
    """How many of a part's records have which fields that the table does not take."""
    if part.is_plain:
        return {}
    found: Counter[str] = Counter()
    for piece in part.pieces():
        found.update(_unknown_fields(connection, table, piece))
    return dict(found)


def _unknown_fields(
    connection: duckdb.DuckDBPyConnection, table: Table, part: Part
) -> dict[str, int]:
    rows = connection.execute(
        f"""select key, sum(records)::bigint from (
            select unnest(keys) as key, records from (
                select list_distinct(json_keys(json, '/record/data')) as keys, count(*) as records
                from read_ndjson_objects({literal(part.spool)},
                    maximum_object_size = {part.object_bytes})
                group by keys))
        where key not in (select unnest(?::varchar[])) group by key""",
        [[column.field for column in table.columns]],
    ).fetchall()
    return dict(rows)


class UnreadableError(Exception):
    """DuckDB cannot read a part's lines as they are."""

    def __init__(self, part: Part, reason: str) -> None:
        super().__init__(reason)
        self.part = part


def repair(part: Part) -> None:
    r"""Make every line of the spool readable, or say which is not JSON.

    A lone surrogate (`\ud83d` without its second half) is valid for many writers and in no UTF-8
    text: it is replaced by U+FFFD. Of a name that stands twice in an object the last value counts.
    Raises ProtocolError for any other line that does not parse.
    """
    repaired = part.spool.with_suffix(".repaired")
    longest = 0
    with part.spool.open("rb") as lines, repaired.open("wb") as out:
        for index, line in enumerate(lines):
            longest = max(longest, len(line))
            text = without_repeats(replace_lone_surrogates(line))
            _check(text, part.output_line(index))
            out.write(text)
    repaired.replace(part.spool)
    part.is_repaired = True
    part.object_bytes = max(part.object_bytes, longest + 1024)


def _check(line: bytes, number: int) -> None:
    """Raise ProtocolError for a line that is no record the loader can read."""
    record = parse_line(line.strip(), number).get("record")
    moment = record.get("emitted_at") if isinstance(record, dict) else "nothing"
    if not isinstance(moment, int | float | None) or abs(moment or 0) > LATEST_MILLISECONDS:
        raise ProtocolError(
            f"Line {number}: a RECORD's `emitted_at` should be a time in milliseconds", line
        )
