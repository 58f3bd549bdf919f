"""What is asked of a table: columns, typed filters, one page after the other.

Names reach SQL only as the file itself has them, values only as bound parameters.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from exposition.api.opened import Column, Table
from exposition.api.problems import bad_request
from exposition.api.values import parse, shown
from exposition.release import Edition
from tradehouse.home.database import sql_name

MOST_FILTERS = 20
MOST_VALUES = 100
RESERVED = frozenset({"limit", "cursor", "columns", "format"})
"""Parameters that are no filter; a column of such a name is filtered with `name__eq`."""
COMPARISONS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


@dataclass(frozen=True)
class View:
    """A table as one reader sees it; `key` is empty where pages go by the row's place instead."""

    table: Table
    columns: tuple[Column, ...]
    key: tuple[Column, ...]

    @property
    def left_out(self) -> int:
        """How many columns the reader does not see."""
        return len(self.table.columns) - len(self.columns)


@dataclass(frozen=True)
class Condition:
    """A column compared: a piece of SQL, and the values bound to its question marks."""

    column: Column
    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Question:
    """What is wanted of a table: which columns, and which rows."""

    view: View
    columns: tuple[Column, ...]
    conditions: tuple[Condition, ...]

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that the answer tells something of, also those only compared."""
        return (*self.columns, *(one.column for one in self.conditions))


def see(edition: Edition, table: Table) -> View:
    """Return a table as the reader of an edition sees it."""
    seen = tuple(one for one in table.columns if edition.may_see(table.name, one.name))
    by_name = {one.name.lower(): one for one in seen}
    key = [by_name.get(name) for name in edition.key_of(table.name)]
    return View(table, seen, tuple(one for one in key if one) if all(key) else ())


def ask(view: View, parameters: Sequence[tuple[str, str]]) -> Question:
    """Return what the parameters of a request ask of a table.

    Raises:
        ProblemError: when there is no such column or comparison, or a value is of another type.
    """
    by_name = {one.name: one for one in view.columns}
    wanted = [name for key, text in parameters if key == "columns" for name in text.split(",")]
    columns = tuple(_find(by_name, view, name) for name in dict.fromkeys(wanted))
    filters: dict[str, list[str]] = {}
    for key, text in parameters:
        if key not in RESERVED:
            filters.setdefault(key, []).append(text)
    if len(filters) > MOST_FILTERS:
        raise bad_request(f"These are {len(filters)} filters; at most {MOST_FILTERS} are taken.")
    conditions = tuple(_condition(by_name, view, key, texts) for key, texts in filters.items())
    return Question(view, columns or view.columns, conditions)


def _find(by_name: dict[str, Column], view: View, name: str) -> Column:
    if name not in by_name:
        hidden = f" ({view.left_out} more are not shown to this token)" if view.left_out else ""
        raise bad_request(
            f"There is no column {shown(name)} in {view.table.name}. There are: "
            f"{', '.join(by_name)}{hidden}."
        )
    return by_name[name]


def _condition(by_name: dict[str, Column], view: View, key: str, texts: list[str]) -> Condition:
    name, _, how = key.rpartition("__") if "__" in key and key not in by_name else (key, "", "eq")
    column = _find(by_name, view, name)
    quoted = sql_name(column.name)
    if how == "in":
        if len(texts) > MOST_VALUES:
            raise bad_request(f"{key} has {len(texts)} values; at most {MOST_VALUES} are taken.")
        values = tuple(parse(column, text) for text in texts)
        return Condition(column, f"{quoted} in ({', '.join('?' * len(values))})", values)
    if len(texts) > 1:
        raise bad_request(f"{shown(key)} is there {len(texts)} times; for several use {name}__in.")
    if how == "null":
        if texts[0] not in ("true", "false"):
            raise bad_request(f"{key} is true or false, not {shown(texts[0])}.")
        return Condition(column, f"{quoted} is {'' if texts[0] == 'true' else 'not '}null")
    if how not in COMPARISONS:
        known = ", ".join([*COMPARISONS, "in", "null"])
        raise bad_request(f"{shown(how)} is no comparison. There are: {known}.")
    return Condition(column, f"{quoted} {COMPARISONS[how]} ?", (parse(column, texts[0]),))


def rows_sql(question: Question) -> tuple[str, list[Any]]:
    """Return the query of all rows that a question is about, and its values."""
    return _select(question, [])


def page_sql(question: Question, limit: int) -> tuple[str, list[Any]]:
    """Return the query of a page and one row more: its columns, then where the row stands."""
    places = _places(question.view)
    select, values = _select(question, places)
    return f"{select} order by {', '.join(places)} limit {limit + 1:d}", values


def _select(question: Question, more: list[str]) -> tuple[str, list[Any]]:
    columns = ", ".join([*map(_selected, question.columns), *more])
    where = " and ".join(one.sql for one in question.conditions) or "true"
    values = [value for one in question.conditions for value in one.values]
    table = sql_name("gold", question.view.table.name)
    return f"select {columns} from {table} where {where}", values


def _selected(column: Column) -> str:
    """Return a column as it is selected; JSON knows no integers of 128 bits, but decimals."""
    name = sql_name(column.name)
    return f"cast({name} as decimal(38, 0)) as {name}" if column.type == "HUGEINT" else name


def after(question: Question, place: Sequence[str]) -> Question:
    """Return a question about the rows behind a place, as `place_in` gives it.

    Raises:
        ValueError: when it is no place of the table.
    """
    view = question.view
    columns = view.key or (Column("rowid", "BIGINT", ""),)
    if len(place) != len(columns):
        raise ValueError(place)
    values = tuple(parse(column, text) for column, text in zip(columns, place, strict=True))
    places = _places(view)
    # The first column alone lets DuckDB skip what lies before, which it does not see in a tuple.
    sql = f"{places[0]} >= ? and ({', '.join(places)}) > ({', '.join('?' * len(places))})"
    return replace(
        question,
        conditions=(*question.conditions, Condition(columns[0], sql, (values[0], *values))),
    )


def place_in(row: Sequence[Any], question: Question) -> list[str]:
    """Return where a row of `page_sql` stands, as texts."""
    place = row[len(question.columns) :]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in place]


def _places(view: View) -> list[str]:
    return [sql_name(one.name) for one in view.key] or ["rowid"]


def write_cursor(release_id: str, place: list[str]) -> str:
    """Return the cursor that a page's successor is asked for with."""
    return urlsafe_b64encode(orjson.dumps([release_id, *place])).decode().rstrip("=")


def read_cursor(text: str) -> tuple[str, list[str]]:
    """Return a cursor's release and place.

    Raises:
        ValueError: when it is none.
    """
    found = orjson.loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise ValueError(text)
    return found[0], found[1:]
