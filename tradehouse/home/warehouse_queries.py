"""Queries on the warehouse: what it holds completely, how many rows, and what became of others.

Read-only, except `drop_relations_without_model`. Callers hold the home's lock; everybody else reads
what `tradehouse.home.state` keeps.
"""

from collections.abc import Collection
from typing import Any

from tradehouse.home.database import attach_raw_for_views, connected, query, sql_name
from tradehouse.home.paths import Home

LAYERS = ("bronze", "silver", "gold")
BUILT_BY = "Built by project "
BUILT_LOADS = ("silver", "built_loads")
BY_BATCH = "brokerage"


def deliveries_built(home: Home) -> dict[int, int]:
    """Return the delivery of every batch that the warehouse holds completely, tests passed."""
    return {
        batch: delivery
        for _, _, batch, delivery, _ in built(home)
        if batch is not None and delivery is not None
    }


def built(home: Home) -> list[tuple[str, int | None, int | None, int | None, int | None]]:
    """Return what the warehouse holds completely, tests passed, in order.

    Of every load the source, its number there, the batch and delivery where the source has them,
    and when it was committed to raw, in microseconds since 1970, UTC.
    """
    return query(
        home.warehouse,
        BUILT_LOADS,
        "select source, load, batch_id, delivery, epoch_us(committed_at)"
        " from silver.built_loads order by all",
    )


def project_built_with(home: Home) -> str | None:
    """Return the digest of the project that built the warehouse, as the last node's comment has it.

    Empty where that was built by hand, None where nothing says it.
    """
    rows = query(
        home.warehouse,
        BUILT_LOADS,
        "select comment from duckdb_tables() where database_name = current_database()"
        " and schema_name = 'silver' and table_name = 'built_loads'"
        " and starts_with(comment, ?)",
        [BUILT_BY],
    )
    return str(rows[0][0]).removeprefix(BUILT_BY) if rows else None


def last_loads_built(home: Home) -> dict[str, list[int]]:
    """Return the last load that the warehouse holds, of every source without batches.

    Its number and when it was committed to raw, in microseconds since 1970, UTC.
    """
    return {
        source: [load, at]
        for source, load, _, _, at in built(home)  # In order.
        if source != BY_BATCH and load is not None and at is not None
    }


def read_batches(home: Home) -> list[dict[str, Any]]:
    """Return the batches as the gate judged them in the last build, oldest first."""
    rows = query(
        home.warehouse,
        ("bronze", "bronze_batches"),
        """
        select {
            batch: batch_id, delivery: delivery, batch_date: cast(batch_date as varchar),
            is_accepted: is_accepted, rows_delivered: rows_delivered, rows_typed: rows_typed,
            rows_quarantined: rows_quarantined, rows_dropped: rows_dropped, stream: held_stream,
            file: held_file, line: held_line, reason: held_reason
        }
        from bronze.bronze_batches
        order by batch_id
        """,
    )
    return [batch for (batch,) in rows]


def count_rows(home: Home, uncounted: Collection[str] = ()) -> dict[str, dict[str, int]]:
    """Return the number of rows by layer and relation; of views, gold's only.

    Args:
        home: the home.
        uncounted: names of views of gold that are left out, as they hold every day of something.
    """
    with connected(home.warehouse) as connection:
        attach_raw_for_views(connection, home.warehouse)
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_catalog = current_database() and (table_schema = 'gold'"
            " or table_schema in ('bronze', 'silver') and table_type = 'BASE TABLE') order by all"
        ).fetchall()
        counts: dict[str, dict[str, int]] = {layer: {} for layer in LAYERS}
        for schema, table in tables:
            if schema == "gold" and table in uncounted:
                continue
            statement = f"select count(*) from {sql_name(schema, table)}"
            [rows] = connection.execute(statement).fetchone()
            counts[schema][table] = rows
    return counts


def count_unmatched(home: Home) -> dict[str, int]:
    """Return by reason how many typed rows are not in gold, as they name what is not known."""
    rows = query(
        home.warehouse,
        ("bronze", "quarantine_unmatched"),
        "select reason, count(*) from bronze.quarantine_unmatched group by all order by all",
    )
    return dict(rows)


def count_streams(home: Home) -> list[dict[str, Any]]:
    """Return for every stream how many rows were delivered, and what became of them."""
    rows = query(
        home.warehouse,
        ("bronze", "bronze_file_rows"),
        """
        with refused as (
            select
                stream,
                count(*) filter (where disposition = 'quarantined') as quarantined,
                count(*) filter (where disposition = 'dropped_duplicate') as dropped
            from bronze.quarantine
            group by all
        )
        select
            files.stream,
            cast(sum(files.rows_delivered) as bigint),
            cast(sum(files.rows_typed) as bigint),
            coalesce(any_value(refused.quarantined), 0),
            coalesce(any_value(refused.dropped), 0)
        from bronze.bronze_file_rows as files
        left join refused using (stream)
        group by all
        order by all
        """,
    )
    keys = ("stream", "delivered", "typed", "quarantined", "dropped")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def drop_relations_without_model(home: Home, known: set[tuple[str, str]]) -> list[str]:
    """Drop what is in bronze, silver and gold and has no model or seed any more; return names.

    Args:
        home: the home.
        known: schema and name of whatever has one, in any case, as names are for DuckDB.
    """
    names = {(schema.lower(), name.lower()) for schema, name in known}
    with connected(home.warehouse) as connection:
        relations = connection.execute(
            "select table_schema, table_name, table_type from information_schema.tables"
            " where table_catalog = current_database()"
            " and lower(table_schema) in ('bronze', 'silver', 'gold') order by all"
        ).fetchall()
    orphans = [one for one in relations if (one[0].lower(), one[1].lower()) not in names]
    if orphans:
        with connected(home.warehouse, read_only=False) as connection:
            for schema, name, kind in orphans:
                what = "view" if kind == "VIEW" else "table"
                connection.execute(f"drop {what} {sql_name(schema, name)}")
    return [f"{schema}.{name}" for schema, name, _ in orphans]
