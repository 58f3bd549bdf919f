"""Checks of raw streams that need the build's counts: no row is lost, no batch is held.

dbt's own tests are checks of their models (`orchestration.warehouse_assets`). These read what the
build recorded while it had the warehouse open, and open nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSpec,
    AssetKey,
    AssetSpec,
    multi_asset_check,
)

from orchestration.build_events import describe_counts
from orchestration.names import raw_key
from tradehouse.home import state
from tradehouse.home.paths import Home, find_home
from tradehouse.home.records import StreamCounts
from tradehouse.loads import brokerage_sync, syncs

CONSERVED = "rows_are_conserved"
ACCEPTED = "every_batch_is_accepted"
GATE = AssetKey(["bronze", "bronze_batches"])
COUNTS = AssetKey(["bronze", "bronze_file_rows"])
QUARANTINE = AssetKey(["bronze", "quarantine"])


def brokerage_checks(specs: list[AssetSpec]) -> AssetChecksDefinition:
    """Return the checks of the brokerage's streams, run when the build has counted."""
    streams = [spec.key for spec in specs]
    marker = raw_key(brokerage_sync.SOURCE, "batch_date")
    conserved = [
        AssetCheckSpec(
            CONSERVED,
            asset=key,
            additional_deps=[COUNTS, QUARANTINE],
            description="Rows delivered = rows typed + rows in quarantine + repeats dropped.",
        )
        for key in streams
    ]
    accepted = AssetCheckSpec(
        ACCEPTED,
        asset=marker,
        additional_deps=[GATE],
        description="The gate let every loaded batch pass; a batch that is held is not published.",
    )

    @multi_asset_check(name="brokerage_checks", specs=[*conserved, accepted], can_subset=True)
    def check(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        """Compare what was delivered with what became of it."""
        home = find_home()
        wanted = context.selected_asset_check_keys
        for result in counted_checks(specs)(home):
            if any((result.asset_key, result.check_name) == (k.asset_key, k.name) for k in wanted):
                yield result

    return check


def counted_checks(specs: list[AssetSpec]) -> Callable[[Home], list[AssetCheckResult]]:
    """Return what evaluates all of these checks from what the last build wrote down."""
    streams, marker = [spec.key for spec in specs], raw_key(brokerage_sync.SOURCE, "batch_date")
    return lambda home: [*check_conservation(home, streams), check_gate(home, marker)]


def check_conservation(home: Home, streams: list[AssetKey]) -> list[AssetCheckResult]:
    """Return for every stream whether each delivered row is typed, in quarantine or a repeat."""
    counts = {row.stream: row for row in state.last_build(home).streams}
    results = []
    for key in streams:
        stream = key.path[-1]
        found = counts.get(stream) or StreamCounts(
            stream=stream, delivered=0, typed=0, quarantined=0, dropped=0
        )
        lost = found.delivered - found.typed - found.quarantined - found.dropped
        results.append(
            AssetCheckResult(
                passed=lost == 0,
                asset_key=key,
                check_name=CONSERVED,
                description=None if lost == 0 else f"{lost} rows are nowhere",
                metadata=describe_counts(found),
            )
        )
    return results


def check_gate(home: Home, marker: AssetKey) -> AssetCheckResult:
    """Return whether every loaded batch may be published; says which is held, and why."""
    held = [one for one in syncs.find_held(home) if one["code"] == "held"]
    metadata: dict[str, Any] = {"batches_held": [one["batch"] for one in held]}
    return AssetCheckResult(
        passed=not held,
        asset_key=marker,
        check_name=ACCEPTED,
        description="\n".join(str(one["message"]) for one in held) or None,
        metadata=metadata,
    )
