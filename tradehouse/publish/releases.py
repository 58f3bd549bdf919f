"""Releases: listing, the pointer that readers follow, rollback, retention.

`tradehouse.publish.publishing` makes releases. The pointer is a symbolic link that is replaced by
rename, so a reader always finds the old release or the new one.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tradehouse.errors import TradehouseError, UsageError
from tradehouse.home import files, locks, records, state
from tradehouse.home.files import Kept
from tradehouse.home.paths import Home, whole_number_setting

CURRENT = "current"
DATABASE = "tradehouse.duckdb"
MANIFEST = "release.json"
SEMANTICS = "semantic_manifest.json"
KEEP_RELEASES = 5
GRACE_SECONDS = 600
# Where DuckDB says that a file is one of its own.
MAGIC, MAGIC_AT = b"DUCK", 8
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]*")
_MADE = re.compile(r"[0-9]{8}T[0-9]{6}[.][0-9]{3}Z(-[0-9]{3,})?")


class Release(Kept):
    """A release: `release.json`, what it holds and from which build it is made, and its place."""

    id: Annotated[str, Field(pattern=f"^{_ID.pattern}$")]
    created_at: str
    build_id: str
    batches: list[records.GateBatch]
    loads: dict[str, int] = Field(default_factory=dict)
    """The newest load of every source without batches."""
    rows: dict[str, int]
    tables: dict[str, records.GoldTable] = Field(default_factory=dict)
    """Keys and classes of what is in it, as they were declared when it was made."""
    renewals: int = 0
    bytes: int
    crc32: int | None = None
    tests: records.Tests
    project_digest: str | None
    tradehouse_version: str
    docs: str | None
    is_current: bool = Field(default=False, exclude=True)
    """Whether it is the published one; this and `path` are no part of the file."""
    path: str = Field(default="", exclude=True)

    def as_dict(self) -> dict[str, Any]:
        """The release for JSON, with its place."""
        return {**self.model_dump(), "is_current": self.is_current, "path": self.path}


def list_releases(home: Home) -> list[Release]:
    """Return every release that is whole, oldest first.

    Raises:
        NewerError: when a newer Tradehouse made one.
    """
    current = find_current(home)
    releases = []
    for name in _names(home):
        try:
            release = read_release(home, name)
        except DamagedReleaseError:
            continue
        release.is_current = name == current
        releases.append(release)
    return releases


def find_damaged(home: Home) -> list[str]:
    """Return a sentence on each release that is there and is not whole."""
    found = []
    for name in _names(home):
        try:
            read_release(home, name)
        except DamagedReleaseError as error:
            found.append(str(error))
    return found


class UnconfirmedError(TradehouseError, OSError):
    """The pointer was moved, and the disk does not confirm it."""


class DamagedReleaseError(TradehouseError):
    """A release is not what its manifest says, or has none; `reason` says why."""

    def __init__(self, release_id: str, reason: str) -> None:
        """`release_id` is the name of its directory."""
        super().__init__(f"Release {release_id} is damaged: {reason}.")
        self.release_id, self.reason = release_id, reason


def read_release(home: Home, release_id: str) -> Release:
    """Return a release after a look at its files: sizes, and what they begin with.

    Raises:
        DamagedReleaseError: when a file is missing, cut off or another one.
        NewerError: when a newer Tradehouse made it.
    """
    folder = home.releases / release_id
    try:
        release = files.load(folder / MANIFEST, Release)
        if release is None:
            raise DamagedReleaseError(release_id, f"{folder / MANIFEST} is missing")
        if release.id != release_id:
            raise DamagedReleaseError(release_id, f"{MANIFEST} is that of {release.id}")
        _check_database(folder / DATABASE, release.bytes)
    except files.DamagedError as error:
        raise DamagedReleaseError(release_id, f"{error.path} is {error.reason}") from error
    if release.docs is not None and not (folder / release.docs).is_file():
        raise DamagedReleaseError(release_id, f"{folder / release.docs} is missing")
    release.path = str(folder / DATABASE)
    return release


def _check_database(path: Path, size: int) -> None:
    if not path.exists():
        raise files.DamagedError(path, "missing")
    if not path.is_file():
        raise files.DamagedError(path, "not a file")
    found = path.stat().st_size
    if found != size:
        raise files.DamagedError(path, f"{found:,} bytes long and should be {size:,}")
    with path.open("rb") as file:
        head = file.read(MAGIC_AT + len(MAGIC))
    if head[MAGIC_AT:] != MAGIC:
        raise files.DamagedError(path, "not a file of DuckDB's")


def is_intact(release: Release) -> bool:
    """Whether a release's file is what was written, by reading all of it, 1 GB a second."""
    return release.crc32 is None or release.crc32 == files.crc32(Path(release.path))


