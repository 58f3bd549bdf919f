"""How keys and cursors are compared, as SQL: exactly, by their types, however they are stored.

The loader's merge (`merging`) and scaffolded models (`bronze`) use the same expressions.
"""

from dataclasses import dataclass
from typing import Any

from ingestion import tables, values
from ingestion.names import lowered
from ingestion.tables import Column, Table, duckdb_type, is_number_as_text, literal, quoted

DELETED_AT = "_ab_cdc_deleted_at"
NUMBERS = ("BIGINT", "INTEGER", "HUGEINT", "DOUBLE")
MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME", "TIME WITH TIME ZONE")
_JSON_NUMBERS = "('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')"


class Spelling:
    """How SQL says a row's column, what was delivered, and a number that sorts by all its digits.

    `of` is the row's alias, or nothing.
    """

    def __init__(self, of: str = "") -> None:
        self._of = of

    def column(self, name: str) -> str:
        """A column of the row."""
        return f"{self._of}.{quoted(name)}" if self._of else quoted(name)

    def json(self, name: str) -> str:
        """What a column of JSON holds, as a text of JSON."""
        return f"{self.column(name)}::varchar"

    def is_text(self, name: str) -> str | None:
        """Whether a column that should be JSON is one of texts, where it may be."""
        return None

    def original(self, source_field: str) -> str:
        """What was delivered where the column does not hold all of it, as a text; else NULL."""
        return tables.original(source_field, self._of)

    def exact(self, text: str) -> str:
        """A text that is equal for equal numbers and sorts as they do; NULL for no number."""
        return f"_exact_number({text})"


@dataclass(frozen=True)
class Place:
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
    def of(cls, table: Table, path: list[str]) -> "Place":
        """The place of a path in a table."""
        column = next((each for each in table.columns if each.field == path[0]), None)
        inside = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path[1:])
        schema: Any = table.discovered.get("json_schema")
        is_known = True
        for part in path:
            properties = schema.get("properties") if isinstance(schema, dict) else None
            is_known = isinstance(properties, dict) and part in properties
            schema = properties[part] if isinstance(properties, dict) and is_known else None
        kind = column.type if column else "VARCHAR"
        wanted = duckdb_type(schema) if is_known else ("JSON" if len(path) > 1 else kind)
        if is_number_as_text(schema):
            wanted = "DOUBLE"
        return cls(column.name if column else path[0], inside or None, path[0], kind, wanted)

    @property
    def is_typed(self) -> bool:
        """Whether the column itself has the value's type."""
        return self.pointer is None and self.type not in ("VARCHAR", "JSON")

    def json(self, say: Spelling) -> str:
        """The value as a text of JSON, where it lies in a column that holds JSON or text."""
        text = f"{say.column(self.column)}::varchar"
        if self.pointer is None:
            if self.type == "JSON":
                return say.json(self.column)
            return f"to_json({text})::varchar"
        found = f"nullif(json_extract({text}, {literal(self.pointer)})::varchar, 'null')"
        return found if self.type == "JSON" else f"case when json_valid({text}) then {found} end"

    def text(self, say: Spelling) -> str:
        """The value as a text, without the quotes of a JSON text."""
        if self.pointer is None and self.type != "JSON":
            return f"{say.column(self.column)}::varchar"
        json = self.json(say)
        unquoted = f"json_extract_string({json}, '$')"
        return f"case when left({json}, 1) = '\"' then {unquoted} else {json} end"

    def is_number(self, say: Spelling) -> str:
        """Whether the value, whose type is not known, is a number.

        In a column of texts, as versions before made them, every text that says one is.
        """
        spelled = f"{say.exact(self.text(say))} is not null"
        if self.pointer is None and self.type != "JSON":
            return spelled
        is_number = f"json_type({self.json(say)}) in {_JSON_NUMBERS}"
        is_text = say.is_text(self.column) if self.pointer is None else None
        return f"case when {is_text} then {spelled} else {is_number} end" if is_text else is_number


