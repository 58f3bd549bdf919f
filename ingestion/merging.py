"""Which of the rows of a key is kept, and moving them: staged rows into their table.

Not here: how keys and cursors are compared (`comparing`), when rows are merged, and what a
generation is (`sync_modes`).
"""

from dataclasses import dataclass

import duckdb

from ingestion import comparing, values
from ingestion.comparing import Place, Spelling
from ingestion.tables import ARRIVAL, DELETED_SCHEMA, STAGING_SCHEMA, Table, literal
from tradehouse.terminal.output import count


@dataclass(frozen=True)
class Merged:
    """What a reader of the summary should know; how many of the staged rows are in the table."""

    told: list[str]
    rows: int
    removes: bool
    """Whether rows went whose keys may have no row any more: the source deleted some."""


def merge(connection: duckdb.DuckDBPyConnection, table: Table) -> Merged:
    """Bring what is staged into the table, in the caller's transaction; empties what is staged.

    Decides by narrow columns which row of a key is newest; only then touches whole rows. Of keys
    with a cursor that is none of its type the row that came last stays.
    """
    values.define(connection)
    names = list(_columns(connection, STAGING_SCHEMA, table))
    is_deletion = comparing.deletion(table, names, Spelling())
    known = [table.sql_name]
    if is_deletion is not None:
        _prepare_deletions(connection, table)
        known.append(table.deletions)
    is_whole = not has_changes(connection, [table.target, *known])
    compared = _Compared.of(table, names, is_whole=is_whole)
    staged, stored = compared.keys("staged"), compared.keys("stored")
    same = " and ".join(
        f"{one} is not distinct from {other}" for one, other in zip(staged, stored, strict=True)
    )
    absent = " and ".join(f"{part} is null" for part in staged)
    present = f"exists (select 1 from {table.target} as staged where {same} and not ({absent}))"
    candidates = [
        f"{compared.candidates('staged', table.target)} where not ({absent})",
        *(f"{compared.candidates('stored', name)} where {present}" for name in known),
    ]
    connection.execute(
        f"""create or replace temp table newest as
        {compared.newest(" union all ".join(candidates))}
        union all
        select {literal(table.target)}, {ARRIVAL} from {table.target} as staged where {absent}"""
    )
    gone = {
        name: _changed(
            connection,
            f"""delete from {name} as stored where {present} and {ARRIVAL} not in (
                select arrival from newest where origin = {literal(name)})""",
        )
        for name in known
    }
    chosen = f"""select {table.staged_columns} from {table.target} where {ARRIVAL} in (
        select arrival from newest where origin = {literal(table.target)})"""
    living = f"and not {is_deletion}" if is_deletion else ""
    rows = _changed(connection, f"insert into {table.sql_name} by name {chosen} {living}")
    deletions = 0
    if is_deletion is not None:
        into = f"insert into {table.deletions} by name"
        deletions = _changed(connection, f"{into} {chosen} and {is_deletion}")
    told = _without_key(connection, table, absent) + _with_odd_cursor(connection, table, compared)
    connection.execute(f"delete from {table.target}")
    connection.execute("drop table newest")
    return Merged(told, rows, removes=bool(deletions and gone[table.sql_name]))


