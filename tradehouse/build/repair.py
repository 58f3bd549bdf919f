"""Checks before a writing command begins: files of the home that are missing or damaged.

What follows from raw is set aside, which is said, and made anew by the commands themselves. Raw
follows from nothing here, so it is never touched: the sentence says what can be done.
"""

from collections.abc import Collection
from pathlib import Path

from tradehouse.build import journal
from tradehouse.errors import LandingError, TradehouseError
from tradehouse.home import files, ledger_snapshot, state, warehouse
from tradehouse.home.paths import Home
from tradehouse.loads import brokerage, deliveries
from tradehouse.publish import releases


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
    fault = warehouse.look_at(home.warehouse)
    if fault:
        warehouse.set_aside(home.warehouse, fault)


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
    fault = warehouse.look_at(home.raw)
    if fault:
        raise TradehouseError(warehouse.describe_raw(home.raw, fault))
    if home.raw.exists():
        return
    loaded = set(state.read(home, "sync").get("loaded", {}))
    rows = ledger_snapshot.read(home.state)["streams"]
    others = sorted({row["source"] for row in rows} - {deliveries.SOURCE})
    if not loaded and not rows:
        return
    lost = [f"source {name}" for name in others]
    landing = brokerage.find_landing(home, deliveries.given_landing())
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
        warehouse.set_aside(home.warehouse, "built from the raw file that is missing")


def require_built(home: Home, in_force: Collection[int]) -> None:
    """Check that raw holds the batches that the warehouse is built from and readers have.

    Raises:
        TradehouseError: when it does not: an older raw was put back, and they are not loaded again.
    """
    known = set(warehouse.deliveries_built(home))
    known |= {
        batch["batch"]
        for release in releases.list_releases(home)
        if release["is_current"]
        for batch in release["batches"]
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
