"""Publishing: copies the warehouse's gold into an immutable file, then moves the pointer.

The only function of the project that publishes is `publish`. It is given a build whose tests
passed; whether they did is for its callers to know.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tradehouse import __version__
from tradehouse.home import files
from tradehouse.home.files import sync_to_disk
from tradehouse.home.paths import Home
from tradehouse.publish import releases
from tradehouse.publish.gold_copy import GoldChange, copy_gold, renew_gold

# Rows that are replaced leave gaps in the file; a release from nothing now and then has none.
RENEWALS = 30


@dataclass(frozen=True)
class Publication:
    """What came of publishing: the release, and whether the pointer moved to it."""

    release: dict[str, Any]
    is_published: bool
    held_since: str | None
    removed: list[str]
    seconds: float


def publish(
    home: Home, build: dict[str, Any], *, await_docs: Callable[[], object] | None = None
) -> Publication:
    """Publish a tested build: make its release unless it is there, then move the pointer to it.

    While publishing is held after a rollback, nothing is made and the pointer stays. Whatever
    moment the process is killed at, the pointer names a whole release.

    Args:
        home: the home.
        build: the record of the build, with `id`, `batches`, `project_digest` and `tests`; with
            `based_on`, `first_batch` and `gold_changes` when it changed only a part of gold.
        await_docs: called when gold is copied, before the documentation site is and the pointer
            moves; for a site that is still being made.
    """
    begun_at = time.monotonic()
    hold = releases.read_hold(home)
    if hold is not None:
        return Publication({}, False, hold["since"], [], 0.0)
    known = [
        one
        for one in releases.list_releases(home)
        if one["build_id"] == build["id"] and releases.is_intact(one)
    ]
    if known and await_docs is not None:
        await_docs()
    release = known[-1] if known else make_release(home, build, await_docs)
    with releases.pointing(home):
        hold = releases.read_hold(home)
        if hold is None:
            releases.move_pointer(home, release["id"])
    removed = releases.remove_old_releases(home)
    return Publication(
        release=release,
        is_published=hold is None,
        held_since=hold["since"] if hold else None,
        removed=removed,
        seconds=time.monotonic() - begun_at,
    )


def is_release_of(home: Home, release_id: str, build: dict[str, Any]) -> bool:
    """Whether a release was made from a build, and is whole."""
    try:
        manifest = releases.read_release(home, release_id)
    except releases.DamagedReleaseError:
        return False
    return bool(manifest["build_id"] == build.get("id"))


def make_release(
    home: Home, build: dict[str, Any], await_docs: Callable[[], object] | None = None
) -> dict[str, Any]:
    """Write a release of the warehouse's gold and return its manifest; the pointer stays."""
    release_id = releases.new_release_id(home)
    begun = files.begun_beside(home.releases / release_id)
    begun.mkdir(parents=True)
    try:
        database = begun / releases.DATABASE
        rows, renewals = _write_gold(home, database, build)
        if await_docs is not None:
            await_docs()
        has_docs = _add_docs(home, begun)
        manifest = {
            "id": release_id,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "build_id": build["id"],
            "batches": [batch for batch in build["batches"] if batch["is_accepted"]],
            "loads": {source: load for source, (load, _) in build.get("built_loads", {}).items()},
            "rows": rows,
            "renewals": renewals,
            "bytes": database.stat().st_size,
            "crc32": files.crc32(database),
            "tests": build["tests"],
            "project_digest": build["project_digest"],
            "tradehouse_version": __version__,
            "docs": "docs/index.html" if has_docs else None,
        }
        files.write(begun / releases.MANIFEST, releases.Manifest, manifest)
        sync_to_disk(database)
        database.chmod(0o444)
        home.share(begun)
        sync_to_disk(begun)
        begun.replace(home.releases / release_id)
        sync_to_disk(home.releases)
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    return manifest


def _write_gold(home: Home, database: Path, build: dict[str, Any]) -> tuple[dict[str, int], int]:
    """Write the release's file; return rows by relation, and how often it was renewed in a row."""
    base = _find_base(home, build)
    if base is not None:
        changes = {name: GoldChange(**change) for name, change in build["gold_changes"].items()}
        shutil.copyfile(base["path"], database)
        rows = renew_gold(home.warehouse, database, changes, build["first_batch"])
        if rows is not None:
            return rows, base.get("renewals", 0) + 1
        database.unlink()
    return copy_gold(home.warehouse, database), 0


def _find_base(home: Home, build: dict[str, Any]) -> dict[str, Any] | None:
    """Return the release that holds gold as it was before a build, if there is one to renew."""
    changes = build.get("gold_changes")
    if changes is None or any(" " in (one["touched"] or "") for one in changes.values()):
        return None  # Written by an earlier version, which noted a query.
    bases = [one for one in releases.list_releases(home) if one["build_id"] == build["based_on"]]
    if not bases or bases[-1].get("renewals", 0) >= RENEWALS:
        return None
    if not releases.is_intact(bases[-1]):
        files.tell(f"{bases[-1]['path']} is damaged, so gold is copied from the warehouse instead.")
        return None
    return bases[-1]


def _add_docs(home: Home, folder: Path) -> bool:
    if not (home.docs / "index.html").exists():
        return False
    (folder / "docs").mkdir()
    for page in home.docs.glob("*.html"):
        try:
            os.link(page, folder / "docs" / page.name)
        except OSError:
            shutil.copy2(page, folder / "docs" / page.name)
    return True
