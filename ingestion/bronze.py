"""A bronze model's SQL: names of models and columns, and which rows of the raw table are in force.

Texts of a source are only data here: `inert` and `quoted` make them safe in SQL and Jinja. Not
here: descriptions, tests and writing the files (`scaffold`).
"""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Collection, Mapping
from functools import cache
from textwrap import indent

import duckdb

from ingestion import comparing
from ingestion.tables import AIRBYTE_COLUMNS, LOAD, RAW_ID, Column, Table, quoted

OWN_COLUMNS = ("raw_id", "extracted_at", LOAD)
NAME_LENGTH = 60
_AS_STORED = ("plain", "loaded:json")
Path = tuple[str, ...]
Told = tuple[str, dict[str, str]]
"""What macros get to know of a field: what they call its type, and where it is."""
_WORD = re.compile(r"^[a-z_][a-z0-9_]*$")
_PLAIN = re.compile(r"^[A-Za-z0-9_]+$")


@cache
def reserved_words() -> frozenset[str]:
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
    return f"{word}_" if word in reserved_words() else word


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
    is_plain = _WORD.match(name) and name not in reserved_words()
    return name if is_plain else inert(quoted(name))


def arguments(raw: str, field: str, inside: Collection[str]) -> dict[str, str]:
    """A macro's arguments for a field: the raw column, and what its name does not say."""
    found = {"column": raw} | ({"field": field} if field != raw else {})
    if inside:
        parts = (part.replace("~", "~0").replace("/", "~1") for part in inside)
        found["pointer"] = "".join(f"/{part}" for part in parts)
    return found


def value_sql(kind: str, of: dict[str, str]) -> str:
    """The expression of a column of the model, as its contract types it."""
    return call("record_value", of, kind)


def call(macro: str, of: dict[str, str], kind: str | None = None) -> str:
    """A macro of a field."""
    kinds = [] if kind is None else [repr(kind)]
    named = [f"{word}={jinja_text(of[word])}" for word in ("field", "pointer") if word in of]
    return f"{{{{ {macro}({', '.join([jinja_text(of['column']), *kinds, *named])}) }}}}"


def model_sql(
    table: Table, name: str, columns: Mapping[str, str], valid: str, typed: Mapping[Path, Told]
) -> str:
    """The model of a raw table that is called `name` in the project.

    `columns` are those of its contract, each with its expression; `valid` is the condition on the
    rows that keep it, or nothing; `typed` how its fields are typed, by their paths.
    """
    source = f"source_{name}"
    lines = [own if sql == own else f"{sql} as {own}" for own, sql in columns.items()]
    lines += [f"{RAW_ID} as raw_id", "_airbyte_extracted_at as extracted_at"]
    lines += [f"coalesce({LOAD}, 0) as {LOAD}"] if is_numbered(table) else []
    listed = ",\n".join(lines)
    relation = f"{{{{ source('{table.source}', '{source_table(table, name)}') }}}}"
    history = _History(table, typed) if keeps_history(table) else None
    deleted = deletion_sql(table)
    if deleted and valid:  # What was deleted has nothing else to say.
        valid = f"(\n    {deleted}\n    or (\n{indent(valid, '        ')}\n    )\n)"
    rows = (
        history.ctes(source, relation, valid) if history else _rows(table, source, relation, valid)
    )
    living = f"\n    where not {deleted}" if deleted else ""
    return f"""\
{{{{ config(materialized = 'table') }}}}

{{% call or_as_it_was('{table.source}') %}}
with {rows}

final as (

    select
{indent(listed, " " * 8)}
    from chosen{living}

)

select * from final
{{% endcall %}}
"""


def is_numbered(table: Table) -> bool:
    """Whether rows of raw say which load brought them; those with provenance say more."""
    return not table.provenance


def keeps_history(table: Table) -> bool:
    """Whether raw has every version of a row, of which the model shows the newest."""
    return table.declared.sync_mode == "incremental_append" and bool(table.merge_key)


def in_force_sql(table: Table, relation: str) -> str:
    """The condition on the rows that count where older copies stay in raw; else nothing."""
    if table.declared.sync_mode != "full_refresh_append":
        return ""
    newest = f"    select max(_airbyte_generation_id)\n    from {relation}"
    return f"_airbyte_generation_id = (\n{newest}\n)"


