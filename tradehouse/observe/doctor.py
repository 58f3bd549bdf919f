"""The checks of `tradehouse doctor`: versions, disk, locks, files, leftovers; and what to do.

It changes nothing, and it works while a run is writing.
"""

import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from tradehouse.build import journal
from tradehouse.errors import BusyError, TradehouseError
from tradehouse.home import database, files, history, locks, state
from tradehouse.home.files import DamagedError, NewerError
from tradehouse.home.paths import PROJECT, Home, find_shared
from tradehouse.home.records import Outcome
from tradehouse.loads import brokerage
from tradehouse.publish import releases
from tradehouse.terminal import output
from tradehouse.terminal.system_faults import advise

OK, NOTE, PROBLEM = "ok", "note", "problem"
LEAST_FREE_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` is empty when all is well."""

    check: str
    result: str
    found: str
    advice: str = ""


def examine(home: Home) -> list[dict[str, Any]]:
    """Return every finding, as `tradehouse doctor --json` prints it."""
    checks = (
        _python, _packages, _home, _disk, _lock, _databases, _leftovers, _pointer, _records,
        _permissions, _landing, _last_build,
    )  # fmt: skip
    return [asdict(finding) for check in checks for finding in _checked(home, check)]


def _checked(home: Home, check: Callable[[Home], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; one that cannot go on is a finding, and the others follow."""
    try:
        yield from check(home)
    except (OSError, TradehouseError) as error:
        name = check.__name__.strip("_").replace("_", " ")
        yield Finding(name, PROBLEM, advise(error) or str(error), "See the sentence.")


def _python(home: Home) -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield Finding("python", OK, found)
    else:
        advice = "Use Python 3.11, 3.12 or 3.13: make clean, then make setup PYTHON=python3.12."
        yield Finding("python", PROBLEM, found, advice)


def _packages(home: Home) -> Iterator[Finding]:
    lock = PROJECT / "requirements.lock"
    pins = re.findall(
        r"^([a-z0-9._-]+)(?:\[[^]]+])?==([^ ;\\]+)( ;)?", lock.read_text(), flags=re.MULTILINE
    )
    differing = []
    for name, version, has_marker in pins:
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed = version if has_marker else "missing"
        if installed != version and pins.count((name, installed, has_marker)) == 0:
            differing.append(f"{name} is {installed}, should be {version}")
    if differing:
        found = "; ".join(differing[:5]) + (" ..." if len(differing) > 5 else "")
        yield Finding(
            "packages", PROBLEM, found, "Install the locked ones: make clean, then make setup."
        )
    else:
        yield Finding("packages", OK, f"{len(pins)} as locked")


def _home(home: Home) -> Iterator[Finding]:
    nearest = next(path for path in (home.root, *home.root.parents) if path.exists())
    folders = [nearest, home.state, home.releases, home.logs, home.temporary]
    closed = [one for one in folders if one.exists() and not os.access(one, os.W_OK | os.X_OK)]
    for folder in closed:
        advice = "Give TRADEHOUSE_HOME a directory that you may write to, or let this be written."
        yield Finding("home", PROBLEM, f"{folder} cannot be written", advice)
    if not closed:
        yield Finding("home", OK, str(home.root) if home.root.exists() else f"{home.root} (new)")


def _disk(home: Home) -> Iterator[Finding]:
    nearest = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    files = (home.raw, home.warehouse)
    wanted = 2 * sum(path.stat().st_size for path in files if path.exists())
    wanted = max(wanted, LEAST_FREE_BYTES)
    found = f"{output.text_of_bytes(free)} free"
    if free >= wanted:
        yield Finding("disk", OK, found)
    else:
        advice = (
            f"A run may need {output.text_of_bytes(wanted)}: make room, keep fewer releases "
            "(TRADEHOUSE_KEEP_RELEASES), or move the home."
        )
        yield Finding("disk", PROBLEM, found, advice)


def _lock(home: Home) -> Iterator[Finding]:
    holder = locks.find_holder(home)
    if holder is None:
        yield Finding("writer", OK, "nobody is writing")
    else:
        found = f"`{holder['command']}`, process {holder['pid']}, since {holder['since']}"
        yield Finding("writer", NOTE, found, "Wait for it, or stop that process if it hangs.")


def _databases(home: Home) -> Iterator[Finding]:
    import duckdb

    for path in (home.raw, home.warehouse):
        if not os.path.lexists(path):
            yield Finding(path.name, NOTE, "not there yet", "Made by: tradehouse run.")
            continue
        if locks.find_holder(home) is not None:
            yield Finding(path.name, OK, "being written")
            continue
        try:
            with database.connected(path, wait_seconds=0):
                size = output.text_of_bytes(path.stat().st_size)
                yield Finding(path.name, OK, size)
        except BusyError as error:
            advice = "While it has the file open no run can write; readers open releases."
            yield Finding(path.name, NOTE, f"in use by {error.holder}", advice)
        except duckdb.Error as error:
            yield Finding(path.name, PROBLEM, "cannot be opened now", advise(error) or str(error))
        except DamagedError as error:
            advice = (
                database.RAW_ADVICE
                if path == home.raw
                else "The next run sets it aside and builds the same gold from raw."
            )
            yield Finding(path.name, PROBLEM, error.reason, advice)


def _leftovers(home: Home) -> Iterator[Finding]:
    folders = (home.root, home.state, home.state / "runs", home.releases, home.docs)
    found = [path for folder in folders for path in files.find_begun(folder)]
    if home.temporary.is_dir():
        found += list(home.temporary.iterdir())
    if found and locks.find_holder(home) is None:
        advice = "Left by a process that was killed; the next run removes them."
        yield Finding(
            "leftovers",
            NOTE,
            output.count(len(found), "file or directory", "files or directories"),
            advice,
        )
    else:
        yield Finding("leftovers", OK, "none")


def _pointer(home: Home) -> Iterator[Finding]:
    current = releases.find_current(home)
    hold = releases.read_hold(home)
    if fault := releases.find_fault(home):
        yield Finding("release", PROBLEM, fault, releases.advice(home))
    elif current is None:
        yield Finding("release", NOTE, "none yet", "Made by: tradehouse run.")
    else:
        yield Finding("release", OK, current)
    for damage in releases.find_damaged(home):
        if damage != fault:
            advice = "It is not offered for a rollback, and goes when newer ones are enough."
            yield Finding("older release", NOTE, damage, advice)
    for folder in sorted(home.releases.glob(f"*/{releases.DATABASE}.tmp")):
        advice = "A reader spilled there. Give it a place of its own (temp_directory); remove this."
        yield Finding("release's content", NOTE, f"{folder} is no part of a release", advice)
    for release in releases.list_releases(home):
        with suppress(FileNotFoundError):  # A run may tidy what is read here.
            if releases.is_intact(release):
                continue
            found = f"{release.path} is not what was written: the disk has damaged it"
            advice = f"Remove {home.releases / release.id}, then: tradehouse run."
            yield Finding("release's content", PROBLEM, found, advice)
    if hold is not None:
        found = f"held since {hold.since}, after a rollback"
        yield Finding("publishing", NOTE, found, "Let it go on: tradehouse publish --release-hold.")


def _records(home: Home) -> Iterator[Finding]:
    try:
        damaged, progress = state.find_damage(home), journal.find_damage(home)
    except NewerError as error:
        yield Finding("state", PROBLEM, str(error), "See the sentence.")
        return
    for name, damage in damaged:
        yield Finding(f"state/{name}.json", PROBLEM, damage.reason, state.ENTRIES[name].anew)
    if progress:
        yield Finding("state/build.jsonl", PROBLEM, progress.reason, journal.ANEW)
    runs = history.find_damage(home)
    for damage in runs:
        yield Finding(f"state/runs/{damage.path.name}", NOTE, damage.reason, history.ANEW)
    if not damaged and not progress and not runs:
        yield Finding("state", OK, "every record can be read")


def _permissions(home: Home) -> Iterator[Finding]:
    if not home.root.exists():
        return
    if foreign := home.find_foreign():
        one = foreign[-1]
        found = f"{output.count(len(foreign), 'entry', 'entries')}, such as {one}, belong to others"
        owner = home.root.stat()
        advice = f"Give them to whom the home belongs: chown -R {owner.st_uid} {home.root}"
        yield Finding("owner", PROBLEM, found, advice)
    mode = stat.S_IMODE(home.root.stat().st_mode)
    if mode & ~find_shared() & 0o066 or mode & 0o022:
        advice = "The next command that writes closes it: TRADEHOUSE_RELEASES_FOR says for whom."
        yield Finding("permissions", NOTE, f"others may read it (mode {mode:o})", advice)
    else:
        yield Finding("permissions", OK, f"mode {mode:o}")


def _landing(home: Home) -> Iterator[Finding]:
    landing = brokerage.known_landing(home)
    if landing is None:
        yield Finding(
            "landing", NOTE, "no brokerage yet", "Name one: tradehouse run --landing DIR."
        )
    elif Path(landing).is_dir():
        yield Finding("landing", OK, str(landing))
    else:
        advice = "Name where its deliveries arrive now: tradehouse run --landing DIR."
        yield Finding("landing", PROBLEM, f"{landing} is gone", advice)


def _last_build(home: Home) -> Iterator[Finding]:
    record = state.last_build(home)
    if record.status is Outcome.NONE:
        return
    if record.status is Outcome.PASSED:
        yield Finding("last build", OK, f"passed, {record.finished_at}")
    elif record.status is Outcome.BEGUN and locks.find_holder(home) is not None:
        yield Finding("last build", NOTE, "running")
    else:
        advice = "See what: tradehouse status. The next run builds and tests again."
        yield Finding("last build", PROBLEM, record.status, advice)
