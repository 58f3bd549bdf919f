"""The quarantine as the last build left it: a Parquet file that can be read at any time.

The models of `models/bronze/` and their contracts decide which rows are refused, and why.
"""

import os
from pathlib import Path
from typing import Any

from tradehouse.errors import TradehouseError
from tradehouse.home import database
from tradehouse.home.database import connected, has_table, literal, sql_name
from tradehouse.home.files import replacing
from tradehouse.home.paths import Home


def snapshot(home: Home, path: Path) -> list[dict[str, Any]]:
    """Keep what is in quarantine as a Parquet file, and return the counts by stream and reason.

    Of every source: the brokerage's rows have batch, file and line, a connector's records an id.
    """
    with connected(home.warehouse) as connection:
        if not has_table(connection, "bronze", "quarantine"):
            return []
        every = _every_quarantine(connection)
        with replacing(path) as begun:
            connection.execute(
                f"copy (from ({every}) order by source = 'brokerage' desc, source, batch_id,"
                f" source_file, source_line, stream, extracted_at, raw_id)"
                f" to {literal(begun)} (format parquet)"
            )
        rows = connection.execute(
            f"select source, batch_id, stream, reason, disposition, count(*) from ({every})"
            " group by all order by all"
        ).fetchall()
    keys = ("source", "batch", "stream", "reason", "disposition", "rows")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _every_quarantine(connection: Any) -> str:
    """The query that gives the rows in quarantine of every source."""
    found = connection.execute(
        r"""select table_name from information_schema.columns
        where table_catalog = current_database() and table_schema = 'bronze'
            and regexp_full_match(table_name, 'bronze_[a-z0-9_]+__quarantine')
            and column_name in ('stream', 'raw_id', 'reason', 'detail', 'raw_text')
        group by all having count(*) = 5 order by all"""
    ).fetchall()
    parts = [
        "select 'brokerage' as source, *, null::varchar as raw_id, null::timestamptz"
        " as extracted_at from bronze.quarantine"
    ]
    for (table,) in found:
        source = table.removeprefix("bronze_").removesuffix("__quarantine")
        parts.append(
            f"select '{source}' as source, *, 'quarantined' as disposition"
            f" from {sql_name('bronze', table)}"
        )
    return " union all by name ".join(parts)


def is_snapshot(path: Path) -> bool:
    """Whether a Parquet file is there and has its two ends."""
    try:
        if not path.is_file():  # A pipe would be waited for.
            return False
        with path.open("rb") as file:
            begins = file.read(4) == b"PAR1"
            file.seek(-4, os.SEEK_END)
            return begins and file.read() == b"PAR1"
    except OSError:
        return False


def read(
    path: Path,
    *,
    source: str | None,
    batch: int | None,
    stream: str | None,
    reason: str | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return rows of a snapshot, filtered, ordered by source, batch, file and line."""
    if not is_snapshot(path):
        raise TradehouseError(
            f"{path} is {'damaged' if os.path.lexists(path) else 'missing'}, so what is in "
            "quarantine cannot be shown. `tradehouse run` makes it again from the warehouse."
        )
    wanted = {"source": source, "batch_id": batch, "stream": stream, "reason": reason}
    given = {column: value for column, value in wanted.items() if value is not None}
    condition = " and ".join(["true", *(f"{column} = ${column}" for column in given)])
    with database.connect() as connection:
        # A home of before has no column for the source: there was one.
        found = connection.execute(
            f"select * replace (coalesce(source, 'brokerage') as source) from ("
            f" select null::varchar as source, null::varchar as raw_id,"
            f" null::timestamptz as extracted_at where false"
            f" union all by name from read_parquet({literal(path)}))"
            f" where {condition} limit {limit:d}",
            given,
        )
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
