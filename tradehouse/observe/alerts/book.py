"""Which problems are open, who was notified, and who is notified of their resolution.

Kept in `state/alerts.json`, so that each problem and its resolution are reported once, whichever
process checks: the command line after a command, Dagster's sensor every minute.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tradehouse.errors import BusyError, TradehouseError, UsageError
from tradehouse.home import locks, state
from tradehouse.home.paths import Home
from tradehouse.home.records import Alert, Alerts
from tradehouse.observe.alerts import channels, find_problems
from tradehouse.observe.alerts.problem import PLATFORM, Problem
from tradehouse.publish import releases

LOG = "alerts.log"
OPENED, RECOVERED = "opened", "recovered"
SUBJECT = "[Tradehouse]"
TRY_AGAIN_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Told:
    """A message, its recipient, and the result of each channel."""

    event: str
    key: str
    owner: str
    title: str
    body: str
    deliveries: list[channels.Delivery] = field(default_factory=list)

    @property
    def is_delivered(self) -> bool:
        """Whether it need not be tried again: a channel took it, or there is none."""
        return not self.deliveries or any(not delivery.error for delivery in self.deliveries)

    def __str__(self) -> str:
        said = [f"{one.service}: {one.error or 'sent'}" for one in self.deliveries]
        where = "; ".join(said) or (
            f"no channel ({channels.variable_of(self.owner)} and {channels.VARIABLE} are not set)"
        )
        return f"{self.title} -> {self.owner}, {where}"


def report(
    home: Home,
    *,
    command: str | None = None,
    error: BaseException | None = None,
    dead: dict[str, Any] | None = None,
    now: datetime | None = None,
) -> list[Told]:
    """Report new and resolved problems; return the messages. Never raises.

    To be called while this process does not hold the home's lock.

    Args:
        home: the home.
        command: the command that has just ended (`run`, `sync`, ...); None for a look from outside.
        error: what it ended with, if it did not end well.
        dead: who was found dead when a command took the lock, as `locks.find_dead` says it.
        now: the time, for tests.
    """
    try:
        if not home.state.is_dir():
            return []
        with locks.alone(home.state / "alerts.lock"):
            return _report(home, command, error, dead, now or datetime.now(UTC))
    except Exception as failure:
        # Alerts speak of a run; they must not be what it fails with.
        _log(home, f"alerts could not be told: {type(failure).__name__}: {failure}")
        return []


def list_open(home: Home) -> list[Alert]:
    """Return the open alerts, oldest first."""
    kept = state.find(home, Alerts)
    entries = kept.open.values() if kept else ()
    return sorted((one for one in entries if not one.ended_at), key=lambda one: one.since)


def _report(
    home: Home,
    command: str | None,
    error: BaseException | None,
    dead: dict[str, Any] | None,
    now: datetime,
) -> list[Told]:
    kept = state.find(home, Alerts)
    is_kept = kept is not None or not state.exists(home, "alerts")
    before = kept.open if kept else {}
    entries = {key: entry.model_copy() for key, entry in before.items()}
    found = {problem.key: problem for problem in find_problems.find(home, now)}
    found |= {problem.key: problem for problem in _of_command(command, error, dead, now)}
    told: list[Told] = []
    for key, problem in found.items():
        entries[key] = _open(home, problem, entries.get(key), now, told)
    for key in sorted(set(entries) - set(found)):
        entry = entries.pop(key)
        problem = Problem(**{name: getattr(entry, name) for name in Problem.__dataclass_fields__})
        if not entry.ended_at:
            if _is_superseded(home, problem, found):
                continue
            if not _is_over(home, problem, command, error):
                entries[key] = entry
                continue
            entry.ended_at, entry.tried_at = now.isoformat(timespec="seconds"), None
        if entry.is_told and not _close(home, problem, entry, now, told):
            entries[key] = entry
    if entries != before or not is_kept:
        state.keep(home, Alerts(open=entries))
    return told


def _open(
    home: Home, problem: Problem, known: Alert | None, now: datetime, told: list[Told]
) -> Alert:
    """Report a problem unless that was done; return its entry."""
    problem.since = known.since if known else problem.since
    now_so = {**asdict(problem), "ended_at": None}
    entry = known.model_copy(update=now_so) if known else Alert(**now_so)
    if not entry.is_told and _may_try(entry, now):
        told.append(_tell(home, OPENED, problem, _opening(home, problem)))
        entry.is_told, entry.tried_at = told[-1].is_delivered, now.isoformat()
    return entry


def _close(home: Home, problem: Problem, entry: Alert, now: datetime, told: list[Told]) -> bool:
    """Report that a problem is over; return whether nothing is left to report."""
    if not _may_try(entry, now):
        return False
    told.append(_tell(home, RECOVERED, problem, _ending(home, problem, str(entry.ended_at))))
    entry.tried_at = now.isoformat()
    return told[-1].is_delivered


def _may_try(entry: Alert, now: datetime) -> bool:
    """Whether a message may be tried: at once, and again when the channels failed a while ago."""
    tried = entry.tried_at
    return not tried or now - datetime.fromisoformat(tried) >= TRY_AGAIN_AFTER


def _is_superseded(home: Home, problem: Problem, found: dict[str, Problem]) -> bool:
    """Whether what is broken is broken in another way now, which has its own report."""
    if problem.key.startswith("late/"):
        failed = f"source/{problem.key.removeprefix('late/')}/"
        return any(key.startswith(failed) for key in found)
    bad = find_problems.find_bad(home, problem)
    return bool(bad) and bad <= {node for other in found.values() for node in other.nodes}


def _of_command(
    command: str | None,
    error: BaseException | None,
    dead: dict[str, Any] | None,
    now: datetime,
) -> Iterator[Problem]:
    if dead is not None:
        yield find_problems.died(f"`{dead['command']}` (process {dead['pid']})", dead["since"])
    if error is None or isinstance(error, BusyError | UsageError | KeyboardInterrupt):
        return
    said = str(error) if isinstance(error, TradehouseError) else f"{type(error).__name__}: {error}"
    yield Problem(
        key=f"command/{command}",
        owner=PLATFORM,
        title=f"tradehouse {command} failed",
        what=said,
        since=now.isoformat(timespec="seconds"),
        look=["tradehouse status", "tradehouse doctor"],
    )


def _is_over(
    home: Home, problem: Problem, command: str | None, error: BaseException | None
) -> bool:
    kind, _, of_command = problem.key.partition("/")
    if kind in ("command", "died"):
        has_worked = command is not None and error is None
        return has_worked and (kind == "died" or command in ("run", of_command))
    return find_problems.is_over(home, problem)


def _opening(home: Home, problem: Problem) -> str:
    current = releases.find_current(home)
    lines = [
        problem.what,
        "",
        f"Since: {problem.since}",
        f"Affected: {_listed(problem.models, 'models') or 'nothing downstream is known'}",
    ]
    if problem.exposures:
        lines.append(f"Behind them: {', '.join(problem.exposures)}")
    lines += [
        f"Readers see: {f'release {current}, unchanged' if current else 'no release yet'}",
        f"Home: {home.root}",
        "",
        "How to look:",
        *(f"  {command}" for command in problem.look),
    ]
    return "\n".join(lines)


def _ending(home: Home, problem: Problem, ended_at: str) -> str:
    current = releases.find_current(home)
    return "\n".join(
        [
            f"It is over: {problem.title}.",
            f"It lasted from {problem.since} to {ended_at}.",
            f"Readers see: {f'release {current}' if current else 'no release yet'}",
        ]
    )


def _listed(names: list[str], what: str) -> str:
    more = f" and {len(names) - 12} more" if names[12:] else ""
    return f"{len(names)} {what}: {', '.join(names[:12])}{more}" if names else ""


def _tell(home: Home, event: str, problem: Problem, body: str) -> Told:
    is_good = event == RECOVERED
    title = f"{SUBJECT} {'recovered: ' if is_good else ''}{problem.title}"
    deliveries = channels.send(problem.owner, title, body, is_good=is_good)
    told = Told(event, problem.key, problem.owner, title, body, deliveries)
    _log(home, str(told))
    return told


def _log(home: Home, line: str) -> None:
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    try:
        with (home.logs / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{stamp} {' '.join(line.split())}\n")
    except OSError:
        return  # A full disk is told by what fails of it, not by this.
