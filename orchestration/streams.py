"""The streams of a source as assets: which exist, their tables, and which of them a sync loads.

They come from the declaration; if it has no `streams`, from what the connector offered last and
from the ledger. Only small files of the home are read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagster import AssetKey

from ingestion import inventory
from ingestion.declarations import Declaration
from ingestion.paths import Paths
from ingestion.results import StreamResult, SyncResult
from orchestration.names import raw_key, raw_table, source_key
from tradehouse.home.paths import Home

Tables = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Stream:
    """A stream of a source, the table that dbt reads, and its key; `name` None is the whole source.

    The whole source stands for streams that nobody knows before the first sync.
    """

    name: str | None
    table: str
    key: AssetKey
    namespace: str | None = None

    def find(self, result: SyncResult) -> StreamResult | None:
        """Return what a sync did to the stream; None where it was not part of it."""
        if self.name is None:
            return StreamResult(result.records, result.bytes, status="complete")
        label = f"{self.namespace}.{self.name}"  # Where two streams have the same name.
        return result.streams.get(label if self.namespace else self.name) or result.streams.get(
            self.name
        )


def tables_of(source: str, manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the tables that dbt reads from a source, by their name in raw."""
    return {
        raw_table(one): one for one in manifest["sources"].values() if one["source_name"] == source
    }


def find_streams(declaration: Declaration, tables: Tables, home: Home) -> list[Stream]:
    """Return every stream that a sync of the source can load, each with a key of its own."""
    return list({one.key: one for one in _streams(declaration, tables, home)}.values())


def _streams(declaration: Declaration, tables: Tables, home: Home) -> Iterator[Stream]:
    source = declaration.name
    known = inventory.known_tables(declaration, Paths.below(home.root))
    for table, (namespace, name) in known.items():
        yield Stream(name, table, raw_key(source, table), namespace)
    if declaration.streams is None:
        for table in tables:
            if table not in known:
                yield Stream(table, table, raw_key(source, table))
        if not known and not tables:
            yield Stream(None, source, source_key(source))
