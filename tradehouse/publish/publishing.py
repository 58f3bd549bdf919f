"""Publishing: copies the warehouse's gold into an immutable file, then moves the pointer.

The only function of the project that publishes is `publish`. It is given a build whose tests
passed; callers must check that.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tradehouse import __version__
from tradehouse.dbt import fingerprint, graph
from tradehouse.dbt.runner import DbtRunner
from tradehouse.home import files
from tradehouse.home.files import sync_to_disk
from tradehouse.home.paths import Home
from tradehouse.home.records import Build
from tradehouse.publish import companions, releases
from tradehouse.publish.gold_copy import GoldChange, copy_gold, renew_gold

# Rows that are replaced leave gaps in the file; a release from nothing now and then has none.
RENEWALS = 30


@dataclass(frozen=True)
class Publication:
    """What came of publishing: the release, and whether the pointer moved to it.

    `faults` says of each companion of the release what could not be made of it.
    """

    release: releases.Release | None
    is_published: bool
    held_since: str | None
    removed: list[str]
    seconds: float
    faults: list[str] = field(default_factory=list)


def publish(
    home: Home, build: Build, *, await_docs: Callable[[], object] | None = None
) -> Publication:
    """Publish a tested build: make its release unless it is there, then move the pointer to it.

    While publishing is held after a rollback, nothing is made and the pointer stays. Whatever
    moment the process is killed at, the pointer names a whole release.

    Args:
        home: the home.
        build: the record of the build; it has `based_on`, `first_batch` and `gold_changes` when it
            changed only a part of gold.
        await_docs: called when gold is copied, before the documentation site is and the pointer
            moves; for a site that is still being made.
    """
    begun_at = time.monotonic()
    hold = releases.read_hold(home)
    if hold is not None:
        return Publication(None, False, hold.since, [], 0.0)
    known = [
        one
        for one in releases.list_releases(home)
        if one.build_id == build.id and releases.is_intact(one)
    ]
    if known and await_docs is not None:
        await_docs()
    faults: list[str] = []
    release = known[-1] if known else make_release(home, build, await_docs, faults)
    with releases.pointing(home):
        hold = releases.read_hold(home)
        if hold is None:
            releases.move_pointer(home, release.id)
    removed = releases.remove_old_releases(home)
    return Publication(
        release=release,
        is_published=hold is None,
        held_since=hold.since if hold else None,
        removed=removed,
        seconds=time.monotonic() - begun_at,
        faults=faults,
    )


def ensure_graph(home: Home, runner: DbtRunner) -> None:
    """Take the graph from the project where it is missing: a release is described by it."""
    if not graph.read_comments(home):
        graph.remember(home, runner.parse(), fingerprint.digest_project())


def is_release_of(home: Home, release_id: str, build: Build) -> bool:
    """Whether a release was made from a build, and is whole."""
    try:
        return releases.read_release(home, release_id).build_id == build.id
    except releases.DamagedReleaseError:
        return False


def make_release(
    home: Home,
    build: Build,
    await_docs: Callable[[], object] | None = None,
    faults: list[str] | None = None,
) -> releases.Release:
    """Write a release of the warehouse's gold and return it; the pointer stays.

    What could not be made beside it is added to `faults`.
    """
    release_id = releases.new_release_id(home)
    with files.replacing(home.releases / release_id) as begun:
        begun.mkdir()
        database = begun / releases.DATABASE
        rows, renewals = _write_gold(home, database, build)
        if await_docs is not None:
            await_docs()
        has_docs = _add_docs(home, begun)
        _add_semantics(home, begun)
        held = rows.keys() | {one.lower() for one in graph.read_release_views(home)}
        release = releases.Release(
            id=release_id,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            build_id=build.id,
            batches=[one for one in build.batches if one.is_accepted],
            loads={source: load for source, (load, _) in build.built_loads.items()},
            rows=rows,
            tables={one: facts for one, facts in graph.read_tables(home).items() if one in held},
            renewals=renewals,
            bytes=database.stat().st_size,
            crc32=files.crc32(database),
            tests=build.tests,
            project_digest=build.project_digest,
            tradehouse_version=__version__,
            docs="docs/index.html" if has_docs else None,
            path=str(home.releases / release_id / releases.DATABASE),
        )
        files.write(begun / releases.MANIFEST, releases.Release, release.model_dump())
        sync_to_disk(database)
        database.chmod(0o444)
        missing = companions.make_all(home, begun, release)
        if faults is not None:
            faults.extend(missing)
        home.share(begun)
    return release


def _write_gold(home: Home, database: Path, build: Build) -> tuple[dict[str, int], int]:
    """Write the release's file; return rows by relation, and how often it was renewed in a row."""
    base, comments = _find_base(home, build), graph.read_comments(home)
    views = graph.read_release_views(home)
    if base is not None:
        found = build.gold_changes or {}
        changes = {name: GoldChange(one.key, one.touched) for name, one in found.items()}
        shutil.copyfile(base.path, database)
        rows = renew_gold(home.warehouse, database, changes, build.first_batch, comments, views)
        if rows is not None:
            return rows, base.renewals + 1
        database.unlink()
    return copy_gold(home.warehouse, database, comments, views), 0


def _find_base(home: Home, build: Build) -> releases.Release | None:
    """Return the release that holds gold as it was before a build, if there is one to renew."""
    changes = build.gold_changes
    if changes is None or any(" " in (one.touched or "") for one in changes.values()):
        return None  # Written by an earlier version, which noted a query.
    bases = [one for one in releases.list_releases(home) if one.build_id == build.based_on]
    if not bases or bases[-1].renewals >= RENEWALS:
        return None
    if not releases.is_intact(bases[-1]):
        files.tell(f"{bases[-1].path} is damaged, so gold is copied from the warehouse instead.")
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


def _add_semantics(home: Home, folder: Path) -> None:
    """Write how the metrics are defined, so that a release answers with its own definitions."""
    if found := graph.read_semantics(home):
        files.write_json(folder / releases.SEMANTICS, found)