def _names(home: Home) -> list[str]:
    """Return the names of what ought to be releases, oldest first.

    Directories of other names are somebody else's, and left alone.
    """
    try:
        with os.scandir(home.releases) as entries:
            return sorted(
                (
                    entry.name
                    for entry in entries
                    if _MADE.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
                ),
                key=age_of,
            )
    except OSError:
        return []


def age_of(release_id: str) -> tuple[str, int]:
    """Return what releases are ordered by: the time in the id, and its number there."""
    moment, _, number = release_id.partition("-")
    return moment, int(number) if number.isdecimal() else 1


def find_current(home: Home) -> str | None:
    """Return the id of the published release, or None when nothing was published yet.

    Whether that release is whole is for `find_fault` to say.
    """
    try:
        name = str((home.releases / CURRENT).readlink())
    except OSError:
        return None
    return name if _ID.fullmatch(name) else None


def find_fault(home: Home) -> str:
    """Return what is wrong with what readers open, as a sentence; empty when they can.

    Without any release nothing is wrong. To know costs reading a small file.

    Raises:
        NewerError: when a newer Tradehouse made the release.
    """
    pointer = home.releases / CURRENT
    current = find_current(home)
    if current is not None:
        try:
            read_release(home, current)
        except DamagedReleaseError as error:
            return str(error)
    elif os.path.lexists(pointer):
        return f"{pointer} does not name a release beside it."
    elif _names(home):
        return f"{pointer} is missing, so readers find no release."
    return ""


def current_database(home: Home) -> Path:
    """Return the stable path of the published release's file.

    Raises:
        TradehouseError: when nothing was published yet, or what was cannot be opened.
    """
    fault = find_fault(home)
    if fault:
        raise TradehouseError(f"{fault} {advice(home)}")
    path = home.releases / CURRENT / DATABASE
    if not path.exists():
        raise TradehouseError(
            f"Nothing is published yet in {home.root}. `tradehouse run` makes the first release."
        )
    return path


def advice(home: Home) -> str:
    """Return what to do about a damaged current release."""
    if read_hold(home) is None:
        return "`tradehouse run` makes it again."
    return (
        "Publishing is held since a rollback, so it is not made again: go to a release that is "
        "whole (tradehouse releases): tradehouse rollback ID, or end the hold: "
        "tradehouse publish --release-hold."
    )


def new_release_id(home: Home) -> str:
    """Return the id of a release that is made now: its time, UTC; later ids sort behind."""
    release_id = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"
    newest = (_names(home) or [""])[-1]
    moment, number = age_of(newest)
    return release_id if release_id > moment else f"{moment}-{number + 1:03}"


@contextmanager
def pointing(home: Home) -> Iterator[None]:
    """Hold the pointer's own lock: taken for moments, so a rollback need not wait for a run."""
    home.prepare()
    with locks.alone(home.state / "pointer.lock"):
        yield


