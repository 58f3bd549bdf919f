"""Assets of the raw layer: one per stream, materialized by one sync of its source.

The brokerage is loaded whole, a day at a time; other sources can load single streams.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    Backoff,
    Config,
    Failure,
    Jitter,
    MaterializeResult,
    MetadataValue,
    RetryPolicy,
    multi_asset,
)
from pydantic import Field

from ingestion.declarations import Declaration
from ingestion.errors import IngestionError
from ingestion.results import StreamResult, SyncResult
from orchestration import translators
from orchestration.asset_execution import POOL, Emit, parsing_in_background, work
from orchestration.sources import Source
from orchestration.streams import Stream
from tradehouse.errors import TradehouseError
from tradehouse.home.paths import Home
from tradehouse.home.records import Sync
from tradehouse.loads import brokerage_sync
from tradehouse.loads import days as business_days
from tradehouse.runs import pipeline
from tradehouse.terminal.progress import Steps

RETRIES = RetryPolicy(max_retries=3, delay=20, backoff=Backoff.EXPONENTIAL, jitter=Jitter.FULL)


class BrokerageConfig(Config):
    """What may be asked of a day's sync."""

    replace_batches: bool = Field(
        default=False, description="Take changed deliveries of the days that are loaded already."
    )
    allow_gap: bool = Field(
        default=False, description="Take batches although one before them is missing."
    )


def brokerage_assets(
    translator: translators.Translator, source: Source, manifest: Mapping[str, Any]
) -> AssetsDefinition:
    """Return the brokerage's streams, partitioned by the day of the batch."""
    specs = list(translator.raw_specs(source, manifest))

    @multi_asset(
        name="raw_brokerage",
        specs=specs,
        pool=POOL,
        backfill_policy=BackfillPolicy.single_run(),
    )
    def load(
        context: AssetExecutionContext, config: BrokerageConfig
    ) -> Iterator[MaterializeResult[Any]]:
        """Load what was delivered up to the last of the days."""
        days = list(context.partition_keys)

        def sync(home: Home, emit: Emit, steps: Steps) -> Failure | None:
            with parsing_in_background(context, home), steps.step("sync") as step:
                record = sync_days(home, days, config)
                step.finish(pipeline.describe_sync(record, step.seconds), record)
            context.log.info(f"{record.records:,} records, {record.bytes:,} bytes")
            if record.errors:
                sentences = "\n".join(error.message for error in record.errors)
                return Failure(sentences, allow_retries=False)
            if source.fault:
                return Failure(source.fault, allow_retries=False)
            for spec in specs:
                emit(MaterializeResult(spec.key, metadata=describe_stream(record, spec.key)))
            return None

        yield from work(context, "sync", sync, retries=RETRIES)

    return load


def sync_days(home: Home, days: list[str], config: BrokerageConfig) -> Sync:
    """Load every batch up to the last of the days; return the record of the sync.

    What was committed before an error stays; refused deliveries are in the record's `errors`.

    Raises:
        TradehouseError: when a day was not delivered, or the sync could not start.
    """
    landing = brokerage_sync.ensure_landing(home, brokerage_sync.given_landing())
    batches = business_days.batches_of(home, days)
    return brokerage_sync.sync(
        home,
        landing,
        replace_batches=batches if config.replace_batches else [],
        allow_gap=config.allow_gap,
        last_batch=batches[-1],
    )


def describe_stream(record: Sync, key: AssetKey) -> dict[str, Any]:
    """Return what one sync did to one stream: records, bytes, rate, state."""
    stream = record.streams.get(key.path[-1])
    records, size = (stream.records, stream.bytes) if stream else (0, 0)
    seconds = max(record.seconds, 0.001)
    return {
        "records": records,
        "bytes": size,
        "records_per_second": round(records / seconds, 1),
        "sync_seconds": record.seconds,
        "new_batches": record.new_batches,
        "state": {"delivery_by_batch": record.loaded},
        "landing": record.landing,
    }


def source_assets(
    translator: translators.Translator, source: Source, manifest: Mapping[str, Any]
) -> AssetsDefinition:
    """Return the streams of a source that is polled; each can be loaded by itself."""
    found = translator.raw_streams(source, manifest)

    @multi_asset(
        name=translators.raw_group(source.name),
        specs=[spec for _, spec in found.values()],
        # A server syncs a connection whole.
        can_subset=source.declaration.runner == "embedded",
        pool=POOL,
    )
    def load(context: AssetExecutionContext) -> Iterator[MaterializeResult[Any]]:
        """Load what is new in the chosen streams."""
        chosen = [one for key, (one, _) in found.items() if key in context.selected_asset_keys]

        def sync(home: Home, emit: Emit, steps: Steps) -> Failure | None:
            if source.fault:
                return Failure(source.fault, allow_retries=False)
            is_whole = len(chosen) == len(found)
            with steps.step(f"sync {source.name}") as step:
                result = sync_source(home, source.declaration, None if is_whole else chosen)
                step.finish(f"{result.records:,} records, {result.status}", result)
            for one in chosen:
                if (done := one.find(result)) is not None:
                    emit(MaterializeResult(one.key, metadata=describe_source(result, done)))
            return None

        yield from work(context, "sync", sync, retries=RETRIES)

    return load


def sync_source(
    home: Home, declaration: Declaration, chosen: Sequence[Stream] | None
) -> SyncResult:
    """Load streams of a source, as `tradehouse sync SOURCE` does; all of them where none is chosen.

    Raises:
        TradehouseError: when the connector fails; what was committed before stays.
    """
    import ingestion

    try:
        is_free = declaration.runner == "embedded" and chosen is not None
        names = [one.name for one in chosen or () if one.name is not None] if is_free else None
        result = ingestion.sync(declaration, home.root, streams=names)
    except IngestionError as error:
        raise TradehouseError(str(error)) from error
    if result.status != "succeeded":
        sentences = "\n".join(error.message for error in result.errors)
        more = f"\nThe whole log: {result.log}" if result.log else ""
        raise TradehouseError(sentences + more)
    return result


def describe_source(result: SyncResult, stream: StreamResult) -> dict[str, Any]:
    """Return what one sync did to one stream of a polled source, with its job on a server."""
    job = {"job": MetadataValue.url(result.job_url)} if result.job_url else {}
    return job | {
        "records": stream.records,
        "bytes": stream.bytes,
        "records_per_second": round(stream.records / max(result.duration_seconds, 0.001), 1),
        "sync_seconds": round(result.duration_seconds, 3),
        "values_that_did_not_fit": stream.nulled_values,
        "state": {"sync": result.sync_id, "stream": stream.status},
        "log": result.log or "",
    }
