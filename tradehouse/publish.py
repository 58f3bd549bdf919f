"""Making a release: gold of the warehouse, copied into an immutable file, and the pointer moved.

The only function of the project that publishes is `publish`. It is given a build whose tests
passed; whether they did is for its callers to know.
"""

import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tradehouse import __version__, releases
from tradehouse.errors import TradehouseError
from tradehouse.files import BEGUN, read_json, sync_to_disk, write_json
from tradehouse.home import Home, whole_number_setting

KEEP_RELEASES = 5


@dataclass(frozen=True)
class Publication:
    """What came of publishing: the release, and whether the pointer moved to it."""

    release: dict[str, Any]
    is_published: bool
    held_since: str | None
    removed: list[str]
    seconds: float


def publish(home: Home, build: dict[str, Any]) -> Publication:
    """Publish a tested build: make its release unless it is there, then move the pointer to it.

    While publishing is held after a rollback, nothing is made and the pointer stays. Whatever
    moment the process is killed at, the pointer names a whole release.

    Args:
        home: the home.
        build: the record of the build, with `id`, `batches`, `project_digest` and `tests`.
    """
    begun_at = time.monotonic()
    hold = releases.read_hold(home)
    if hold is not None:
        return Publication({}, False, hold["since"], [], 0.0)
    known = [one for one in releases.list_releases(home) if one["build_id"] == build["id"]]
    release = known[-1] if known else make_release(home, build)
    with releases.pointing(home):
        hold = releases.read_hold(home)
        if hold is None:
            releases.move_pointer(home, release["id"])
    keep = whole_number_setting("TRADEHOUSE_KEEP_RELEASES", KEEP_RELEASES, least=1)
    removed = releases.remove_old_releases(home, keep)
    return Publication(
        release=release,
        is_published=hold is None,
        held_since=hold["since"] if hold else None,
        removed=removed,
        seconds=time.monotonic() - begun_at,
    )


def is_release_of(home: Home, release_id: str, build: dict[str, Any]) -> bool:
    """Whether a release was made from a build."""
    manifest = read_json(home.releases / release_id / releases.MANIFEST) or {}
    return bool(manifest.get("build_id") == build.get("id"))


def make_release(home: Home, build: dict[str, Any]) -> dict[str, Any]:
    """Write a release of the warehouse's gold and return its manifest; the pointer stays."""
    release_id = releases.new_release_id(home)
    begun = home.releases / f"{BEGUN}{os.getpid()}-{release_id}"
    begun.mkdir(parents=True)
    try:
        database = begun / releases.DATABASE
        rows = copy_gold(home.warehouse, database)
        has_docs = _add_docs(home, begun)
        manifest = {
            "id": release_id,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "build_id": build["id"],
            "batches": [batch for batch in build["batches"] if batch["is_accepted"]],
            "rows": rows,
            "bytes": database.stat().st_size,
            "tests": build["tests"],
            "project_digest": build["project_digest"],
            "tradehouse_version": __version__,
            "docs": "docs/index.html" if has_docs else None,
        }
        write_json(begun / releases.MANIFEST, manifest)
        sync_to_disk(database)
        database.chmod(0o444)
        sync_to_disk(begun)
        begun.replace(home.releases / release_id)
        sync_to_disk(home.releases)
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    return manifest


def copy_gold(warehouse: Path, database: Path) -> dict[str, int]:
    """Copy every relation of the warehouse's schema `gold` into a new DuckDB file.

    Views become tables, so that the file needs no other one; comments go along.

    Returns:
        The number of rows by relation.
    """
    import duckdb

    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        connection.execute(f"attach {_text(warehouse)} as warehouse (read_only)")
        connection.execute(f"attach {_text(database)} as release")
        connection.execute("create schema release.gold")
        names = connection.execute(
            "select table_name from information_schema.tables"
            " where table_catalog = 'warehouse' and table_schema = 'gold' order by all"
        ).fetchall()
        if not names:
            raise TradehouseError(
                f"{warehouse} has nothing in schema gold, so there is nothing to publish. "
                "Build it first: tradehouse run --rebuild."
            )
        rows = {}
        for (name,) in names:
            relation = f'gold."{name}"'
            copied = connection.execute(
                f"create table release.{relation} as from warehouse.{relation}"
            ).fetchone()
            rows[name] = int(copied[0]) if copied else 0
        _copy_comments(connection)
        connection.execute("detach release")
    return rows


def _copy_comments(connection: Any) -> None:
    statements = connection.execute(
        """
        select format('comment on table release.gold."{}" is ', table_name), comment
        from duckdb_tables()
        where database_name = 'warehouse' and schema_name = 'gold' and comment is not null
        union all
        select format('comment on column release.gold."{}"."{}" is ', table_name, column_name),
            comment
        from duckdb_columns()
        where database_name = 'warehouse' and schema_name = 'gold' and comment is not null
        """
    ).fetchall()
    for statement, comment in statements:
        connection.execute(statement + _text(comment))


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


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
