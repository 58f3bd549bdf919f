"""Loads: what one sync of a source made visible in raw, by stream; one table of the ledger.

Loads are numbered per source, without gaps, when their first rows are committed. If a source
delivers batches, every delivery of a batch is a load, however many syncs it took; otherwise every
sync that changed what readers see is one. Not here: syncs, states and files (`ledger`).
"""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import duckdb

from ingestion.segments import LoadedFile
from ingestion.tables import Table

Delivery = tuple[int | None, int | None]
"""Number of a batch and of its delivery; both None of a source without batches."""

MIGRATION = (
    """create table _tradehouse.loads (
        source varchar not null, load bigint not null, namespace varchar, stream varchar not null,
        table_name varchar not null, batch integer, delivery integer, records bigint not null,
        sync_id varchar not null, committed_at timestamptz not null
    )""",
    """insert into _tradehouse.loads by name
    with delivered as (
        select source, batch, delivery, stream, sum(records)::bigint as records,
            max_by(sync_id, committed_at) as sync_id, max(committed_at) as committed_at
        from _tradehouse.files where batch is not null group by all
    ), synced as (
        select source, null::integer as batch, null::integer as delivery, stream, namespace,
            records, sync_id, coalesce(ended_at, started_at) as committed_at
        from _tradehouse.syncs
        where records > 0 and source not in (select source from delivered)
    ), every as (
        select * from synced union all by name select * from delivered
    ), begun as (
        select source, batch, delivery, case when batch is null then sync_id end as of_sync,
            min(committed_at) as began
        from every group by all
    ), numbered as (
        select *, row_number() over (
            partition by source order by began, of_sync, batch, delivery) as load
        from begun
    ), called as (
        select source, namespace, stream, any_value(name) as table_name
        from _tradehouse.names where field is null group by all
    )
    select every.*, numbered.load, coalesce(called.table_name, every.stream) as table_name
    from every
    inner join numbered
        on every.source = numbered.source and every.batch is not distinct from numbered.batch
        and every.delivery is not distinct from numbered.delivery
        and (numbered.of_sync is null or every.sync_id = numbered.of_sync)
    left join called
        on every.source = called.source and every.stream = called.stream
        and every.namespace is not distinct from called.namespace""",
)
"""Makes the table, and the loads of a home that has none from its files and syncs."""


class Loads:
    """Records what one sync makes visible, in the transactions that do; for any of its threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, source: str, sync_id: str) -> None:
        self._source = source
        self._sync_id = sync_id
        self._lock = threading.Lock()
        rows = connection.execute(
            """select batch, delivery, load, batch is not null or sync_id = ? as goes_on
            from _tradehouse.loads where source = ? group by all""",
            [sync_id, source],
        ).fetchall()
        self._last = max((load for _, _, load, _ in rows), default=0)
        self._numbers: dict[Delivery, int] = {
            (batch, delivery): load for batch, delivery, load, goes_on in rows if goes_on
        }

    def numbered(self, table: Table) -> Table:
        """The table with the number of this sync's load; unchanged where rows have provenance.

        Only one sync of a home writes at a time, so the number is known before there are rows.
        """
        if table.provenance:
            return table
        return replace(table, load=self._number_of((None, None)))

    def record(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        records: int,
        files: Iterable[LoadedFile] = (),
        rows: int | None = None,
        *,
        rewrites: bool = False,
    ) -> None:
        """Record that rows of a stream became visible, or, with 0, that only others went.

        Of a table with every key once `rows` says how many of the records are in it. `rewrites`
        says that rows of earlier loads were removed or changed without a newer row of their key.

        In the transaction of `connection` that makes them so. Rows of files belong to the files'
        deliveries where the source keeps provenance.
        """
        by_delivery: Counter[Delivery] = Counter()
        for file in files if table.provenance else ():
            by_delivery[(file.reference.batch, file.reference.delivery)] += file.records
        if not by_delivery or records > by_delivery.total():
            by_delivery[(None, None)] += records - by_delivery.total()
        for delivery, count in by_delivery.items():
            connection.execute(
                "insert into _tradehouse.loads values (?, ?, ?, ?, ?, ?, ?, ?, ?, now(), ?, ?)",
                [
                    self._source,
                    self._number_of(delivery),
                    *table.key,
                    table.name,
                    *delivery,
                    count,
                    self._sync_id,
                    rows,
                    rewrites,
                ],
            )

    def _number_of(self, delivery: Delivery) -> int:
        with self._lock:
            if delivery not in self._numbers:
                self._last += 1
                self._numbers[delivery] = self._last
            return self._numbers[delivery]