def _rows(table: Table, source: str, relation: str, valid: str) -> str:
    """The rows of a table without versions: all, or those of the last full refresh."""
    conditions = [one for one in (in_force_sql(table, source), valid) if one]
    listed = indent("\nand ".join(conditions), " " * 8)
    where = f"\n    where\n{listed}" if conditions else ""
    return f"""{source} as (

    select *
    from {relation}

),

chosen as (

    select *
    from {source}{where}

),"""


class _History:
    """The newest row of a key where raw keeps history.

    Newest is what the loader's merge takes for it: by cursor, by arrival, both as the contract
    types them, with every digit that was delivered. Rows without a key are nobody's versions: all
    stay.
    """

    def __init__(self, table: Table, typed: Mapping[Path, Told]) -> None:
        key, cursor = comparing.places(table)
        say = _Inert()
        parts, is_odd = comparing.cursor(cursor, say) if cursor else ([], None)
        parts, is_odd = [say.inert(part) for part in parts], say.inert(is_odd or "")
        is_absent = say.inert(comparing.is_absent(cursor, say)) if cursor else ""
        told = typed.get(tuple(table.merge_cursor))
        if told and told[0] not in _AS_STORED:
            parts = _exact(told)
            is_absent = f"({value_sql(*told)}) is null"
            is_odd = f"{is_absent} and {call('delivered', told[1])} <> ''"
        own = [*AIRBYTE_COLUMNS, RAW_ID, *([LOAD] if is_numbered(table) else [])]
        self._taken = [*(each.name.lower() for each in table.columns), *own]
        self._arrival = self._name("arrival_number")
        self._columns = [*(identifier(each.name) for each in table.columns), *own]
        keys = []
        for path, place in zip(table.merge_key, key, strict=True):
            told = typed.get(tuple(path))
            if told and told[0] not in _AS_STORED:
                keys += _exact(told)
            else:
                keys += [say.inert(part) for part in comparing.key(place, say)]
        self._keys = {self._name(f"key_{i}"): part for i, part in enumerate(keys, 1)}
        self._cursor = {self._name(f"cursor_{i}"): part for i, part in enumerate(parts, 1)}
        self._is_odd = is_odd or None
        deleted = deletion_sql(table)
        self._is_blind = f"{deleted} and {is_absent}" if deleted and is_absent else None
        self._blind = self._name("is_deletion_without_cursor")
        self._deleted_at = self._name("deleted_at_arrival")
        self._odd = self._name("is_odd_cursor")
        self._by_arrival = self._name("is_by_arrival")

    def _name(self, wanted: str) -> str:
        name = _free(wanted, self._taken)
        self._taken.append(name)
        return name

    def key_sql(self) -> list[str]:
        """Expressions that are equal for rows of one key, and all NULL for rows without one."""
        return list(self._keys.values())

    def ctes(self, source: str, relation: str, valid: str) -> str:
        """The first CTEs of the model, the last of which is `chosen`."""
        where = f"\n    where\n{indent(valid, ' ' * 8)}" if valid else ""
        compared = self._keys | self._cursor
        if self._is_odd is not None:
            compared[self._odd] = self._is_odd
        if self._is_blind is not None:
            compared[self._blind] = self._is_blind
        listed = ",\n".join(["*", *(f"{one} as {name}" for name, one in compared.items())])
        keys = ", ".join(self._keys)
        order = [f"{name} desc nulls last" for name in self._cursor]
        windows = []
        if self._is_odd is not None:
            order = [f"case when not {self._by_arrival} then {one}" for one in self._cursor]
            order = [f"{one} end desc nulls last" for one in order]
            odd = f"bool_or({self._odd}) over (partition by {keys})"
            windows.append(f"{odd} as {self._by_arrival}")
        if self._is_blind is not None:
            order.insert(0, f"coalesce({self._arrival} >= {self._deleted_at}, true) desc")
            blind = f"max(case when {self._blind} then {self._arrival} end)"
            windows.append(f"{blind} over (partition by {keys}) as {self._deleted_at}")
        judged, rows = "", "compared"
        if windows:
            rows = "judged"
            judged = f"""
judged as (

    select
{indent(f",{chr(10)}".join(["*", *windows]), " " * 8)}
    from compared

),
"""
        order.append(f"{self._arrival} desc")
        absent = " and ".join(f"{name} is null" for name in self._keys)
        absent = f"({absent})" if len(self._keys) > 1 else absent
        # Each by its name: raw may have other columns, which would be called like one of these.
        needed = ",\n".join([*self._columns, f"row_number() over () as {self._arrival}"])
        return f"""{source} as (

    select
{indent(needed, " " * 8)}
    from {relation}{where}

),

compared as (

    select
{indent(listed, " " * 8)}
    from {source}

),
{judged}
chosen as (

    select *
    from {rows}
    qualify
        row_number() over (
            partition by {keys}
            order by
{indent(f",{chr(10)}".join(order), " " * 16)}
        ) = 1
        or {absent}

),"""


