"""Copies what a developer's dbt reads from the warehouse into the developer's file.

A developer's `dbt build --select <model>+` builds the selection into `dev.duckdb`. What it reads
but does not build is copied from `warehouse.duckdb` first, with a comment that names the
warehouse's state, and again when the warehouse was written since. Relations without that comment
were built by the developer and are never touched. The warehouse is open during the copy only.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tradehouse.errors import BusyError
from tradehouse.home import database, files, locks
from tradehouse.home.paths import Home

COPIED = "Copied from warehouse.duckdb of "
EMPTY = "Made without rows, by --empty."
BUILT = ("model", "seed", "snapshot")
WINDOW = "built_loads"


class CopyError(Exception):
    """What is to be read cannot be copied; the sentence says why."""


@dataclass(frozen=True)
class Relation:
    """A table or view of one database, and what its comment says."""

    schema: str
    name: str
    is_view: bool = False
    comment: str = ""

    @property
    def kind(self) -> str:
        """What SQL calls it."""
        return "view" if self.is_view else "table"

    @property
    def sql_name(self) -> str:
        """Schema and name, quoted."""
        return database.sql_name(self.schema, self.name)


def current_task() -> Any:
    """Return the task of dbt that this process works on, None when it selects no nodes."""
    from dbt.task.runnable import GraphRunnableTask

    for found in sys._current_frames().values():
        frame = found
        while frame is not None:
            task = frame.f_locals.get("self")
            if isinstance(task, GraphRunnableTask):
                return task
            frame = frame.f_back  # type: ignore[assignment]
    return None


def drop_empty(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what --empty made and this task builds now, so that it is built from nothing."""
    marked = {(each.schema, each.name): each for each in _relations(connection, EMPTY)}
    if not marked:
        return
    task = current_task()
    if task is None or getattr(task.args, "empty", False):
        return
    for node in _built(task):
        found = marked.get((node.schema, node.alias))
        if found is not None:
            connection.execute(f"drop {found.kind} {found.sql_name}")


def prepare(path: Path, config: dict[str, Any]) -> list[str]:
    """Copy what the task reads into the file at `path`; return the names of what was copied.

    Nothing is done for the warehouse itself, and once a task.

    Raises:
        CopyError: when something that is missing cannot be copied now.
    """
    home = Home(path.parent)
    task = current_task()
    if path == home.warehouse or task is None or getattr(task, "is_prepared", False):
        return []
    task.is_prepared = True
    if not home.warehouse.exists() and not path.exists():
        return []
    with database.connect(path, config=config) as connection:
        found = {(each.schema, each.name): each for each in _relations(connection)}
        building = _built(task)
        if not getattr(task.args, "empty", False):
            _drop_copies(connection, found, building)
        wanted = list(_wanted(task, building, found))
        return _copy(connection, home, wanted, found) if wanted else []


def _built(task: Any) -> list[Any]:
    """What the task builds: models, seeds and snapshots."""
    from dbt.task.freshness import FreshnessTask
    from dbt.task.run import RunTask
    from dbt.task.test import TestTask

    if not isinstance(task, RunTask) or isinstance(task, TestTask | FreshnessTask):
        return []
    return [node for node in task._flattened_nodes or () if node.resource_type in BUILT]


def _relations(connection: duckdb.DuckDBPyConnection, comment: str = "") -> list[Relation]:
    rows = connection.execute(
        """select schema_name, table_name, false, coalesce(comment, '') from duckdb_tables()
        where database_name = current_database() and ($1 = '' or comment = $1)
        union all
        select schema_name, view_name, true, coalesce(comment, '') from duckdb_views()
        where database_name = current_database() and not internal
            and ($1 = '' or comment = $1)""",
        [comment],
    ).fetchall()
    return [Relation(*row) for row in rows]


def _drop_copies(
    connection: duckdb.DuckDBPyConnection,
    found: dict[tuple[str, str], Relation],
    building: list[Any],
) -> None:
    """Drop copies of what is built now: built into, they would keep rows of the code before.

    A snapshot goes on with the history it has. Which batches the warehouse had built says nothing
    of what the developer builds.
    """
    names = {(each.schema, each.alias) for each in building if each.resource_type != "snapshot"}
    names |= {key for key in found if building and key[1] == WINDOW}
    for key in names & set(found):
        if found[key].comment.startswith(COPIED):
            connection.execute(f"drop table {found.pop(key).sql_name}")
    for node in building:
        kept = found.get((node.schema, node.alias))
        if kept is not None and kept.comment.startswith(COPIED):
            connection.execute(f"comment on table {kept.sql_name} is null")
            found[node.schema, node.alias] = Relation(node.schema, node.alias)


