"""Which of the rows of a key stays: keys and cursors compared exactly, by their types.

Not here: when rows are merged, and what a generation is (`modes`).
"""

from dataclasses import dataclass
from typing import Any

import duckdb

from ingestion import values
from ingestion.names import lowered
from ingestion.tables import (
    ARRIVAL,
    DELETED_SCHEMA,
    STAGING_SCHEMA,
    Column,
    Table,
    duckdb_type,
    literal,
    original,
    quoted,
)
from tradehouse.output import count

DELETED_AT = "_ab_cdc_deleted_at"


def merge(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """Bring what is staged into the table, in the caller's transaction; empties what is staged.

    Decides by narrow columns which row of a key is newest; only then touches whole rows. Returns
    what a reader of the summary should know.
    """
    values.define(connection)
    marks = _deletion_mark(connection, table)
    known = [table.sql_name]
    if marks is not None:
        _prepare_deletions(connection, table)
        known.append(table.deletions)
    keys = [_Place.of(table, path) for path in table.merge_key]
    staged = [part for place in keys for part in _key(place, "staged")]
    stored = [part for place in keys for part in _key(place, "stored")]
    same = " and ".join(
        f"{one} is not distinct from {other}" for one, other in zip(staged, stored, strict=True)
    )
    absent = " and ".join(f"{part} is null" for part in staged)
    present = f"exists (select 1 from {table.target} as staged where {same} and not ({absent}))"
    fields = {column.field for column in table.columns}
    has_cursor = table.merge_cursor and table.merge_cursor[0] in fields  # A source's may be none.
    cursor = _Place.of(table, table.merge_cursor) if has_cursor else None
    candidates = [
        f"{_candidates(staged, cursor, 'staged', table.target)} where not ({absent})",
        *(f"{_candidates(stored, cursor, 'stored', name)} where {present}" for name in known),
    ]
    parts = 0 if cursor is None else len(_cursor(cursor, "staged"))
    order = "".join(f"cursor_{number} desc nulls last, " for number in range(parts))
    connection.execute(
        f"""create or replace temp table newest as
        select origin, arrival from ({" union all ".join(candidates)})
        qualify row_number() over (
            partition by {", ".join(f"key_{number}" for number in range(len(staged)))}
            order by {order}extracted_at desc, is_staged desc, arrival desc) = 1
        union all
        select {literal(table.target)}, {ARRIVAL} from {table.target} as staged where {absent}"""
    )
    for name in known:
        connection.execute(
            f"""delete from {name} as stored where {present} and {ARRIVAL} not in (
                select arrival from newest where origin = {literal(name)})"""
        )
    chosen = f"""select * from {table.target} where {ARRIVAL} in (
        select arrival from newest where origin = {literal(table.target)})"""
    living = f"and {marks} is null" if marks else ""
    connection.execute(f"insert into {table.sql_name} by name {chosen} {living}")
    if marks is not None:
        connection.execute(
            f"insert into {table.deletions} by name {chosen} and {marks} is not null"
        )
    told = _without_key(connection, table, absent)
    connection.execute(f"delete from {table.target}")
    connection.execute("drop table newest")
    return told


def _without_key(connection: duckdb.DuckDBPyConnection, table: Table, absent: str) -> list[str]:
    row = connection.execute(
        f"select count(*) from {table.target} as staged where {absent}"
    ).fetchone()
    if row is None or not row[0]:
        return []
    key = ", ".join(".".join(path) for path in table.merge_key)
    return [
        f"{count(row[0], 'record')} of {table.key[1]} without a key ({key} is null): each is kept, "
        f"none is merged with another"
    ]


def _candidates(keys: list[str], cursor: "_Place | None", alias: str, name: str) -> str:
    """A select of what decides between rows of one key, from one of the tables that hold them."""
    listed = [f"{part} as key_{number}" for number, part in enumerate(keys)]
    if cursor is not None:
        listed += [f"{part} as cursor_{i}" for i, part in enumerate(_cursor(cursor, alias))]
    is_staged = "true" if alias == "staged" else "false"
    return f"""select {", ".join(listed)}, {alias}._airbyte_extracted_at as extracted_at,
        {is_staged} as is_staged, {alias}.{ARRIVAL} as arrival, {literal(name)} as origin
        from {name} as {alias}"""


def _deletion_mark(connection: duckdb.DuckDBPyConnection, table: Table) -> str | None:
    """The column of the staged rows that says when a row was deleted, if there is one."""
    columns = _columns(connection, STAGING_SCHEMA, table)
    return next((quoted(name) for name in columns if lowered(name) == DELETED_AT), None)


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, table: Table) -> dict[str, str]:
    rows = connection.execute(
        """select column_name, data_type from duckdb_columns()
        where database_name = current_database() and schema_name = ? and table_name = ?
        order by column_index""",
        [schema, table.name_beside],
    ).fetchall()
    return dict(rows)