def _exact(told: Told) -> list[str]:
    """Expressions that are equal, and sort, as what was delivered: a typed value may be rounded."""
    kind, of = told
    value, delivered = value_sql(kind, of), call("delivered", of)
    if kind.startswith("loaded:double"):
        return [f"{{% call exact_number() %}}{delivered}{{% endcall %}}"]
    if kind.startswith("loaded:time"):
        return [value, f"nullif({comparing.finer(delivered)}, '')"]
    return [value]


class _Inert(comparing.Spelling):
    """Comparisons in a model: by the project's macros, and what comes from a source is data.

    What is Jinja's is a token as long as SQL is put together.
    """

    def __init__(self) -> None:
        super().__init__()
        self._token = f"_{secrets.token_hex(8)}_"
        self._tokens = re.compile(rf"{self._token}(\d+)_")
        self._held: list[str] = []

    def _hold(self, piece: str) -> str:
        self._held.append(piece)
        return f"{self._token}{len(self._held) - 1}_"

    def column(self, name: str) -> str:
        return self._hold(identifier(name))

    def json(self, name: str) -> str:
        column = self.column(name)  # Raw may hold it as another type than the contract says.
        kinds = "('JSON', 'BOOLEAN', 'BIGINT', 'HUGEINT', 'DOUBLE')"
        text = f"{column}::varchar"
        return f"if(typeof({column}) in {kinds}, {text}, to_json({text})::varchar)"

    def is_text(self, name: str) -> str | None:
        return f"typeof({self.column(name)}) = 'VARCHAR'"

    def original(self, source_field: str) -> str:
        return self._hold(f"{{{{ original({jinja_text(source_field)}) }}}}")

    def exact(self, text: str) -> str:
        if (token := self._tokens.fullmatch(text)) and "original(" in self._held[int(token[1])]:
            inner = self._held[int(token[1])].strip("{ }")
            return self._hold(f"{{{{ exact_number({inner}) }}}}")
        return self._hold("{% call exact_number() %}") + text + self._hold("{% endcall %}")

    def inert(self, sql: str) -> str:
        """The SQL in a model's text."""
        return self._tokens.sub(lambda token: self._held[int(token[1])], inert(sql))


def jinja_text(text: str) -> str:
    """A literal of Jinja that is exactly the text."""
    plain = "".join(
        one if one.isascii() and (one.isalnum() or one in " _-.") else f"\\U{ord(one):08x}"
        for one in text
    )
    return f"'{plain}'"


def deletion_sql(table: Table) -> str | None:
    """The condition on rows that say that theirs was deleted in the source."""
    say = _Inert()
    is_deletion = comparing.deletion(table, [each.name for each in table.columns], say)
    return say.inert(is_deletion) if is_deletion else None


def key_sql(table: Table, typed: Mapping[Path, Told]) -> list[str]:
    """Expressions that are equal for rows of one key, where raw keeps versions; else none."""
    return _History(table, typed).key_sql() if keeps_history(table) else []


def delivered_key_sql(table: Table, typed: Mapping[Path, Told]) -> list[str]:
    """The same of what was delivered: the model's own typing has no part in numbers and times.

    For a test of the model, which would not see what the model rounds.
    """
    if not keeps_history(table):
        return []
    return [
        part
        for path, place in zip(table.merge_key, comparing.places(table)[0], strict=True)
        for part in _delivered(place, typed.get(tuple(path)))
    ]


def _delivered(place: comparing.Place, told: Told | None) -> list[str]:
    if told is None or told[0] in _AS_STORED:
        say = _Inert()
        return [say.inert(part) for part in comparing.key(place, say)]
    kind, of = told
    delivered = call("delivered", of)
    if kind.startswith(("loaded:double", "loaded:bigint")):
        return [f"{{% call exact_number() %}}{delivered}{{% endcall %}}"]
    if kind.startswith("loaded:time"):
        moment = f"cast({value_sql(kind, of)} as varchar)"
        return [moment, f"nullif({comparing.finer(delivered)}, '')"]
    return [value_sql(kind, of)]
