"""A build's events for the page: models in graph order, with the metadata known of each.

Rows, types, quarantine and column lineage come from the build and the documentation, which had the
warehouse open; nothing is opened here. Results of tests are in `orchestration.warehouse_assets`.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from dagster import (
    AssetKey,
    AssetObservation,
    AssetSpec,
    MaterializeResult,
    TableColumn,
    TableColumnDep,
    TableColumnLineage,
    TableSchema,
)

from orchestration.asset_execution import Emit
from orchestration.names import raw_key
from orchestration.translators import UNIQUE_ID
from tradehouse.dbt.runner import NodeResult
from tradehouse.home.paths import Home
from tradehouse.home.records import Build, StreamCounts
from tradehouse.loads import brokerage_sync
from tradehouse.publish import lineage


class Describer:
    """What the page shows of a model that was built: rows, seconds, columns, their lineage."""

    def __init__(self, home: Home, specs: Collection[AssetSpec]) -> None:
        self.key_of = {spec.metadata[UNIQUE_ID]: spec.key for spec in specs}
        self.id_of = {key: unique_id for unique_id, key in self.key_of.items()}
        self.descriptions_of = {spec.key: _column_descriptions(spec) for spec in specs}
        self.made_of = lineage.read_columns(home.docs)

    def describe(self, key: AssetKey, node: NodeResult) -> dict[str, Any]:
        """Return the metadata of a model or seed; types and rows where the build looked."""
        found: dict[str, Any] = {"seconds": round(node.seconds, 3)}
        if node.rows is not None:
            found["dagster/row_count"] = node.rows
        if node.columns:
            words = self.descriptions_of[key]
            found["dagster/column_schema"] = TableSchema(
                [TableColumn(name, kind, words.get(name)) for name, kind in node.columns.items()]
            )
        return found | self.describe_lineage(key)

    def describe_lineage(self, key: AssetKey) -> dict[str, Any]:
        """Return from which columns a model's columns are made, as the documentation traced it."""
        made = self.made_of.get(self.id_of[key])
        if not made:
            return {}
        columns = {
            column: list(dict.fromkeys(self._dependencies(sources)))
            for column, sources in made.items()
        }
        return {"dagster/column_lineage": TableColumnLineage(columns)}

    def observe_lineage(self) -> Iterator[AssetObservation]:
        """Yield the column lineage of every model; for when it was traced again."""
        for key in self.id_of:
            if found := self.describe_lineage(key):
                yield AssetObservation(key, metadata=found)

    def _dependencies(self, sources: list[list[str]]) -> Iterator[TableColumnDep]:
        for unique_id, column in sources:
            kind, _, source, *table = f"{unique_id}.".split(".")
            is_raw = kind == "source"
            key = raw_key(source, ".".join(table)[:-1]) if is_raw else self.key_of.get(unique_id)
            if key is not None:
                yield TableColumnDep(key, column)


def _column_descriptions(spec: AssetSpec) -> dict[str, str | None]:
    schema = spec.metadata.get("dagster/column_schema")
    columns = getattr(schema, "schema", schema)
    return {column.name: column.description for column in columns.columns} if columns else {}


class OrderedMaterializations:
    """Emits a step's materializations parents first, as Dagster requires.

    A build reports at once what the waiting batches cannot reach; here it is held back until its
    parents are emitted.
    """

    def __init__(
        self,
        parents_of: Mapping[AssetKey, list[AssetKey]],
        keys: Collection[AssetKey],
        describer: Describer,
        emit: Emit,
    ) -> None:
        self.parents_of = parents_of
        self.waiting = set(keys)
        self.held: dict[AssetKey, MaterializeResult[Any]] = {}
        self.describer = describer
        self.emit = emit

    def add(self, key: AssetKey, node: NodeResult) -> None:
        """Emit a model that was built, as soon as all its parents are emitted."""
        if node.status != "success" or key not in self.waiting:
            return
        self.held[key] = MaterializeResult(key, metadata=self.describer.describe(key, node))
        self._tell()

    def add_rest(self) -> None:
        """Emit everything that was not emitted yet; only after a build that went well."""
        for key in self.waiting:
            self.held.setdefault(key, MaterializeResult(key, metadata={"is_unchanged": True}))
        self._tell()

    def _tell(self) -> None:
        while ready := [
            key for key in self.held if self.waiting.isdisjoint(self.parents_of.get(key, ()))
        ]:
            for key in ready:
                self.waiting.discard(key)
                self.emit(self.held.pop(key))


def observe_streams(
    record: Build,
    parents_of: Mapping[AssetKey, list[AssetKey]],
    keys: Collection[AssetKey],
) -> Iterator[AssetObservation]:
    """Yield for every bronze model that was chosen what became of the rows of its stream.

    That is known when all of bronze is built: a row that was delivered and not typed is in
    quarantine, or repeats another one. Several models of one stream share these counts.
    """
    streams = {raw_key(brokerage_sync.SOURCE, row.stream): row for row in record.streams}
    for key in keys:
        read = [one for one in parents_of.get(key, ()) if one.path[0] == "raw"]
        if key.path[0] == "bronze" and len(read) == 1 and read[0] in streams:
            yield AssetObservation(key, metadata=describe_counts(streams[read[0]]))


def describe_counts(counts: StreamCounts) -> dict[str, int]:
    """Return what became of a stream's rows, as the page shows it."""
    return {
        "rows_delivered": counts.delivered,
        "rows_typed": counts.typed,
        "rows_quarantined": counts.quarantined,
        "rows_dropped": counts.dropped,
    }
