"""Queries on raw: what it holds of every source, and what of it is not built yet.

Read-only; only the loader (`ingestion`) writes. Callers hold the home's lock; everybody else reads
what `tradehouse.home.state` keeps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tradehouse.home.database import connected, has_table, query, sql_name
from tradehouse.home.paths import Home
from tradehouse.home.warehouse_queries import BY_BATCH, built, deliveries_built

EVERY_TABLE = "*"
Found = TypeVar("Found")


def deliveries_in_force(home: Home) -> dict[int, int]:
    """Return the delivery in force of every batch that is completely loaded into raw."""
    return {batch: delivery for batch, (delivery, _) in loads_in_force(home).items()}


def loads_in_force(home: Home) -> dict[int, tuple[int, int]]:
    """Return the delivery in force of every batch in raw, and when it was read.

    A raw file that was put back from a copy gives the next delivery a number that it gave before;
    the time, in microseconds since 1970, UTC, is another one.
    """
    rows = query(
        home.raw,
        ("brokerage", "batch_date"),
        "select _batch, max(_delivery), epoch_us(max_by(_airbyte_extracted_at, _delivery))"
        " from brokerage.batch_date group by all order by all",
    )
    return {batch: (delivery, read_at) for batch, delivery, read_at in rows}


@dataclass(frozen=True)
class Load:
    """A load of a source without batches.

    `committed_at` is in microseconds since 1970, UTC: after an older raw was put back a number is
    given again. `tables` are those whose rows it changed.
    """

    source: str
    number: int
    committed_at: int
    tables: frozenset[str]


def loads_waiting(home: Home, *, with_held: bool = False) -> list[Load]:
    """Return the loads of sources without batches that the warehouse does not hold completely.

    Those of sources that their contract holds are left out, unless `with_held`.

    Where it holds one that raw does not, an older raw was put back: the source waits as one load
    with the number 0 that changed every table.
    """
    if not home.raw.exists():
        return []
    with connected(home.raw) as connection:
        if not has_table(connection, "_tradehouse", "loads"):
            return []
        rows = connection.execute(
            "select source, load, epoch_us(max(committed_at)), list(distinct table_name)"
            " from _tradehouse.loads where source <> ? group by all order by all",
            [BY_BATCH],
        ).fetchall()
        held = set() if with_held else _held_sources(connection)
    loads = [Load(source, load, at, frozenset(tables)) for source, load, at, tables in rows]
    known = {(source, load, at) for source, load, _, _, at in built(home) if source != BY_BATCH}
    there = {(one.source, one.number, one.committed_at) for one in loads}
    undone = {source for source, _, _ in known - there}
    waiting = [
        one
        for one in loads
        if one.source not in undone | held
        and (one.source, one.number, one.committed_at) not in known
    ]
    return waiting + [Load(source, 0, 0, frozenset({EVERY_TABLE})) for source in sorted(undone)]


def _held_sources(connection: Any) -> set[str]:
    if not has_table(connection, "_tradehouse", "judged"):
        return set()
    found = connection.execute(
        "select source from _tradehouse.judged group by all having not max_by(is_accepted, load)"
    ).fetchall()
    return {source for (source,) in found}


def was_synced(home: Home, source: str) -> bool:
    """Whether a sync of the source ever began."""
    statement = "select 1 from _tradehouse.syncs where source = ? limit 1"
    return bool(query(home.raw, ("_tradehouse", "syncs"), statement, [source]))


def has_loads(home: Home) -> bool:
    """Whether raw has a load of a source without batches."""
    statement = "select 1 from _tradehouse.loads where source <> ? limit 1"
    return bool(query(home.raw, ("_tradehouse", "loads"), statement, [BY_BATCH]))


def read(home: Home, read: Callable[[Any], Found]) -> Found | None:
    """Return what `read` finds with a connection to raw that reads only; None without raw."""
    if not home.raw.exists():
        return None
    with connected(home.raw) as connection:
        return read(connection)


def count(home: Home, source: str) -> list[dict[str, Any]]:
    """Return stream, table, rows and number of loads of every stream of a source that is loaded."""
    if not home.raw.exists():
        return []
    with connected(home.raw) as connection:
        if not has_table(connection, "_tradehouse", "loads"):
            return []
        found = connection.execute(
            "select stream, table_name, count(distinct load)"
            " from _tradehouse.loads where source = ? group by all order by all",
            [source],
        ).fetchall()
        return [
            {
                "stream": stream,
                "table": f"{source}.{table}",
                "rows": connection.execute(
                    f"select count(*) from {sql_name(source, table)}"
                ).fetchone()[0],
                "loads": loads,
            }
            for stream, table, loads in found
            if has_table(connection, source, table)
        ]


def tables_to_build(home: Home, in_force: dict[int, int]) -> set[str]:
    """Return the raw tables with rows in the first batch that is not built, or in a later one."""
    built = deliveries_built(home)
    first = min(batch for batch, delivery in in_force.items() if built.get(batch) != delivery)
    with connected(home.raw) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables"
            " where table_catalog = current_database() and table_schema = 'brokerage'"
        ).fetchall()
        return {
            table
            for (table,) in tables
            if connection.execute(
                f'select 1 from brokerage."{table}" where _batch >= {first} limit 1'
            ).fetchone()
        }
