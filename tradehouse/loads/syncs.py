"""The ledger of syncs, read from its snapshot: no database is opened.

The ledger itself is in `raw.duckdb`; `ingestion.ledger` keeps it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tradehouse.home import ledger_snapshot, state
from tradehouse.home.paths import Home
from tradehouse.home.records import Sync
from tradehouse.home.warehouse_queries import BY_BATCH
from tradehouse.terminal.output import count


def last_syncs(home: Home) -> list[dict[str, Any]]:
    """The last sync of every source, with its streams' rows of the ledger under `streams`.

    `running` is a process id while a sync of the source runs; the rest is of the last that ended.
    """
    rows = ledger_snapshot.read(home.state)["syncs"]
    newest: dict[str, str] = {}
    for row in rows:  # Newest first.
        newest.setdefault(row["source"], row["sync_id"])
    running = {one["source"]: one["pid"] for one in ledger_snapshot.running(home.state)}
    return [
        _sync(source, [row for row in rows if row["sync_id"] == newest.get(source)], running)
        for source in sorted({*newest, *running})
    ]


def loads_waiting(home: Home, built: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """The last load of every source without batches of which another one is built last.

    `built` has its number and when it was committed. Sources that are held do not wait.
    """
    found = ledger_snapshot.read(home.state)
    held = {row["source"] for row in found["held"]}
    return {
        row["source"]: row["load"]
        for row in found["loads"]
        if row["source"] not in {BY_BATCH, *held}
        and list(built.get(row["source"], ())) != [row["load"], row["committed_at"]]
    }


def loads_held(home: Home) -> list[dict[str, Any]]:
    """What keeps loads out of the models: source, load, message, since when, one a source."""
    return [
        {
            "batch": None,
            "code": "load_held",
            "source": row["source"],
            "load": row["load"],
            "since": row["held_at"],
            "message": _describe_hold(row),
        }
        for row in ledger_snapshot.read(home.state)["held"]
    ]


def find_held(home: Home) -> list[dict[str, Any]]:
    """Return what keeps rows from being published: faults at the door, then those of the gates."""
    last = state.find(home, Sync)
    at_door = [error.model_dump() for error in last.errors] if last else []
    at_gate = [
        {
            "batch": batch.batch,
            "code": "held",
            "file": batch.file,
            "line": batch.line,
            "message": f"Batch{batch.batch} is held: {batch.reason}.",
        }
        for batch in state.last_build(home).batches
        if not batch.is_accepted
    ]
    return at_door + at_gate + loads_held(home)


def _describe_hold(row: dict[str, Any]) -> str:
    source, path = row["source"], f"contracts/{row['source']}.yml"
    if path in row["reason"]:
        return (
            f"{source} is held by what is wrong with its contract: {row['reason']}. What was "
            f"published before stays. Mend it, then: tradehouse contracts generate {source}"
        )
    return (
        f"Load {row['load']} of {source} is held by its contract: {row['reason']}. What was "
        f"published before stays. Mend it at the source, change {path}, or take it as it is: "
        f"tradehouse contracts accept {source}"
    )


def _sync(source: str, streams: list[dict[str, Any]], running: dict[str, int]) -> dict[str, Any]:
    first = streams[0] if streams else {}
    statuses = {row["status"] for row in streams}
    return {
        "source": source,
        "running": running.get(source),
        "sync_id": first.get("sync_id"),
        "started_at": first.get("started_at"),
        "ended_at": first.get("ended_at"),
        "status": next(iter(statuses)) if len(statuses) == 1 else "failed" if statuses else None,
        "records": sum(row["records"] for row in streams),
        "bytes": sum(row["bytes"] for row in streams),
        "nulled_values": sum(row["nulled_values"] for row in streams),
        "error": next((row["error"] for row in streams if row["error"]), None),
        "streams": [row for row in streams if row["stream"]],
    }


def describe(sync: dict[str, Any]) -> str:
    """One line about a source's last sync."""
    now = f"loading now (process {sync['running']})" if sync["running"] else ""
    if sync["status"] is None:
        return now
    moment = str(sync["ended_at"] or sync["started_at"])[:19].replace("T", " ")
    if not sync["streams"]:  # It failed before it read.
        last = f"{sync['status']} {moment}"
        return f"{now}; before that: {last}" if now else last
    records, streams = count(sync["records"], "record"), count(len(sync["streams"]), "stream")
    last = f"{sync['status']} {moment}, {records} of {streams}"
    if sync["nulled_values"]:
        last += f", {count(sync['nulled_values'], 'value')} did not fit"
    return f"{now}; before that: {last}" if now else last