def move_pointer(home: Home, release_id: str) -> None:
    """Let `releases/current` name another release; call it inside `pointing`.

    Raises:
        UnconfirmedError: when it does, and the disk does not confirm it.
    """
    pointer = home.releases / CURRENT
    before = find_current(home)
    try:
        with files.replacing(pointer) as begun:
            begun.symlink_to(release_id, target_is_directory=True)
    except files.UnconfirmedError as error:
        raise UnconfirmedError(
            f"Readers have release {release_id} now, but the disk does not confirm it "
            f"({error.strerror}). Look at the disk, and at `tradehouse releases` before you roll "
            "back once more."
        ) from error
    finally:
        if before not in (None, find_current(home)):
            with suppress(OSError):
                os.utime(home.releases / str(before))  # See `_is_still_read`.


def read_hold(home: Home) -> records.Hold | None:
    """Return since when and why nothing is published, or None.

    While nobody knows what the file says, publishing is held.
    """
    found = state.find(home, records.Hold)
    if found is not None or not state.exists(home, "hold"):
        return found
    unknown = "nobody knows what"
    return records.Hold(since="nobody knows when", rolled_back_from=unknown, rolled_back_to=unknown)


def roll_back(home: Home, release_id: str | None = None) -> str:
    """Move the pointer to an older release and hold publishing; return the release's id.

    Args:
        home: the home.
        release_id: the release to go back to; without it, the last one made before the current one
            that the disk has not damaged, or the newest where the pointer is missing or names none.

    Raises:
        UsageError: when there is no such release, or none before the current one.
        TradehouseError: when the disk has damaged it.
    """
    with pointing(home):
        by_id = {release.id: release for release in list_releases(home)}
        known, current = list(by_id), find_current(home)
        if not known and current is None:
            raise UsageError("Nothing is published yet, so there is nothing to roll back.")
        if release_id is None:
            earlier = known[: known.index(current)] if current in known else known
            if not earlier:
                raise UsageError(f"{current} is the oldest release kept; there is none before it.")
            wanted = earlier[::-1]
        elif release_id not in known:
            raise UsageError(f"There is no release {release_id}. Kept are: {', '.join(known)}.")
        else:
            wanted = [release_id]
        chosen = next((one for one in wanted if is_intact(by_id[one])), "")
        if not chosen:
            raise TradehouseError(
                f"{', '.join(wanted)}: not what was written, the disk has damaged it. Choose "
                "another one: tradehouse releases."
            )
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        hold = records.Hold(
            since=now, rolled_back_from=current or "a missing pointer", rolled_back_to=chosen
        )
        state.keep(home, hold)
        move_pointer(home, chosen)
    return chosen


def release_hold(home: Home) -> bool:
    """Let publishing go on after a rollback; return whether it was held."""
    with pointing(home):
        held = read_hold(home) is not None
        state.forget(home, "hold")
    return held


def remove_old_releases(home: Home, keep: int | None = None) -> list[str]:
    """Remove releases that nobody needs any more; return which went.

    The newest `keep` stay (default: the setting), the published one, and those that were published
    until a while ago: whoever opened the pointer then may still be opening files. A damaged one
    goes with those of its age.
    """
    if keep is None:
        keep = whole_number_setting("TRADEHOUSE_KEEP_RELEASES", KEEP_RELEASES, least=1)
    grace = whole_number_setting("TRADEHOUSE_RELEASE_GRACE_SECONDS", GRACE_SECONDS)
    removed = []
    with pointing(home):
        whole = [release.id for release in list_releases(home)]
        oldest, current = age_of((whole[-keep:] or [""])[0]), find_current(home)
        for name in _names(home):
            path = home.releases / name
            if age_of(name) >= oldest or name == current or _is_still_read(path, grace):
                continue
            leaving = files.begun_beside(path)
            path.replace(leaving)
            shutil.rmtree(leaving)
            removed.append(name)
    return removed


def _is_still_read(path: Path, grace: int) -> bool:
    """Whether a release was made, or was the published one, less than `grace` seconds ago."""
    return abs(time.time() - path.stat().st_mtime) < grace


def require_releases(home: Home) -> list[Release]:
    """Return `list_releases`, or raise with what to do when there is none."""
    releases = list_releases(home)
    if not releases:
        raise TradehouseError(f"There is no release in {home.root} yet. Make one: tradehouse run.")
    return releases
