"""The file of a release: the warehouse's gold as one self-contained DuckDB file.

`copy_gold` writes it from scratch. `renew_gold` brings a copy of the last release up to date with
what a build changed, which takes as long as the changes, not as the history. Both end with the same
rows and comments. `tradehouse.publish.publishing` decides which to use.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradehouse.errors import TradehouseError
from tradehouse.home.database import attach, attach_raw_for_views, connect, literal, sql_name

Comments = dict[str, dict[str, str]]


@dataclass(frozen=True)
class GoldChange:
    """What a build may have changed in one relation of gold.

    Args:
        key: columns of a key; all rows of a changed key are copied anew. Empty: the whole relation.
        touched: relation of the warehouse that has the key's columns and `batch_id`; the keys of
            its rows of batches that were built are the changed ones. Default: the relation itself.
            A view that leaves rows out names what is behind it, as a row may leave it.
    """

    key: list[str] = field(default_factory=list)
    touched: str | None = None


def copy_gold(
    warehouse: Path, database: Path, comments: Comments, views: Sequence[str] = ()
) -> dict[str, int]:
    """Copy every relation of the warehouse's schema `gold` into a new DuckDB file.

    Views become tables, so that the file needs no other one; save those that are to stay views.

    Args:
        warehouse: the warehouse.
        database: the file to write.
        comments: texts by relation and column; that of "" is the relation's own.
        views: views that stay views, each behind those that it reads. They read gold alone.

    Returns:
        The number of rows by relation, without these views: nobody knows what counting them costs.

    Raises:
        TradehouseError: when gold is empty, or a view that is to stay one reads more than gold.
    """
    with _both(warehouse, database) as connection:
        connection.execute("create schema release.gold")
        found = _gold_names(connection, warehouse)
        names = [name for name in found if name not in views]
        for name in names:
            _replace(connection, name)
        for view in views:
            if view in found:
                _make_view(connection, view)
        _write_comments(connection, comments)
        rows = _count_rows(connection, "release", names)
        connection.execute("detach release")
    return rows


def renew_gold(
    warehouse: Path,
    database: Path,
    changes: dict[str, GoldChange],
    first_batch: int,
    comments: Comments,
    views: Sequence[str] = (),
) -> dict[str, int] | None:
    """Bring a copy of the last release up to date; relations that are not named are as they were.

    Args:
        warehouse: the warehouse, after a build of `first_batch` and later ones.
        database: a copy of the release of the build before, writable.
        changes: what may have changed, by relation.
        first_batch: the first batch that was built.
        comments: as `copy_gold` takes them; those that changed are written.
        views: as `copy_gold` takes them; those of the copy are as they are to be.

    Returns:
        The number of rows as `copy_gold` gives it; None when the copy is not what it should be, so
        that gold has to be copied from nothing.
    """
    with _both(warehouse, database) as connection:
        found = _gold_names(connection, warehouse)
        kept_views = set(views) & set(found)
        if found != _names_in(connection, "release") or kept_views != _views_of(connection):
            return None
        names = [name for name in found if name not in kept_views]
        for name in sorted(changes.keys() & set(names)):
            if changes[name].key:
                _replace_keys(connection, name, changes[name], first_batch)
            else:
                _replace(connection, name)
        _write_comments(connection, comments)
        rows = _count_rows(connection, "release", names)
        changed = [name for name in names if name in changes]
        expected = _count_rows(connection, "warehouse", changed)
        connection.execute("detach release")
    return rows if all(rows[name] == expected[name] for name in changed) else None


def _both(warehouse: Path, database: Path) -> Any:
    connection = connect()
    attach(connection, warehouse, "warehouse")
    attach_raw_for_views(connection, warehouse)
    connection.execute(f"attach {literal(database)} as release")
    return connection


def _names_in(connection: Any, catalogue: str) -> list[str]:
    rows = connection.execute(
        "select table_name from information_schema.tables"
        " where table_catalog = ? and table_schema = 'gold' order by all",
        [catalogue],
    ).fetchall()
    return [name for (name,) in rows]


def _gold_names(connection: Any, warehouse: Path) -> list[str]:
    names = _names_in(connection, "warehouse")
    if not names:
        raise TradehouseError(
            f"{warehouse} has nothing in schema gold, so there is nothing to publish. "
            "Build it first: tradehouse run --rebuild."
        )
    return names


def _replace(connection: Any, name: str) -> None:
    relation = sql_name("gold", name)
    connection.execute(f"create or replace table release.{relation} as from warehouse.{relation}")


def _views_of(connection: Any) -> set[str]:
    rows = connection.execute(
        "select view_name from duckdb_views()"
        " where database_name = 'release' and schema_name = 'gold'"
    ).fetchall()
    return {name for (name,) in rows}


def _make_view(connection: Any, name: str) -> None:
    """Give the release a view of the warehouse, which finds gold in whatever file it stands in."""
    [sql] = connection.execute(
        "select sql from duckdb_views()"
        " where database_name = 'warehouse' and schema_name = 'gold' and view_name = ?",
        [name],
    ).fetchone()
    sql = re.sub(r"\bwarehouse\.gold\.", "gold.", sql)
    outside = re.search(r"\bwarehouse\.\w+\.\S+", sql)
    if outside:
        raise TradehouseError(
            f"{name} is to be a view of the release (meta.release_as: view), but reads "
            f"{outside.group()}. Let it read gold alone, or leave release_as out."
        )
    connection.execute("use release")
    connection.execute(sql)
    connection.execute("use memory")


def _replace_keys(connection: Any, name: str, change: GoldChange, first_batch: int) -> None:
    relation = sql_name("gold", name)
    columns = ", ".join(map(sql_name, change.key))
    since = f"batch_id >= {first_batch:d}"
    connection.execute(
        f"create or replace temp table touched as select distinct {columns}"
        f" from warehouse.{change.touched or relation} where {since}"
    )
    connection.execute("begin")
    connection.execute(
        f"delete from release.{relation} where {since} or ({columns}) in (from touched)"
    )
    connection.execute(
        f"insert into release.{relation} by name"
        f" from warehouse.{relation} where ({columns}) in (from touched)"
    )
    connection.execute("commit")


def _count_rows(connection: Any, catalogue: str, names: list[str]) -> dict[str, int]:
    counts = {}
    for name in names:
        query = f"select count(*) from {sql_name(catalogue, 'gold', name)}"
        [counts[name]] = connection.execute(query).fetchone()
    return counts


def _write_comments(connection: Any, comments: Comments) -> None:
    """Write what differs from the comments of the file, which a replaced relation has none of."""
    held = connection.execute(
        """
        select table_name, '' as column_name, comment
        from duckdb_tables() where database_name = 'release' and schema_name = 'gold'
        union all
        select view_name, '', comment
        from duckdb_views() where database_name = 'release' and schema_name = 'gold'
        union all
        select table_name, column_name, comment
        from duckdb_columns() where database_name = 'release' and schema_name = 'gold'
        """
    ).fetchall()
    views = _views_of(connection)
    connection.execute("begin")
    for name, column, comment in held:
        text = comments.get(name.lower(), {}).get(column.lower()) or None
        if text != comment:
            kind = "view" if name in views else "table"
            of = f"{kind} {sql_name('release', 'gold', name)}"
            if column:
                of = f"column {sql_name('release', 'gold', name, column)}"
            connection.execute(f"comment on {of} is {'null' if text is None else literal(text)}")
    connection.execute("commit")
