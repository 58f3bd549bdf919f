"""What is wrong in a home now, one entry per root cause, read from `state/` alone.

A failed source is one problem however many models wait for it; a test that blocks is one however
many are skipped; models that failed with the same words are one. Who is told is in
`tradehouse.observe.alerts.book`, how in `tradehouse.observe.alerts.channels`.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tradehouse.build import execution, parts
from tradehouse.dbt import graph
from tradehouse.home import locks, state
from tradehouse.home.paths import Home
from tradehouse.observe.alerts import sources
from tradehouse.observe.alerts.problem import PLATFORM, Problem, words_of
from tradehouse.terminal import exits


def find(home: Home, now: datetime | None = None) -> list[Problem]:
    """Return every problem of the home; opens no database."""
    nodes = graph.read(home)
    is_writing = locks.find_holder(home) is not None
    found = list(sources.find_in_sources(home, nodes, now or datetime.now(UTC)))
    found += sources.find_held(home, nodes)
    found += sources.find_held_loads(home, nodes)
    if not is_writing:
        found += _died(home, nodes)
        found += _built(home, nodes)
    return found


def is_over(home: Home, problem: Problem) -> bool:
    """Whether a problem that is not found any more is over, and not only out of sight."""
    status = state.read(home, "build").get("status")
    if problem.key.startswith("held/"):
        return bool(status == execution.PASSED)
    if problem.key.startswith("contract/"):
        return True  # A load is held or it is not.
    if problem.key.startswith("late/") and locks.find_holder(home) is not None:
        return False
    if problem.key.startswith("build/"):
        return status in (execution.PASSED, execution.TESTS_FAILED)
    return not find_bad(home, problem)


def find_bad(home: Home, problem: Problem) -> set[str]:
    """Return which nodes of a problem are not known to be good again; all while a build runs.

    A build that passed has tested whatever its rows can reach, so nothing is bad after one.
    """
    record, known = state.read(home, "build"), graph.read(home)
    if record.get("status") == execution.PASSED:
        return set()
    if record.get("status") == execution.BEGUN:
        return set(problem.nodes)
    status = {name: node["status"] for name, node in record.get("nodes", {}).items()}
    return {
        one
        for one in problem.nodes
        if status.get(one) not in parts.DONE and (one in known or not known)
    }


def _died(home: Home, nodes: dict[str, dict[str, Any]]) -> list[Problem]:
    dead = locks.find_dead(home)
    record = state.read(home, "build")
    if dead is None and record.get("status") != execution.BEGUN:
        return []
    if dead is not None:
        return [died(f"`{dead['command']}` (process {dead['pid']})", dead["since"])]
    how = str(record.get("error") or "")
    if how == exits.BY_HAND:
        return []
    return [died("A build", record["started_at"], how if how.startswith("stopped") else "")]


def died(who: str, since: str, how: str = "") -> Problem:
    """A process that wrote into the home and did not come to its end; by default without a word."""
    how = how or "killed"
    return Problem(
        key="died",
        owner=PLATFORM,
        title=f"a run was {how}",
        what=f"{who} was {how}. What it had committed stays, the release is as it was.",
        since=since,
        look=["tradehouse status", "tradehouse run --resume"],
    )


def _built(home: Home, nodes: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    record = state.read(home, "build")
    status: dict[str, dict[str, Any]] = record.get("nodes", {})
    if record.get("status") not in (execution.FAILED, execution.TESTS_FAILED):
        return
    since = record["finished_at"]
    causes: dict[str, list[str]] = {}
    for name, node in status.items():
        is_test = name.startswith("test.")
        if is_test and node["status"] in ("fail", "error"):
            yield _blocked(home, nodes, record, name, since)
        elif node["status"] == "error":
            causes.setdefault(words_of(_plain(node.get("message", ""))), []).append(name)
    for words, broken in causes.items():
        yield _broken(nodes, status, words, broken, since)
    if record["status"] == execution.FAILED and not causes:
        look = ["tradehouse status", f"less {home.logs / 'dbt.log'}"]
        key, title = f"build/{words_of(record['error'])}", "nothing could be built"
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
