"""What is wrong in a home now, one entry a root cause, read from `state/` alone.

A failed source is one problem however many models wait for it; a test that blocks is one however
many are skipped; models that failed with the same words are one. Who is told is in
`tradehouse.alerts.book`, how in `tradehouse.alerts.channels`.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tradehouse import build, graph, locks, partial, state
from tradehouse.home import Home

PLATFORM = "data-platform"
BROKERAGE = "brokerage"


@dataclass
class Problem:
    """One root cause.

    `key` is the same as long as the cause is. `nodes` are unique ids of dbt that have to be good
    again for it to be over.
    """

    key: str
    owner: str
    title: str
    what: str
    since: str
    look: list[str] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    exposures: list[str] = field(default_factory=list)

    def affects(self, affected: graph.Affected) -> "Problem":
        """Set what is affected; gives the problem back."""
        self.models, self.exposures = list(affected.models), list(affected.exposures)
        return self


def find(home: Home, now: datetime | None = None) -> list[Problem]:
    """Return every problem of the home; opens no database."""
    nodes = graph.read(home)
    is_writing = locks.find_holder(home) is not None
    found = list(_sources(home, nodes, now or datetime.now(UTC)))
    found += _held(home, nodes)
    if not is_writing:
        found += _died(home, nodes)
        found += _built(home, nodes)
    return found


def is_over(home: Home, problem: Problem) -> bool:
    """Whether a problem that is not found any more is over, and not only out of sight."""
    status = state.read(home, "build").get("status")
    if problem.key.startswith("held/"):
        return bool(status == build.PASSED)
    if problem.key.startswith("build/"):
        return status in (build.PASSED, build.TESTS_FAILED)
    return not find_bad(home, problem)


def find_bad(home: Home, problem: Problem) -> set[str]:
    """Return which nodes of a problem are not known to be good again; all while a build runs.

    A build that passed has tested whatever its rows can reach, so nothing is bad after one.
    """
    record, known = state.read(home, "build"), graph.read(home)
    if record.get("status") == build.PASSED:
        return set()
    if record.get("status") == build.BEGUN:
        return set(problem.nodes)
    status = {name: node["status"] for name, node in record.get("nodes", {}).items()}
    return {
        one
        for one in problem.nodes
        if status.get(one) not in partial.DONE and (one in known or not known)
    }


def _sources(home: Home, nodes: dict[str, dict[str, Any]], now: datetime) -> Iterator[Problem]:
    from ingestion import inventory, ledger
    from ingestion.errors import DeclarationError
    from ingestion.paths import Paths

    if not home.raw.exists():
        return
    syncs = ledger.read_status(Paths.below(home.root))
    running = {one.get("source") for one in syncs["running"]}
    try:
        sources = inventory.list_sources(home.root)
    except DeclarationError as error:
        since = now.isoformat(timespec="seconds")
        title, look = "a source's declaration cannot be read", ["tradehouse sources list"]
        yield Problem("declaration", PLATFORM, title, str(error), since, look)
        return
    for source in sources:
        if source.name in running:
            continue
        affected = graph.affected_by(nodes, graph.sources_named(nodes, source.name))
        problem = (
            _refused(home, source.owner)
            if source.name == BROKERAGE
            else _not_loaded(source.name, source.owner, syncs["syncs"])
        )
        if problem is None and source.enabled and source.is_late:
            problem = _late(source, now)
        if problem is not None:
            yield problem.affects(affected)


def _refused(home: Home, owner: str) -> Problem | None:
    """The first fault of the brokerage's last sync; what comes after it waits for it."""
    sync = state.read(home, "sync")
    errors = sorted(sync.get("errors", []), key=lambda error: error.get("batch") or 0)
    if not errors:
        return None
    first = errors[0]
    where = f"batch {first['batch']}" if first.get("batch") else "a delivery"
    more = f" {len(errors) - 1} more faults follow." if errors[1:] else ""
    return Problem(
        key=f"source/{BROKERAGE}/{first.get('code') or 'error'}/{first.get('batch') or '-'}",
        owner=owner,
        title=f"{BROKERAGE}: {where} was refused ({first.get('code') or 'error'})",
        what=f"{first['message']}{more}",
        since=sync["at"],
        look=["tradehouse status", "tradehouse sources check brokerage"],
    )


def _not_loaded(name: str, owner: str, syncs: list[dict[str, Any]]) -> Problem | None:
    own = [sync for sync in syncs if sync["source"] == name]
    last = [sync for sync in own if sync["sync_id"] == max(one["sync_id"] for one in own)]
    failed = [sync for sync in last if sync["status"] not in ("succeeded", "running")]
    if not failed:
        return None
    error = next((sync["error"] for sync in failed if sync["error"]), None)
    message = _message(error) or f"its last sync {failed[0]['status']}"
    streams = ", ".join(sync["stream"] for sync in failed[:5])
    return Problem(
        key=f"source/{name}/{_words(message)}",
        owner=owner,
        title=f"{name}: the source was not loaded",
        what=f"{message} (streams: {streams})",
        since=str(min(sync["started_at"] for sync in failed)),
        look=[f"tradehouse sources check {name}", f"tradehouse sync {name}"],
    )


def _message(error: Any) -> str:
    content = json.loads(error) if isinstance(error, str) else error
    return str(content.get("message", "")) if isinstance(content, dict) else ""


