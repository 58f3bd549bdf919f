"""What is wrong with sources: refused deliveries, failed syncs, missed freshness, held batches."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tradehouse.dbt import graph
from tradehouse.home import locks, state
from tradehouse.home.paths import Home
from tradehouse.home.records import GraphNode, Sync
from tradehouse.loads import freshness
from tradehouse.loads import syncs as ledger
from tradehouse.observe.alerts.problem import PLATFORM, Problem, error_fingerprint

BROKERAGE = "brokerage"


def find_in_sources(home: Home, nodes: dict[str, GraphNode], now: datetime) -> Iterator[Problem]:
    """Yield at most one problem a source, what failed, and only else that it is late.

    A declaration that cannot be read is one beside: what was promised before still counts.
    """
    if not home.raw.exists():
        return
    declared = freshness.read(home)
    for name, fault in freshness.read_faults(home).items():
        since = now.isoformat(timespec="seconds")
        title, look = f"{name}: the declaration cannot be read", ["tradehouse sources list"]
        yield Problem(f"declaration/{name}", PLATFORM, title, fault, since, look)
    syncs, successes = freshness.read_syncs(home)
    is_writing = locks.find_holder(home) is not None
    for source in declared:
        succeeded_at = successes.get(source.name)
        problem = (
            _refused(home, source.owner)
            if source.name == BROKERAGE
            else _not_loaded(source.name, source.owner, syncs)
        )
        if problem is None and not is_writing and source.is_late(succeeded_at, now):
            problem = _late(source, succeeded_at, now)
        if problem is not None:
            affected = graph.affected_by(nodes, graph.sources_named(nodes, source.name))
            yield problem.affects(affected)


def _refused(home: Home, owner: str) -> Problem | None:
    """The first fault of the brokerage's last sync; what comes after it waits for it."""
    sync = state.find(home, Sync)
    if sync is None or not sync.errors:
        return None
    errors = sorted(sync.errors, key=lambda error: error.batch or 0)
    first = errors[0]
    where = f"batch {first.batch}" if first.batch else "a delivery"
    more = f" {len(errors) - 1} more faults follow." if errors[1:] else ""
    return Problem(
        key=f"source/{BROKERAGE}/{first.code or 'error'}/{first.batch or '-'}",
        owner=owner,
        title=f"{BROKERAGE}: {where} was refused ({first.code or 'error'})",
        what=f"{first.message}{more}",
        since=sync.at,
        look=["tradehouse status", "tradehouse sources check brokerage"],
    )


def _not_loaded(name: str, owner: str, syncs: list[dict[str, Any]]) -> Problem | None:
    own = [sync for sync in syncs if sync["source"] == name]
    last = [sync for sync in own if sync["sync_id"] == own[0]["sync_id"]]  # Newest first.
    failed = [sync for sync in last if sync["status"] not in ("succeeded", "running")]
    if not failed:
        return None
    error = next((sync["error"] for sync in failed if sync["error"]), None)
    message = _message(error) or f"its last sync {failed[0]['status']}"
    streams = ", ".join(sync["stream"] for sync in failed[:5] if sync["stream"])
    return Problem(
        key=f"source/{name}/{error_fingerprint(message)}",
        owner=owner,
        title=f"{name}: the source was not loaded",
        what=f"{message} (streams: {streams})" if streams else message,
        since=str(min(sync["started_at"] for sync in failed)),
        look=[f"tradehouse sources check {name}", f"tradehouse sync {name}"],
    )


def _message(error: Any) -> str:
    content = json.loads(error) if isinstance(error, str) else error
    if not isinstance(content, dict):
        return ""
    errors = content.get("errors") or [content]
    return "; ".join(str(one["message"]) for one in errors if one.get("message"))


def _late(source: freshness.Promise, last: datetime | None, now: datetime) -> Problem:
    said = "it was never loaded" if last is None else f"last loaded {last:%Y-%m-%d %H:%M} UTC"
    return Problem(
        key=f"late/{source.name}",
        owner=source.owner,
        title=f"{source.name}: the source is late",
        what=f"Promised is a sync every {source.freshness}; {said}.",
        since=(last or now).isoformat(timespec="seconds"),
        look=["tradehouse sources list", f"tradehouse sync {source.name}"],
    )


def find_held(home: Home, nodes: dict[str, GraphNode]) -> list[Problem]:
    """Return the first batch that the gate holds, if any; later ones wait for it."""
    record = state.last_build(home)
    held = [batch for batch in record.batches if not batch.is_accepted]
    if not held or not home.warehouse.exists():
        return []
    owner = _owner_of(home, BROKERAGE)
    first = min(held, key=lambda batch: batch.batch)
    place = f"{first.file}, line {first.line}: " if first.file else ""
    later = f" {len(held) - 1} later batches wait for it." if held[1:] else ""
    problem = Problem(
        key=f"held/{first.batch}/{first.delivery}",
        owner=owner,
        title=f"{BROKERAGE}: batch {first.batch} is held",
        what=f"{place}{first.reason}.{later}",
        since=record.finished_at or record.started_at,
        look=[f"tradehouse quarantine --batch {first.batch}", "tradehouse status"],
    )
    return [problem.affects(graph.affected_by(nodes, graph.sources_named(nodes, BROKERAGE)))]


def find_held_loads(home: Home, nodes: dict[str, GraphNode]) -> list[Problem]:
    """Return every source whose newest load its contract holds."""
    return [
        Problem(
            key=f"contract/{one['source']}",
            owner=_owner_of(home, one["source"]),
            title=f"{one['source']}: load {one['load']} is held by its contract",
            what=one["message"],
            since=one["since"],
            look=["tradehouse status", f"tradehouse contracts accept {one['source']}"],
        ).affects(graph.affected_by(nodes, graph.sources_named(nodes, one["source"])))
        for one in ledger.loads_held(home)
    ]


def _owner_of(home: Home, source: str) -> str:
    try:
        return next(one.owner for one in freshness.read(home) if one.name == source)
    except Exception:  # a wrong declaration is a problem of its own
        return PLATFORM
