"""What is wrong in a home now, one entry per root cause, read from `state/` alone.

A failed source is one problem however many models wait for it; a failed test is one however many
models are skipped; models with the same error are one problem. `tradehouse.observe.alerts.book`
decides who is notified, `tradehouse.observe.alerts.channels` how.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from tradehouse.build import partial_build
from tradehouse.dbt import graph
from tradehouse.dbt.runner import without_model
from tradehouse.home import locks, records, state
from tradehouse.home.paths import Home
from tradehouse.home.records import GraphNode, Outcome
from tradehouse.observe.alerts import sources
from tradehouse.observe.alerts.problem import PLATFORM, Problem, error_fingerprint
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
    status = state.last_build(home).status
    if problem.key.startswith("held/"):
        return status is Outcome.PASSED
    if problem.key.startswith("contract/"):
        return True  # A load is held or it is not.
    if problem.key.startswith("late/") and locks.find_holder(home) is not None:
        return False
    if problem.key.startswith("build/"):
        return status in (Outcome.PASSED, Outcome.TESTS_FAILED)
    return not find_bad(home, problem)


def find_bad(home: Home, problem: Problem) -> set[str]:
    """Return which nodes of a problem are not known to be good again; all while a build runs.

    A build that passed has tested whatever its rows can reach, so nothing is bad after one.
    """
    record, known = state.last_build(home), graph.read(home)
    if record.status is Outcome.PASSED:
        return set()
    if record.status is Outcome.BEGUN:
        return set(problem.nodes)
    status = {name: node.status for name, node in record.nodes.items()}
    return {
        one
        for one in problem.nodes
        if status.get(one) not in partial_build.DONE and (one in known or not known)
    }


def _died(home: Home, nodes: dict[str, GraphNode]) -> list[Problem]:
    dead = locks.find_dead(home)
    record = state.last_build(home)
    if dead is None and record.status is not Outcome.BEGUN:
        return []
    if dead is not None:
        return [died(f"`{dead['command']}` (process {dead['pid']})", dead["since"])]
    how = record.error
    if how == exits.BY_HAND:
        return []
    return [died("A build", record.started_at, how if how.startswith("stopped") else "")]


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


def _built(home: Home, nodes: dict[str, GraphNode]) -> Iterator[Problem]:
    record = state.last_build(home)
    if record.status not in (Outcome.FAILED, Outcome.TESTS_FAILED):
        return
    since = record.finished_at or record.started_at
    causes: dict[str, list[str]] = {}
    for name, node in record.nodes.items():
        is_test = name.startswith("test.")
        if is_test and node.status in ("fail", "error"):
            yield _blocked(nodes, record, name, since)
        elif node.status == "error":
            causes.setdefault(error_fingerprint(without_model(node.message)), []).append(name)
    for words, broken in causes.items():
        yield _broken(nodes, record.nodes[broken[0]].message, words, broken, since)
    if record.status is Outcome.FAILED and not causes:
        look = ["tradehouse status", f"less {home.logs / 'dbt.log'}"]
        key, title = f"build/{error_fingerprint(record.error)}", "nothing could be built"
        yield Problem(key, PLATFORM, title, record.error, since, look)


def _blocked(nodes: dict[str, GraphNode], record: records.Build, name: str, since: str) -> Problem:
    known = nodes.get(name)
    test = known.name if known else name.split(".")[2]
    known_failures = (one for one in record.failures if one.test == test)
    failure = next(known_failures, records.Failure(test=test))
    rows = failure.failing_rows
    tested = nodes.get(known.tests or next(iter(known.parents), "")) if known else None
    model = tested.name if tested else ""
    said = f"{rows:,} rows fail" if rows else f"it could not be run: {failure.message}"
    look = ["tradehouse status"]
    if failure.kept_in:
        look.append(f"less {failure.kept_in}")
    return Problem(
        key=f"test/{name}",
        owner=(known and known.owner) or PLATFORM,
        title=f"{model or test}: a blocking test failed",
        what=f"{test}: {said}. What is downstream was not built, the release is as it was.",
        since=since,
        look=[*look, "tradehouse run --resume"],
        nodes=[name],
    ).affects(graph.affected_by(nodes, {name}))


def _broken(
    nodes: dict[str, GraphNode],
    message: str,
    words: str,
    broken: list[str],
    since: str,
) -> Problem:
    names = [nodes[one].name if one in nodes else one.split(".")[2] for one in broken]
    first = nodes.get(broken[0])
    more = f" and {len(names) - 1} more" if names[1:] else ""
    return Problem(
        key=f"model/{words}",
        owner=(first and first.owner) or PLATFORM,
        title=f"{names[0]}{more} could not be built",
        what=f"{without_model(message)} ({', '.join(names[:10])})",
        since=since,
        look=["tradehouse status", "tradehouse run --resume"],
        nodes=broken,
    ).affects(graph.affected_by(nodes, set(broken)))