def places(table: Table) -> tuple[list[Place], Place | None]:
    """Where the parts of a table's key lie, and its cursor, which a source may not have."""
    path, fields = table.merge_cursor, {column.field for column in table.columns}
    cursor = Place.of(table, path) if path and path[0] in fields else None
    return [Place.of(table, each) for each in table.merge_key], cursor


def key(place: Place, say: Spelling, *, is_whole: bool = False) -> list[str]:
    """Expressions that are equal for equal values alone, and all NULL where there is none.

    `is_whole` says that every typed column holds what was delivered.
    """
    value = say.column(place.column)
    if place.is_typed:
        if is_whole:
            return [value]
        original = say.original(place.field)
        if place.type in NUMBERS:
            original = f"coalesce({say.exact(original)}, {original})"
        elif place.type in MOMENTS:
            original = f"case when {value} is null then {original} else {finer(original)} end"
        return [value, original]
    if place.type == "VARCHAR" and place.pointer is None:
        if place.wanted in MOMENTS:
            moment = values.value(Column("", "", place.wanted), value)
            return [f"coalesce({moment}::varchar || {finer(value)}, {value})"]
        if place.wanted not in NUMBERS:
            return [value]
        # No number is spelled like 007, but a text that stood there before may be.
        number = f"case when not regexp_matches({value}, '^-?0[0-9]') then {say.exact(value)} end"
        return [f"coalesce({number}, {place.json(say)})"]
    is_number = f"json_type({place.json(say)}) in {_JSON_NUMBERS}"
    return [f"case when {is_number} then {say.exact(place.text(say))} else {place.json(say)} end"]


def cursor(place: Place, say: Spelling, *, is_whole: bool = False) -> tuple[list[str], str | None]:
    """Expressions to order by, and whether a value is none of its type, where it may be none.

    The first expression that differs decides, NULL is oldest. A value that is none of its type has
    no place in their order.
    """
    value = say.column(place.column)
    if place.is_typed:
        if is_whole:
            return [value], None
        original = say.original(place.field)
        if place.type in NUMBERS:
            is_odd = f"{original} is not null and {say.exact(original)} is null"
            return [say.exact(f"coalesce({original}, {value}::varchar)")], is_odd
        more = [f"coalesce({finer(original)}, '')"] if place.type in MOMENTS else []
        return [value, *more], f"{value} is null and {original} is not null"
    text = place.text(say)
    if place.wanted in NUMBERS:
        return [say.exact(text)], f"{text} is not null and {say.exact(text)} is null"
    if place.wanted in MOMENTS:
        moment = values.value(Column("", "", place.wanted), text)
        return [moment, finer(text)], f"{text} is not null and {moment} is null"
    if place.wanted == "VARCHAR":
        return [text], None
    is_number = place.is_number(say)
    return [
        f"case when not {is_number} then {text} end",
        f"case when {is_number} then {say.exact(text)} end",
    ], None


def is_absent(place: Place, say: Spelling) -> str:
    """Whether a row has no cursor."""
    return f"{say.column(place.column) if place.is_typed else place.text(say)} is null"


def deletion(table: Table, names: list[str], say: Spelling) -> str | None:
    """Whether the source deleted a row, where one of its columns (`names`) says so.

    Whatever was delivered there says it, also what the column's type does not hold.
    """
    marks = {each.name: each for each in table.columns if is_deletion_mark(each.field)}
    left = {name: Column(name, name, "") for name in names if is_deletion_mark(name)}
    marks = left | marks
    said = []
    for name in names:
        if name in marks:
            said.append(f"{say.column(name)} is not null")
            if marks[name].type != "VARCHAR":  # Which holds whatever was delivered.
                said.append(f"{say.original(marks[name].field)} is not null")
    return f"({' or '.join(said)})" if said else None


def is_deletion_mark(name: str) -> bool:
    """Whether a field of this name says when its row was deleted."""
    return lowered(name) == DELETED_AT


def finer(text: str) -> str:
    """The digits of a time behind its microseconds; empty where there are none."""
    return rf"rtrim(regexp_extract({text}, '[.,]\d\d\d\d\d\d(\d+)', 1), '0')"