def _late(source: Any, now: datetime) -> Problem:
    last = source.succeeded_at
    said = "it was never loaded" if last is None else f"last loaded {last:%Y-%m-%d %H:%M} UTC"
    return Problem(
        key=f"late/{source.name}",
        owner=source.owner,
        title=f"{source.name}: the source is late",
        what=f"Promised is a sync every {source.freshness}; {said}.",
        since=(last or now).isoformat(timespec="seconds"),
        look=["tradehouse sources list", f"tradehouse sync {source.name}"],
    )


def _held(home: Home, nodes: dict[str, dict[str, Any]]) -> list[Problem]:
    from ingestion import declarations
    from ingestion.errors import DeclarationError

    record = state.read(home, "build")
    held = [batch for batch in record.get("batches", []) if not batch["is_accepted"]]
    if not held or not home.warehouse.exists():
        return []
    try:
        owner = declarations.read(BROKERAGE).owner
    except DeclarationError:
        owner = PLATFORM
    first = min(held, key=lambda batch: int(batch["batch"]))
    place = f"{first['file']}, line {first['line']}: " if first["file"] else ""
    later = f" {len(held) - 1} later batches wait for it." if held[1:] else ""
    problem = Problem(
        key=f"held/{first['batch']}/{first['delivery']}",
        owner=owner,
        title=f"{BROKERAGE}: batch {first['batch']} is held",
        what=f"{place}{first['reason']}.{later}",
        since=record.get("finished_at") or record["started_at"],
        look=[f"tradehouse quarantine --batch {first['batch']}", "tradehouse status"],
    )
    return [problem.affects(graph.affected_by(nodes, graph.sources_named(nodes, BROKERAGE)))]


def _died(home: Home, nodes: dict[str, dict[str, Any]]) -> list[Problem]:
    dead = locks.find_dead(home)
    record = state.read(home, "build")
    if dead is None and record.get("status") != build.BEGUN:
        return []
    who = f"`{dead['command']}` (process {dead['pid']})" if dead else "A build"
    since = dead["since"] if dead else record["started_at"]
    return [died(who, since)]


def died(who: str, since: str) -> Problem:
    """A process that wrote into the home and ended without a word."""
    return Problem(
        key="died",
        owner=PLATFORM,
        title="a run was killed",
        what=f"{who} was killed. What it had committed stays, the release is as it was.",
        since=since,
        look=["tradehouse status", "tradehouse run --resume"],
    )


def _built(home: Home, nodes: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    record = state.read(home, "build")
    status: dict[str, dict[str, Any]] = record.get("nodes", {})
    if record.get("status") not in (build.FAILED, build.TESTS_FAILED):
        return
    since = record["finished_at"]
    causes: dict[str, list[str]] = {}
    for name, node in status.items():
        is_test = name.startswith("test.")
        if is_test and node["status"] in ("fail", "error"):
            yield _blocked(home, nodes, record, name, since)
        elif node["status"] == "error":
            causes.setdefault(_words(_plain(node.get("message", ""))), []).append(name)
    for words, broken in causes.items():
        yield _broken(nodes, status, words, broken, since)
    if record["status"] == build.FAILED and not causes:
        look = ["tradehouse status", f"less {home.logs / 'dbt.log'}"]
        key, title = f"build/{_words(record['error'])}", "nothing could be built"
        yield Problem(key, PLATFORM, title, record["error"], since, look)


def _blocked(
    home: Home, nodes: dict[str, dict[str, Any]], record: dict[str, Any], name: str, since: str
) -> Problem:
    known = nodes.get(name, {})
    test = known.get("name") or name.split(".")[2]
    failure: dict[str, Any] = next((one for one in record["failures"] if one["test"] == test), {})
    rows = failure.get("failing_rows")
    tested = known.get("tests") or next(iter(known.get("parents", [])), "")
    model = nodes.get(tested, {}).get("name", "")
    said = f"{rows:,} rows fail" if rows else f"it could not be run: {failure.get('message', '')}"
    look = ["tradehouse status"]
    if failure.get("kept_in"):
        look.append(f"less {failure['kept_in']}")
    return Problem(
        key=f"test/{name}",
        owner=known.get("owner") or PLATFORM,
        title=f"{model or test}: a blocking test failed",
        what=f"{test}: {said}. What is downstream was not built, the release is as it was.",
        since=since,
        look=[*look, "tradehouse run --resume"],
        nodes=[name],
    ).affects(graph.affected_by(nodes, {name}))


def _broken(
    nodes: dict[str, dict[str, Any]],
    status: dict[str, dict[str, Any]],
    words: str,
    broken: list[str],
    since: str,
) -> Problem:
    names = [nodes.get(one, {}).get("name") or one.split(".")[2] for one in broken]
    more = f" and {len(names) - 1} more" if names[1:] else ""
    return Problem(
        key=f"model/{words}",
        owner=nodes.get(broken[0], {}).get("owner") or PLATFORM,
        title=f"{names[0]}{more} could not be built",
        what=f"{_plain(status[broken[0]].get('message', ''))} ({', '.join(names[:10])})",
        since=since,
        look=["tradehouse status", "tradehouse run --resume"],
        nodes=broken,
    ).affects(graph.affected_by(nodes, set(broken)))


def _plain(message: str) -> str:
    """The words of an error without the line in which dbt names the model."""
    return re.sub(r"^\w+ Error in \w+ \w+ \([^)]*\)\s*", "", " ".join(message.split()))


def _words(message: str) -> str:
    """A short name for an error: the same whatever numbers stand in it."""
    plain = re.sub(r"\d+([.,]\d+)*", "#", message)
    return hashlib.sha256(plain.encode()).hexdigest()[:12]
