"""Where things stand in a home: batches, loads, rows, quarantine, tests, release, problems.

Everything is read from `state/` and the releases' manifests; no database is opened. The command
line prints it (`tradehouse.cli.status`), the front page shows it (`exposition.front_page`).
"""

from typing import Any

from tradehouse.build import resume
from tradehouse.home import locks, state
from tradehouse.home.paths import Home
from tradehouse.home.records import Build, Outcome, Sync
from tradehouse.home.warehouse_queries import LAYERS
from tradehouse.loads import brokerage, syncs
from tradehouse.observe import alerts
from tradehouse.publish import releases

BUILD_KEYS = ("id", "status", "error", "finished_at", "seconds")
SYNC_KEYS = ("at", "status", "records", "bytes", "new_batches")


def collect(home: Home) -> dict[str, Any]:
    """Return where things stand, as `tradehouse status --json` prints it."""
    record = state.last_build(home)
    is_known = record.status is not Outcome.NONE
    holder = locks.find_holder(home)
    sync = state.find(home, Sync)
    current = [release for release in releases.list_releases(home) if release.is_current]
    published = {(batch.batch, batch.delivery) for release in current for batch in release.batches}
    rows = record.rows
    return {
        "home": str(home.root),
        "landing": (landing := brokerage.known_landing(home)) and str(landing),
        "writing": holder,
        "sync": {key: getattr(sync, key, None) for key in SYNC_KEYS},
        "sources": syncs.last_syncs(home),
        "loads_waiting": syncs.loads_waiting(home, record.built_loads),
        "batches": [
            {**one.model_dump(), "is_published": (one.batch, one.delivery) in published}
            for one in record.batches
        ],
        "held": syncs.find_held(home),
        "ignored": _find_ignored(home),
        "rows": {layer: sum(rows.get(layer, {}).values()) for layer in LAYERS},
        "tables": {layer: len(rows.get(layer, {})) for layer in LAYERS},
        "quarantine": [one.model_dump() for one in record.quarantine],
        "unmatched": record.unmatched,
        "build": {key: getattr(record, key) if is_known else None for key in BUILD_KEYS},
        "tests": record.tests.model_dump() if is_known else {},
        "warnings": _warnings(record),
        "failures": [one.model_dump() for one in record.failures],
        "release": current[0].as_dict() if current else None,
        "release_fault": releases.find_fault(home),
        "publishing_held": (hold := releases.read_hold(home)) and hold.model_dump(),
        "resume": "" if holder else resume.describe(home),
        "problems": [
            {name: getattr(one, name) for name in ("key", "title", "what", "since", "owner")}
            for one in alerts.find(home)
        ],
    }


def _find_ignored(home: Home) -> list[str]:
    landing = brokerage.known_landing(home)
    return brokerage.find_ignored(landing) if landing else []


def _warnings(record: Build) -> list[dict[str, str]]:
    """Return the tests of the last build that found something and let it pass, and what."""
    return [
        {"test": name.split(".")[2], "message": node.message or "see logs/dbt.log"}
        for name, node in record.nodes.items()
        if node.status == "warn"
    ]


def find_refused(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the batches that no sync has taken, in the form of those that are built."""
    known = {batch["batch"] for batch in facts["batches"]}
    kept = ("batch_date", "delivery", "rows_delivered", "rows_typed", "rows_quarantined")
    return [
        {**dict.fromkeys((*kept, "rows_dropped")), "batch": batch, "is_refused": True}
        for batch in sorted({one.get("batch") for one in facts["held"]} - known - {None})
    ]


def describe_batch(batch: dict[str, Any]) -> str:
    """Return how far a batch has come, in a word."""
    if batch.get("is_refused"):
        return "refused"
    if not batch["is_accepted"]:
        return "held"
    return "published" if batch["is_published"] else "not published"


def describe_fault(fault: dict[str, Any]) -> str:
    """Return what keeps a batch from being published, with file and line where known."""
    message = str(fault["message"])
    place = fault.get("file") or ""
    if place and place not in message:
        line = f", line {fault['line']}" if fault.get("line") else ""
        message = f"{place}{line}: {message}"
    return f"{fault.get('code') or 'error'}: {message}"


def describe_hold(hold: dict[str, Any]) -> str:
    """Return since when nothing is published after a rollback, and how it goes on."""
    return (
        f"Publishing is held since {hold['since']}, when {hold['rolled_back_from']} was rolled "
        "back. Let it go on: tradehouse publish --release-hold"
    )
