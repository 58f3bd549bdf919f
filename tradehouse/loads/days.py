"""Days and batches: which batch a business day belongs to, and which days are built.

The day comes from `BatchDate.txt` or the last build's record; no database is opened.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path

from tradehouse.errors import LandingError
from tradehouse.home import state
from tradehouse.home.paths import Home
from tradehouse.loads import brokerage, brokerage_sync


def find_days(home: Home, landing: Path | None = None) -> dict[int, date]:
    """Return the day of every batch that is built or lies in the landing directory, by number.

    Without `landing` it is the home's own.
    """
    days = {
        batch.batch: date.fromisoformat(batch.batch_date)
        for batch in state.last_build(home).batches
        if batch.batch_date is not None
    }
    landing = landing or brokerage.find_landing(home, brokerage_sync.given_landing())
    if landing is not None:
        with suppress(LandingError):
            days = {**brokerage.find_days(landing), **days}
    return dict(sorted(days.items()))


def batches_of(home: Home, days: Iterable[str], landing: Path | None = None) -> list[int]:
    """Return the batches of some days (`2019-06-30`), ascending; `landing` as for `find_days`.

    Raises:
        LandingError: when no batch of such a day was delivered.
    """
    found = {day.isoformat(): batch for batch, day in find_days(home, landing).items()}
    wanted = sorted(days)
    unknown = [day for day in wanted if day not in found]
    if unknown:
        known = f"{min(found)} to {max(found)}" if found else "none"
        raise LandingError(
            f"No batch of {unknown[0]} was delivered ({len(unknown)} of {len(wanted)} days asked "
            f"for are missing); days that are there: {known}. Deliver it, or choose another day."
        )
    return sorted(found[day] for day in wanted)


def first_built(home: Home, batches: Iterable[int]) -> int | None:
    """Return the first of the batches that is built already, so that it is built again."""
    built = {batch.batch for batch in state.last_build(home).batches}
    return min((batch for batch in batches if batch in built), default=None)
