"""The file of a release: the warehouse's gold as one self-contained DuckDB file.

`copy_gold` writes it from nothing. `renew_gold` brings a copy of the last release up to date with
what a build changed, which takes as long as the changes, not as the history. Both end with the same
rows and comments. When which of them is right is for `tradehouse.publish.publishing` to know.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradehouse.errors import TradehouseError
from tradehouse.home import database as opening


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


def copy_gold(warehouse: Path, database: Path) -> dict[str, int]:
    """Copy every relation of the warehouse's schema `gold` into a new DuckDB file.

    Views become tables, so that the file needs no other one; comments go along.

    Returns:
        The number of rows by relation.
    """
    with _both(warehouse, database) as connection:
        connection.execute("create schema release.gold")
        names = _gold_names(connection, warehouse)
        for name in names:
            _replace(connection, name)
        _copy_comments(connection, set(names))
        rows = _count_rows(connection, "release", names)
        connection.execute("detach release")
    return rows


def renew_gold(
    warehouse: Path, database: Path, changes: dict[str, GoldChange], first_batch: int
) -> dict[str, int] | None:
    """Bring a copy of the last release up to date; relations that are not named are as they were.

    Args:
        warehouse: the warehouse, after a build of `first_batch` and later ones.
        database: a copy of the release of the build before, writable.
        changes: what may have changed, by relation.
        first_batch: the first batch that was built.

    Returns:
        The number of rows by relation; None when the copy is not what it should be, so that gold
        has to be copied from nothing.
    """
    with _both(warehouse, database) as connection:
        names = _gold_names(connection, warehouse)
        if names != _names_in(connection, "release"):
            return None
        replaced = set()
        for name in sorted(changes.keys() & set(names)):
            if changes[name].key:
                _replace_keys(connection, name, changes[name], first_batch)
            else:
                _replace(connection, name)
                replaced.add(name)
        _copy_comments(connection, replaced)
        rows = _count_rows(connection, "release", names)
        changed = [name for name in names if name in changes]
        expected = _count_rows(connection, "warehouse", changed)
        connection.execute("detach release")
    return rows if all(rows[name] == expected[name] for name in changed) else None


def _both(warehouse: Path, database: Path) -> Any:
    import duckdb

    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    attach = f"attach {_text(warehouse)} as warehouse (read_only)"
    opening.wait_to_open(lambda: connection.execute(attach), warehouse)
    opening.attach_raw_for_views(connection, warehouse)
    connection.execute(f"attach {_text(database)} as release")
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
    relation = f'gold."{name}"'
    connection.execute(f"create or replace table release.{relation} as from warehouse.{relation}")


def _replace_keys(connection: Any, name: str, change: GoldChange, first_batch: int) -> None:
    relation = f'gold."{name}"'
    columns = ", ".join(f'"{column}"' for column in change.key)
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
    return {
        name: connection.execute(f'select count(*) from {catalogue}.gold."{name}"').fetchone()[0]
        for name in names
    }


def _copy_comments(connection: Any, names: set[str]) -> None:
    statements = connection.execute(
        """
        select table_name, format('comment on table release.gold."{}" is ', table_name), comment
        from duckdb_tables()
        where database_name = 'warehouse' and schema_name = 'gold' and comment is not null
        union all
        select
            table_name,
            format('comment on column release.gold."{}"."{}" is ', table_name, column_name),
            comment
        from duckdb_columns()
        where database_name = 'warehouse' and schema_name = 'gold' and comment is not null
        """
    ).fetchall()
    for name, statement, comment in statements:
        if name in names:
            connection.execute(statement + _text(comment))


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
