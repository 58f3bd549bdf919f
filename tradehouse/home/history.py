"""The history of runs: an entry for every command that wrote, `state/runs/<number>.json`.

An entry is begun when its run takes the home's lock, written again after each step and completed at
the end; the next run is a new entry. `tradehouse.runs.session` decides what is recorded.
"""

import os
import re
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from tradehouse.errors import BusyError, UsageError
from tradehouse.home import files, locks, processes
from tradehouse.home.files import Kept
from tradehouse.home.paths import Home
from tradehouse.home.records import Moment, Outcome, Tests

KEEP = 1000
"""How many of the newest runs are kept."""
MESSAGE_KEPT = 500
ANEW = "The other runs are listed without it."
KILLED = "killed: it never came to its end"

_NAME = re.compile(r"(\d{1,18})\.json(?:" + re.escape(files.DAMAGED) + ")?")


class End(StrEnum):
    """How a run ended, or that it has not."""

    RUNNING = "running"
    DONE = "done"
    IDLE = "nothing new"
    HELD = "done in part"
    TESTS_FAILED = "tests failed"
    FAILED = "failed"
    STOPPED = "stopped"


class Phase(Kept):
    """A step of a run, and what its closing line said; nothing when it was broken off."""

    name: str
    seconds: float
    said: str = ""


class Synced(Kept):
    """What was loaded of a source."""

    source: str
    records: int = 0
    batches: list[int] = []
    error: str = ""


class Broken(Kept):
    """A model that could not be built, or a test that failed."""

    name: str
    status: str
    message: str = ""


class Built(Kept):
    """A build of a run: `batches` and `loads`, the newest of a source, are those new to it."""

    id: str
    outcome: Outcome
    seconds: float
    reasons: list[str] = []
    batches: list[int] = []
    loads: dict[str, int] = {}
    tests: Tests = Tests()
    broken: list[Broken] = []
    error: str = ""


class Run(Kept):
    """A run; `called` is its command line or its name on the page."""

    number: int
    command: str
    called: str
    began_at: Moment
    outcome: End
    pid: int
    started: int
    ended_at: Moment | None = None
    seconds: float | None = None
    error: str = ""
    phases: list[Phase] = []
    synced: list[Synced] = []
    builds: list[Built] = []
    releases: list[str] = []


def begin(home: Home, command: str, called: str) -> Run:
    """Begin the entry of a run; for the holder of the home's lock.

    A run before it that has no end was killed, which its entry says from now on.

    Raises:
        BusyError: when it goes on all the same: somebody removed the lock's file under it.
    """
    folder = _folder(home)
    if os.path.lexists(folder) and not folder.is_dir():
        files.tell(f"{folder} should be a directory; it is {files.set_aside(folder).name} now.")
    numbers = _numbers(home)
    if numbers:
        _complete(home, numbers[0])
    run = Run(
        number=numbers[0] + 1 if numbers else 1,
        command=command,
        called=called,
        began_at=datetime.now(UTC).isoformat(timespec="seconds"),
        outcome=End.RUNNING,
        pid=os.getpid(),
        started=processes.started_at(os.getpid()),
    )
    keep(home, run)
    for number in numbers[KEEP - 1 :]:
        for path in (_path(home, number), _aside(home, number)):
            files.remove(path)
    return run


def keep(home: Home, run: Run) -> None:
    """Write the entry of a run as it is; where there is no room, the run goes on without."""
    try:
        files.write(_path(home, run.number), Run, run.model_dump())
    except OSError as error:
        files.tell(f"The history of runs could not be written: {error.strerror}.")


def find_last(home: Home, limit: int) -> list[Run]:
    """Return the last runs, newest first; an entry that cannot be read is reported and left out."""
    found: list[Run] = []
    for number in _numbers(home):
        if len(found) == limit:
            break
        try:
            run = _load(home, number)
        except (files.DamagedError, files.NewerError) as error:
            files.tell(f"{error} {ANEW}")
            continue
        if run is not None:
            found.append(run)
    return found


def find(home: Home, number: int) -> Run:
    """Return a run.

    Raises:
        UsageError: when there is none of that number.
        DamagedError: when its entry cannot be read.
        NewerError: when a newer Tradehouse wrote it.
    """
    run = _load(home, number)
    if run is None:
        known = _numbers(home)
        kept = f"Kept are {known[-1]} to {known[0]}" if known else "There was no run yet"
        raise UsageError(f"There is no run {number}. {kept}: tradehouse runs.")
    return run


def find_damage(home: Home) -> list[files.DamagedError]:
    """Return what is wrong with entries that cannot be read."""
    found = []
    for number in _numbers(home):
        try:
            _read(home, number)
        except files.DamagedError as error:
            found.append(error)
        except files.NewerError:
            continue
    return found


def _load(home: Home, number: int) -> Run | None:
    """Read an entry; a run without an end that nobody is doing any more was stopped."""
    run = _read(home, number)
    if run is not None and run.outcome is End.RUNNING and not _is_running(home, run):
        run = _read(home, number)  # It may have ended meanwhile.
        if run is not None and run.outcome is End.RUNNING:
            run.outcome, run.error = End.STOPPED, KILLED
    return run


def _read(home: Home, number: int) -> Run | None:
    path = _path(home, number)
    run = files.load(path, Run)
    if run is not None and run.number != number:
        raise files.DamagedError(path, f"it is that of run {run.number}")
    return run


def _is_running(home: Home, run: Run) -> bool:
    holder = locks.find_holder(home)
    is_holder = holder is not None and (holder["pid"], holder["started"]) == (run.pid, run.started)
    return is_holder and processes.is_alive(run.pid, run.started)


def _complete(home: Home, number: int) -> None:
    """Say of the run before that it was killed, if it was; set its entry aside if it is damaged."""
    try:
        run = _read(home, number)
    except files.NewerError:
        return
    except files.DamagedError as error:
        files.tell(f"{error} It is {files.set_aside(error.path).name} now. {ANEW}")
        return
    if run is not None and run.outcome is End.RUNNING:
        _require_ended(home, run)
        run.outcome, run.error = End.STOPPED, KILLED
        keep(home, run)


def _require_ended(home: Home, run: Run) -> None:
    is_other = run.started != 0 and run.pid != os.getpid()
    if is_other and processes.is_alive(run.pid, run.started):
        holder = locks.describe({"command": run.called, "pid": run.pid, "since": run.began_at})
        raise BusyError(
            f"Another process is writing into {home.root}: {holder}, and {locks.LOCK}, which it "
            "had locked, was removed or replaced. Wait until it has ended, or stop it.",
            holder,
        )


def _numbers(home: Home) -> list[int]:
    """Return the numbers of the runs that are kept, newest first."""
    try:
        names = [path.name for path in _folder(home).iterdir()]
    except OSError:
        return []
    return sorted({int(found[1]) for name in names if (found := _NAME.fullmatch(name))})[::-1]


def _folder(home: Home) -> Path:
    return home.state / "runs"


def _path(home: Home, number: int) -> Path:
    return _folder(home) / f"{number}.json"


def _aside(home: Home, number: int) -> Path:
    return _folder(home) / f"{number}.json{files.DAMAGED}"