def _wanted(
    task: Any, building: list[Any], found: dict[tuple[str, str], Relation]
) -> Iterator[Relation]:
    """The relations that the task reads and does not build itself."""
    from dbt.task.clone import CloneTask
    from dbt.task.run import RunTask
    from dbt.task.show import ShowTask

    selected: list[Any] = task._flattened_nodes or []
    nodes: dict[str, Any] = task.manifest.nodes
    if isinstance(task, CloneTask):
        yield from (Relation(each.schema, each.alias) for each in selected)
    if not isinstance(task, RunTask | ShowTask):
        return
    known = {each.unique_id for each in building}
    waiting = [parent for each in selected for parent in _parents(each, nodes)]
    while waiting:
        unique_id = waiting.pop()
        if unique_id in known or unique_id not in nodes:
            continue
        known.add(unique_id)
        node = nodes[unique_id]
        if node.resource_type not in BUILT:
            continue
        present = found.get((node.schema, node.alias))
        is_own_view = present and present.is_view and present.comment != EMPTY
        if is_own_view or node.config.materialized == "ephemeral":
            waiting += _parents(node, nodes)
        else:
            yield Relation(node.schema, node.alias)


def _parents(node: Any, nodes: Any) -> list[str]:
    parents = list(getattr(node.depends_on, "nodes", ()))
    if node.resource_type == "unit_test":
        # The types of the columns it is given come from what its model reads.
        for one in list(parents):
            parents += getattr(nodes[one].depends_on, "nodes", ()) if one in nodes else ()
    return parents


def _copy(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    wanted: list[Relation],
    found: dict[tuple[str, str], Relation],
) -> list[str]:
    comment = f"{COPIED}{files.stamp_file(home.warehouse)}"
    present = {(each.schema, each.name): found.get((each.schema, each.name)) for each in wanted}
    missing = [key for key, each in present.items() if each is None or each.comment == EMPTY]
    stale = [
        key
        for key, each in present.items()
        if each and each.comment.startswith(COPIED) and each.comment != comment
    ]
    if not home.warehouse.exists() or not missing + stale:
        return []
    holder = _attach(connection, home)
    if holder is not None and missing:
        names = ", ".join(sorted(name for _, name in missing))
        raise CopyError(
            f"Not in dev.duckdb yet: {names}. It cannot be copied from warehouse.duckdb now: "
            f"{holder} is using it. Try again when that has ended, or build it yourself: "
            "dbt build --select +<model>."
        )
    if holder is not None:
        return []  # What was copied before is read once more.
    copied = []
    for schema, name in sorted(missing + stale):
        relation = Relation(schema, name)
        source = f"warehouse.{relation.sql_name}"
        if not _exists(connection, relation):
            continue
        connection.execute("begin")
        connection.execute(f'create schema if not exists "{schema}"')
        empty = present[schema, name]
        if empty is not None and empty.is_view:
            connection.execute(f"drop view {relation.sql_name}")
        connection.execute(f"create or replace table {relation.sql_name} as from {source}")
        connection.execute(f"comment on table {relation.sql_name} is '{comment}'")
        connection.execute("commit")
        copied.append(name)
    connection.execute("detach warehouse")
    return copied


def _attach(connection: duckdb.DuckDBPyConnection, home: Home) -> str | None:
    """Attach warehouse and raw, which views read; return who uses the warehouse instead, if so."""
    writer = locks.find_holder(home)
    if writer is not None:
        return locks.describe(writer)
    try:
        database.attach(connection, home.warehouse, "warehouse", wait_seconds=0)
        database.attach(connection, home.raw, "raw", wait_seconds=0)
    except BusyError as error:
        return error.holder
    return None


def _exists(connection: duckdb.DuckDBPyConnection, relation: Relation) -> bool:
    found = connection.execute(
        "select 1 from information_schema.tables where table_catalog = 'warehouse'"
        " and table_schema = ? and table_name = ?",
        [relation.schema, relation.name],
    ).fetchone()
    return found is not None
