"""A bronze model's SQL: names of models and columns, and which rows of the raw table are in force.

What comes from a source is data here: it goes into SQL and Jinja through `inert` and `quoted`. Not
here: descriptions, tests and writing the files (`scaffold`).
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection
from functools import cache
from textwrap import indent

import duckdb

from ingestion.comparing import DELETED_AT
from ingestion.tables import RAW_ID, Column, Table, literal, quoted

OWN_COLUMNS = ("raw_id", "extracted_at")
NAME_LENGTH = 60
_WORD = re.compile(r"^[a-z_][a-z0-9_]*$")
_PLAIN = re.compile(r"^[A-Za-z0-9_]+$")


@cache
def _reserved() -> frozenset[str]:
    """Words that DuckDB does not take for a column's name without quotes."""
    query = """select keyword_name from duckdb_keywords()
        where keyword_category in ('reserved', 'type_function')"""
    with duckdb.connect() as connection:
        return frozenset(row[0] for row in connection.execute(query).fetchall())


def inert(text: str) -> str:
    """A text that Jinja renders to exactly itself: no code, and nothing that Jinja normalises."""
    return "".join(_inert(character) for character in text)


def _inert(character: str) -> str:
    if character == "{":
        return "{{ '{' }}"
    is_shown = unicodedata.category(character)[0] not in "CZ" or character == " "
    if is_shown:
        return character
    number = ord(character)
    return f"{{{{ '\\x{number:02x}' }}}}" if number < 256 else f"{{{{ '\\U{number:08x}' }}}}"


def snake_case(name: str) -> str:
    """A name in the project's spelling: lower case, words joined by underscores, not too long."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    word = re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_") or f"unnamed_{_digest(name)}"
    if len(word) > NAME_LENGTH:
        word = f"{word[: NAME_LENGTH - 7].rstrip('_')}_{_digest(name)}"
    word = f"_{word}" if word[0].isdigit() else word
    return f"{word}_" if word in _reserved() else word


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def stream_names(tables: list[Table], taken: Collection[str] = ()) -> dict[str, str]:
    """The name in the project of each raw table, by the table's name.

    Of tables that come to the same name the one that is spelled like it keeps it, every other one
    gets a digest of its own name behind: whatever order they come in. So does one whose model is
    in the project already (`taken`: names of other models, in lower case).
    """
    bases = {table.name: snake_case(table.name) for table in tables}
    names: dict[str, str] = {}
    for table in tables:
        base = bases[table.name]
        is_shared = list(bases.values()).count(base) > 1 and table.name != base
        if is_shared or f"bronze_{table.source}__{base}" in taken:
            base = f"{base}_{_digest(table.name)}"
        names[table.name] = base
    return names


def model_name(table: Table, name: str) -> str:
    """The bronze model of a table that is called `name` in the project."""
    return f"bronze_{table.source}__{name}"


def source_table(table: Table, name: str) -> str:
    """What dbt calls the raw table: as it is where that is a plain word, else as the model."""
    return table.name if _PLAIN.match(table.name) else name


def bronze_columns(table: Table) -> dict[str, Column]:
    """The model's columns: their names, unique, and what they come from."""
    columns: dict[str, Column] = {}
    for column in table.columns:
        columns[_free(snake_case(column.name), [*columns, *OWN_COLUMNS])] = column
    return columns


def nested_keys(table: Table) -> dict[str, list[str]]:
    """Columns that the model adds for parts of the key that lie inside an object, with the path."""
    taken = [*bronze_columns(table), *OWN_COLUMNS]
    keys: dict[str, list[str]] = {}
    for path in table.merge_key:
        if len(path) > 1:
            keys[_free(snake_case("_".join(path)), [*taken, *keys])] = path
    return keys


def key_columns(table: Table) -> list[str]:
    """The model's columns that make the key; empty when the stream has none."""
    names = {column.field: name for name, column in bronze_columns(table).items()}
    names |= {"\0".join(path): name for name, path in nested_keys(table).items()}
    found = [names.get("\0".join(path)) for path in table.merge_key]
    return [name for name in found if name] if all(found) else []


def _free(base: str, taken: Collection[str]) -> str:
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def identifier(name: str) -> str:
    """A raw column in the SQL of a model."""
    is_plain = _WORD.match(name) and name not in _reserved()
    return name if is_plain else inert(quoted(name))


def _path(table: Table, path: list[str]) -> str:
    """The expression of a key or cursor, as the loader's merge takes it."""
    names = {column.field: column.name for column in table.columns}
    column = identifier(names.get(path[0], path[0]))
    if len(path) == 1:
        return column
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path[1:])
    return f"json_extract_string({column}, {inert(literal(pointer))})"


def model_sql(table: Table, name: str) -> str:
    """The model of a raw table that is called `name` in the project."""
    source = f"source_{name}"
    lines = []
    for as_name, column in bronze_columns(table).items():
        own = identifier(column.name)
        lines.append(own if own == as_name else f"{own} as {as_name}")
    lines += [f"{_path(table, path)} as {key}" for key, path in nested_keys(table).items()]
    lines += [f"{RAW_ID} as raw_id", "_airbyte_extracted_at as extracted_at"]
    listed = ",\n".join(lines)
    relation = f"{{{{ source('{table.source}', '{source_table(table, name)}') }}}}"
    return f"""\
{{{{ config(materialized = 'table') }}}}

with {source} as (

    select{_arrival(table)}
    from {relation}

),

chosen as (

    select *
    from {source}{_chosen(table, source)}

),

final as (

    select
{indent(listed, " " * 8)}
    from chosen{_living(table)}

)

select * from final
"""


def _keeps_history(table: Table) -> bool:
    return table.declared.sync_mode == "incremental_append" and bool(key_columns(table))


def _arrival(table: Table) -> str:
    """What numbers the rows as they arrived: DuckDB keeps them in that order."""
    if not _keeps_history(table):
        return " *"
    return f"\n        *,\n        row_number() over () as {_arrival_column(table)}"


def _arrival_column(table: Table) -> str:
    return _free("arrival_number", [each.name.lower() for each in table.columns])


def _chosen(table: Table, source: str) -> str:
    """The rows in force: the newest of a key where raw keeps history, the last full refresh.

    Newest is what the loader's merge takes for it: by cursor, by extraction, by arrival. Rows
    without a key are nobody's versions: all stay.
    """
    if table.declared.sync_mode == "full_refresh_append":
        return (
            f"\n    where _airbyte_generation_id = "
            f"(select max(_airbyte_generation_id) from {source})"
        )
    if not _keeps_history(table):
        return ""
    keys = [_path(table, path) for path in table.merge_key]
    order = ["_airbyte_extracted_at desc", f"{_arrival_column(table)} desc"]
    if table.merge_cursor and table.merge_cursor[0] in {each.field for each in table.columns}:
        order.insert(0, f"{_path(table, table.merge_cursor)} desc nulls last")
    missing = "".join(f"\n        or {key} is null" for key in keys)
    return f"""
    qualify
        row_number() over (
            partition by {", ".join(keys)}
            order by {", ".join(order)}
        ) = 1{missing}"""


def deletion_mark(table: Table) -> str | None:
    """The raw column that says when a source's row was deleted, if the stream has one."""
    return next((each.name for each in table.columns if each.name.lower() == DELETED_AT), None)


def _living(table: Table) -> str:
    mark = deletion_mark(table)
    return f"\n    where {identifier(mark)} is null" if mark else ""