def _changed(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    """How many rows a statement inserts or deletes."""
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0


def merge_stored(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """Merge what the table holds as if all of it had come now; what is staged stays so.

    Returns what a reader of the summary should know.
    """
    name, target = table.sql_name, table.target
    connection.execute(f"create temp table arrived as select * from {target} order by {ARRIVAL}")
    connection.execute(f"delete from {target}")
    connection.execute(f"insert into {target} by name select * from {name} order by {ARRIVAL}")
    connection.execute(f"delete from {name}")
    merged = merge(connection, table)
    connection.execute(f"insert into {target} by name select * from arrived order by {ARRIVAL}")
    connection.execute("drop table arrived")
    return merged.told


@dataclass(frozen=True)
class _Compared:
    """What of a table's rows, with columns `names`, is compared; `is_whole` as for `key`."""

    table: Table
    names: list[str]
    key: list[Place]
    cursor: Place | None
    is_whole: bool

    @classmethod
    def of(cls, table: Table, names: list[str], *, is_whole: bool) -> "_Compared":
        return cls(table, names, *comparing.places(table), is_whole)

    def keys(self, alias: str) -> list[str]:
        say = Spelling(alias)
        return [
            part for place in self.key for part in comparing.key(place, say, is_whole=self.is_whole)
        ]

    def cursors(self, alias: str) -> tuple[list[str], str | None]:
        if self.cursor is None:
            return [], None
        return comparing.cursor(self.cursor, Spelling(alias), is_whole=self.is_whole)

    def blind(self, alias: str) -> str | None:
        """Whether a row is a deletion that has no cursor, where there may be some."""
        say = Spelling(alias)
        is_deletion = comparing.deletion(self.table, self.names, say)
        if is_deletion is None or self.cursor is None:
            return None
        return f"{is_deletion} and {comparing.is_absent(self.cursor, say)}"

    def candidates(self, alias: str, name: str) -> str:
        """A select of what decides between rows of a key, from one of the tables with them."""
        parts, is_odd = self.cursors(alias)
        listed = [f"{part} as key_{number}" for number, part in enumerate(self.keys(alias))]
        listed += [f"{part} as cursor_{number}" for number, part in enumerate(parts)]
        listed += [f"{is_odd} as is_odd"] if is_odd else []
        is_blind = self.blind(alias)
        listed += [f"{is_blind} as is_blind"] if is_blind else []
        is_staged = "true" if alias == "staged" else "false"
        return f"""select {", ".join(listed)}, {is_staged} as is_staged,
            {alias}.{ARRIVAL} as arrival, {literal(name)} as origin from {name} as {alias}"""

    def newest(self, candidates: str) -> str:
        """A select of the newest row of every key.

        A deletion without a cursor is newer than all that came before it.
        """
        parts, is_odd = self.cursors("staged")
        keys = ", ".join(f"key_{number}" for number, _ in enumerate(self.keys("staged")))
        order = [f"cursor_{number}" for number, _ in enumerate(parts)]
        judged = []
        if is_odd:
            order = [f"case when not by_arrival then {part} end" for part in order]
            judged.append(f"bool_or(is_odd) over (partition by {keys}) as by_arrival")
        order = [f"{part} desc nulls last" for part in order]
        if self.blind("staged"):
            order.insert(0, "deleted_at is null or (is_staged and arrival >= deleted_at) desc")
            judged.append(
                f"max(case when is_blind and is_staged then arrival end) "
                f"over (partition by {keys}) as deleted_at"
            )
        if judged:
            candidates = f"select *, {', '.join(judged)} from ({candidates})"
        return f"""select origin, arrival from ({candidates})
            qualify row_number() over (partition by {keys}
                order by {", ".join([*order, "is_staged desc", "arrival desc"])}) = 1"""


def has_changes(connection: duckdb.DuckDBPyConnection, names: list[str]) -> bool:
    """Whether a row of the tables may hold less than was delivered."""
    found = (f"exists (select 1 from {name} where _airbyte_meta is not null)" for name in names)
    row = connection.execute(f"select {' or '.join(found)}").fetchone()
    return bool(row and row[0])


def _with_odd_cursor(
    connection: duckdb.DuckDBPyConnection, table: Table, compared: _Compared
) -> list[str]:
    _, is_odd = compared.cursors("staged")
    if is_odd is None:
        return []
    row = connection.execute(
        f"select count(*) from {table.target} as staged where {is_odd}"
    ).fetchone()
    if row is None or not row[0]:
        return []
    return [
        f"{count(row[0], 'record')} of {table.key[1]} with a cursor "
        f"({'.'.join(table.merge_cursor)}) that is none of its type: of each of their keys the row "
        f"that came last is kept"
    ]


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
