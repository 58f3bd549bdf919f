"""Releases: listing them, the pointer that readers follow, rolling back, keeping the last ones.

How a release is made belongs to `tradehouse.publish`. The pointer is a symbolic link that is
replaced by rename, so a reader finds the old release or the new one, never neither.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tradehouse.errors import TradehouseError, UsageError
from tradehouse.files import BEGUN, read_json, sync_to_disk, write_json
from tradehouse.home import Home

CURRENT = "current"
DATABASE = "tradehouse.duckdb"
MANIFEST = "release.json"


def list_releases(home: Home) -> list[dict[str, Any]]:
    """Return the manifest of every release, oldest first; `is_current` marks the published one."""
    current = find_current(home)
    releases = []
    for path in sorted(home.releases.glob(f"*/{MANIFEST}")):
        if path.parent.name == CURRENT or path.parent.name.startswith(BEGUN):
            continue
        manifest = read_json(path)
        if manifest is not None:
            manifest["is_current"] = manifest["id"] == current
            manifest["path"] = str(path.parent / DATABASE)
            releases.append(manifest)
    return sorted(releases, key=lambda release: str(release["id"]))


def find_current(home: Home) -> str | None:
    """Return the id of the published release, or None when nothing was published yet."""
    pointer = home.releases / CURRENT
    return pointer.readlink().name if pointer.is_symlink() else None


def current_database(home: Home) -> Path:
    """Return the stable path of the published release's file.

    Raises:
        TradehouseError: when nothing was published yet.
    """
    path = home.releases / CURRENT / DATABASE
    if not path.exists():
        raise TradehouseError(
            f"Nothing is published yet in {home.root}. `tradehouse run` makes the first release."
        )
    return path


def new_release_id(home: Home) -> str:
    """Return the id of a release that is made now: its time, UTC; later ids sort behind."""
    release_id = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"
    newest = max((release["id"] for release in list_releases(home)), default="")
    if release_id > newest:
        return release_id
    moment, _, number = newest.partition("-")
    return f"{moment}-{int(number or 1) + 1:03}"


@contextmanager
def pointing(home: Home) -> Iterator[None]:
    """Hold the pointer's own lock: taken for moments, so a rollback need not wait for a run."""
    home.prepare()
    descriptor = os.open(home.state / "pointer.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def move_pointer(home: Home, release_id: str) -> None:
    """Let `releases/current` name another release; call it inside `pointing`."""
    begun = home.releases / f"{BEGUN}{os.getpid()}-{CURRENT}"
    begun.unlink(missing_ok=True)
    begun.symlink_to(release_id, target_is_directory=True)
    begun.replace(home.releases / CURRENT)
    sync_to_disk(home.releases)


def read_hold(home: Home) -> dict[str, Any] | None:
    """Return since when and why nothing is published (`since`, `rolled_back_to`), or None."""
    hold: dict[str, Any] | None = read_json(home.state / "hold.json")
    return hold


def roll_back(home: Home, release_id: str | None = None) -> str:
    """Move the pointer to an older release and hold publishing; return the release's id.

    Args:
        home: the home.
        release_id: the release to go back to; without it, the one made before the current one.

    Raises:
        UsageError: when there is no such release, or none before the current one.
    """
    with pointing(home):
        known = [release["id"] for release in list_releases(home)]
        current = find_current(home)
        if current is None:
            raise UsageError("Nothing is published yet, so there is nothing to roll back.")
        if release_id is None:
            earlier = known[: known.index(current)] if current in known else known
            if not earlier:
                raise UsageError(f"{current} is the oldest release kept; there is none before it.")
            release_id = earlier[-1]
        elif release_id not in known:
            raise UsageError(f"There is no release {release_id}. Kept are: {', '.join(known)}.")
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        write_json(
            home.state / "hold.json",
            {"since": now, "rolled_back_from": current, "rolled_back_to": release_id},
        )
        move_pointer(home, release_id)
    return release_id


def resume(home: Home) -> bool:
    """Let publishing go on after a rollback; return whether it was held."""
    with pointing(home):
        held = read_hold(home) is not None
        (home.state / "hold.json").unlink(missing_ok=True)
    return held


def remove_old_releases(home: Home, keep: int) -> list[str]:
    """Remove all but the newest `keep` releases, never the published one; return what went."""
    removed = []
    with pointing(home):
        releases = list_releases(home)
        for release in releases[: max(len(releases) - keep, 0)]:
            if release["is_current"]:
                continue
            path = home.releases / release["id"]
            leaving = home.releases / f"{BEGUN}{os.getpid()}-{release['id']}"
            path.replace(leaving)
            shutil.rmtree(leaving)
            removed.append(release["id"])
    return removed


def require_releases(home: Home) -> list[dict[str, Any]]:
    """Return `list_releases`, or raise with what to do when there is none."""
    releases = list_releases(home)
    if not releases:
        raise TradehouseError(f"There is no release in {home.root} yet. Make one: tradehouse run.")
    return releases
