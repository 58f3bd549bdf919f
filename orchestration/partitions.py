"""Days: the brokerage's assets are partitioned by the business day that a batch carries.

The historical batch's day is the first partition. There is no last one, but days that are more than
a year away from every delivery are not shown. Which batch a day is stands in its `BatchDate.txt`,
or in what the last build wrote down.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache

from dagster import DailyPartitionsDefinition

from tradehouse import brokerage, state, syncing
from tradehouse.errors import LandingError
from tradehouse.home import Home, find_home

HORIZON = timedelta(days=366)


def find_days(home: Home) -> dict[int, date]:
    """Return the day of every batch that is built or lies in the landing directory, by number."""
    days = {
        int(batch["batch"]): date.fromisoformat(batch["batch_date"])
        for batch in state.read(home, "build").get("batches", [])
    }
    landing = brokerage.find_landing(home, syncing.given_landing())
    if landing is not None:
        with suppress(LandingError):
            days = {**brokerage.find_days(landing), **days}
    return dict(sorted(days.items()))


@cache
def brokerage_days() -> DailyPartitionsDefinition:
    """Return the partitions of this home's brokerage; reads only small files."""
    days = find_days(find_home())
    first = min(days.values(), default=syncing.FIRST_DAY)
    horizon = max(days.values(), default=first) + HORIZON
    is_past = horizon < datetime.now(UTC).date()
    return DailyPartitionsDefinition(
        start_date=first.isoformat(),
        end_date=horizon.isoformat() if is_past else None,
        end_offset=0 if is_past else 1,
    )


def batches_of(home: Home, keys: Iterable[str]) -> list[int]:
    """Return the batches of some days, ascending.

    Raises:
        LandingError: when no batch of such a day was delivered.
    """
    found = {day.isoformat(): batch for batch, day in find_days(home).items()}
    wanted = sorted(keys)
    unknown = [key for key in wanted if key not in found]
    if unknown:
        known = f"{min(found)} to {max(found)}" if found else "none"
        raise LandingError(
            f"No batch of {unknown[0]} was delivered ({len(unknown)} of {len(wanted)} days asked "
            f"for are missing); days that are there: {known}. Deliver it, or choose another day."
        )
    return sorted(found[key] for key in wanted)