def _prepare_deletions(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create the table of deletions, or bring it to the columns the stream has now."""
    connection.execute(f"create schema if not exists {DELETED_SCHEMA}")
    found = _columns(connection, DELETED_SCHEMA, table)
    if found == _columns(connection, STAGING_SCHEMA, table):
        return
    if found:
        connection.execute(f"create temp table older as select * from {table.deletions}")
    connection.execute(
        f"create or replace table {table.deletions} as select * from {table.target} limit 0"
    )
    if found:
        connection.execute(f"insert into {table.deletions} by name select * from older")
        connection.execute("drop table older")


_NUMBERS = ("BIGINT", "INTEGER", "HUGEINT", "DOUBLE")
_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME", "TIME WITH TIME ZONE")
_JSON_NUMBERS = "('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')"


@dataclass(frozen=True)
class _Place:
    """Where a part of a key or a cursor lies: column, JSON pointer into it, field, types.

    `wanted` is the type that the schema gives the value; `type` that of the column, which may have
    been widened.
    """

    column: str
    pointer: str | None
    field: str
    type: str
    wanted: str

    @classmethod
    def of(cls, table: Table, path: list[str]) -> "_Place":
        column = next((each for each in table.columns if each.field == path[0]), None)
        inside = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path[1:])
        schema: Any = table.discovered.get("json_schema")
        for part in path:
            properties = schema.get("properties") if isinstance(schema, dict) else None
            schema = properties.get(part) if isinstance(properties, dict) else None
        kind = column.type if column else "VARCHAR"
        wanted = duckdb_type(schema) if schema else ("JSON" if len(path) > 1 else kind)
        name = column.name if column else path[0]
        return cls(quoted(name), inside or None, path[0], kind, wanted)

    @property
    def is_typed(self) -> bool:
        """Whether the column itself has the value's type."""
        return self.pointer is None and self.type not in ("VARCHAR", "JSON")

    def original(self, of: str) -> str:
        """What was delivered where the column does not hold all of it, as a text; else NULL."""
        return original(self.field, of)

    def json(self, of: str) -> str:
        """The value as a text of JSON, where it lies in a column that holds JSON or text."""
        text = f"{of}.{self.column}::varchar"
        if self.pointer is None:
            return text if self.type == "JSON" else f"to_json({text})::varchar"
        found = f"nullif(json_extract({text}, {literal(self.pointer)})::varchar, 'null')"
        return f"case when json_valid({text}) then {found} end"

    def text(self, of: str) -> str:
        """The value as a text, without the quotes of a JSON text."""
        if self.pointer is None and self.type != "JSON":
            return f"{of}.{self.column}::varchar"
        json = self.json(of)
        unquoted = f"json_extract_string({json}, '$')"
        return f"case when left({json}, 1) = '\"' then {unquoted} else {json} end"


def _key(place: _Place, of: str) -> list[str]:
    """Expressions that are equal for equal values alone, and all NULL where there is none."""
    value = f"{of}.{place.column}"
    if place.is_typed:
        original = place.original(of)
        if place.type == "DOUBLE":
            original = f"coalesce(_exact_number({original}), {original})"
        elif place.type in _MOMENTS:
            original = f"case when {value} is null then {original} else {_finer(original)} end"
        return [value, original]
    if place.wanted in _NUMBERS:
        return [f"coalesce(_exact_number({place.text(of)}), {place.json(of)})"]
    if place.type == "VARCHAR" and place.pointer is None:
        return [value]
    is_number = f"json_type({place.json(of)}) in {_JSON_NUMBERS}"
    exact = f"_exact_number({place.text(of)})"
    return [f"case when {is_number} then {exact} else {place.json(of)} end"]


def _cursor(place: _Place, of: str) -> list[str]:
    """Expressions to order by: the first that differs decides, NULL is oldest."""
    value = f"{of}.{place.column}"
    if place.is_typed and place.type == "DOUBLE":
        return [value, f"_exact_number(coalesce({place.original(of)}, {value}::varchar))"]
    if place.is_typed and place.type in _MOMENTS:
        return [value, f"coalesce({_finer(place.original(of))}, '')"]
    if place.is_typed:
        return [value]
    text = place.text(of)
    if place.wanted in _NUMBERS:
        return [f"_exact_number({text})", text]
    if place.wanted in _MOMENTS:
        return [values.value(Column("", "", place.wanted), text), _finer(text), text]
    if place.wanted == "VARCHAR":
        return [text]
    is_number = f"json_type({place.json(of)}) in {_JSON_NUMBERS}"
    return [
        f"case when not {is_number} then {text} end",
        f"case when {is_number} then _exact_number({text}) end",
    ]


def _finer(text: str) -> str:
    """The digits of a time behind its microseconds; NULL where there are none."""
    return rf"nullif(rtrim(regexp_extract({text}, '[.,]\d{{6}}(\d+)', 1), '0'), '')"
