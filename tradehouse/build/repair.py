"""Checks before a command writes or builds: files of the home that are missing or damaged.

Files derived from raw are set aside with a message and recreated by the commands themselves. Raw
cannot be derived, so it is never touched: the error says what can be done.
"""

from collections.abc import Collection
from pathlib import Path

from tradehouse.build import journal
from tradehouse.errors import LandingError, TradehouseError
from tradehouse.home import database, files, ledger_snapshot, records, state, warehouse_queries
from tradehouse.home.files import DamagedError
from tradehouse.home.paths import Home
from tradehouse.home.records import Outcome
from tradehouse.loads import brokerage, brokerage_sync
from tradehouse.publish import releases
from tradehouse.terminal import duckdb_messages


def mend(home: Home) -> None:
    """Set aside what cannot be read; for the holder of the lock, before it writes.

    Raises:
        NewerError: when a newer Tradehouse wrote one of the files.
        TradehouseError: when raw is missing or damaged and holds what cannot be loaded again.
    """
    state.mend(home)
    journal.mend(home)
    _mend(home.state / ledger_snapshot.SNAPSHOT, ledger_snapshot.Snapshot, ledger_snapshot.ANEW)
    for path in home.state.glob("sync-*.json"):
        _mend(path, ledger_snapshot.Marker, "It said that a sync was running.")
    require_raw(home)
    fault = database.look_at(home.warehouse)
    if fault:
        database.set_aside(home.warehouse, fault)


def _mend(path: Path, model: type[files.Kept], anew: str) -> None:
    try:
        files.read(path, model)
    except files.DamagedError as error:
        aside = files.set_aside(path)
        files.tell(f"{error} It is {aside.name} now. {anew}")


def require_raw(home: Home) -> None:
    """Check that raw is what the home's records say it is.

    Raises:
        TradehouseError: when it is not, and what was in it is not delivered any more.
    """
    fault = database.look_at(home.raw)
    if fault:
        raise TradehouseError(database.describe_raw(home.raw, fault))
    if home.raw.exists():
        return
    last = state.find(home, records.Sync)
    loaded = set(last.loaded) if last else set()
    rows = ledger_snapshot.read(home.state)["streams"]
    others = sorted({row["source"] for row in rows} - {brokerage_sync.SOURCE})
    if not loaded and not rows:
        return
    lost = [f"source {name}" for name in others]
    landing = brokerage.find_landing(home, brokerage_sync.given_landing())
    try:
        found = set() if landing is None else set(map(str, brokerage.find_batches(landing)))
    except LandingError:
        found = set()
    lost += [f"batch {batch}" for batch in sorted(loaded - found, key=int)]
    if lost:
        what = ", ".join(lost[:5]) + (" ..." if lost[5:] else "")
        raise TradehouseError(
            f"{home.raw} is missing. It held what is not delivered here any more ({what}), so it "
            "is not made anew. Put back a copy of it; without one, begin a home of its own: "
            "TRADEHOUSE_HOME=<another directory>."
        )
    files.tell(f"{home.raw} is missing; everything delivered in {landing} is loaded again.")
    if home.warehouse.exists():
        database.set_aside(home.warehouse, "built from the raw file that is missing")


def require_built(home: Home, in_force: Collection[int]) -> None:
    """Check that raw holds the batches that the warehouse is built from and readers have.

    Raises:
        TradehouseError: when it does not: an older raw was put back, and they are not loaded again.
    """
    known = set(warehouse_queries.deliveries_built(home))
    known |= {
        batch.batch
        for release in releases.list_releases(home)
        if release.is_current
        for batch in release.batches
    }
    if lost := sorted(known.difference(in_force)):
        what = ", ".join(f"batch {batch}" for batch in lost[:5]) + (" ..." if lost[5:] else "")
        raise TradehouseError(
            f"{home.raw} does not hold {what}, which are built or published: it is an older copy. "
            "Nothing is built without them. Where they are still delivered, load them: tradehouse "
            "sync. Otherwise put back the newer copy; without one, begin a home of its own: "
            "TRADEHOUSE_HOME=<another directory>."
        )


def require_current(home: Home) -> None:
    """Check that readers have a release, when there ever was one.

    Raises:
        TradehouseError: when they have none and the run could not make it again.
    """
    fault = releases.find_fault(home)
    if fault:
        raise TradehouseError(f"{fault} {releases.advice(home)}")


def set_aside_foreign(home: Home, record: records.Build) -> bool:
    """Set the warehouse aside when it is damaged or not one that was built; return whether.

    Args:
        home: the home, its lock held.
        record: the record of the last build.
    """
    fault = _find_foreign(home, record)
    if fault:
        database.set_aside(home.warehouse, fault)
    return bool(fault)


def _find_foreign(home: Home, record: records.Build) -> str:
    path = home.warehouse
    if not path.exists():
        return "only its log is there" if database.log_of(path).exists() else ""
    is_left_whole = record.status not in (Outcome.NONE, Outcome.BEGUN) and record.warehouse
    if is_left_whole and database.log_of(path).exists():
        return "there is a log beside it that no build left"
    if is_left_whole and files.stamp_file(path) != record.warehouse:
        # What somebody wrote by hand stands, and every test reads it.
        return database.find_corruption(path) or _find_other(path)
    try:
        with database.connected(path):
            return ""
    except DamagedError as error:
        return error.reason


def _find_other(path: Path) -> str:
    with database.connected(path) as connection:
        found = connection.execute(
            "select schema_name from duckdb_schemas() where database_name = current_database()"
        ).fetchall()
    return "" if {name for (name,) in found} & {*warehouse_queries.LAYERS} else "not a warehouse"


def set_aside_corrupt(home: Home, message: str) -> bool:
    """Set the warehouse aside when a build failed with it because it is corrupt; return whether.

    Raises:
        TradehouseError: when raw is.
    """
    if not duckdb_messages.means_corrupt(message):
        return False
    for path in (home.warehouse, home.raw):
        fault = database.find_corruption(path)
        if fault and path == home.raw:
            raise TradehouseError(database.describe_raw(path, fault))
        if fault:
            database.set_aside(path, fault)
            return True
    return False
