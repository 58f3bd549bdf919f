"""Days as partitions: one per business day, from the first delivery to the last.

The historical batch's day is the first partition. `tradehouse.loads.days` decides which batch a day
is.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache

from dagster import DailyPartitionsDefinition

from tradehouse.home.paths import Home, find_home
from tradehouse.loads import brokerage_sync, days

DAY = timedelta(days=1)


def first_and_last(home: Home) -> tuple[date, date]:
    """Return the days between which everything was delivered; reads only small files."""
    found = days.find_days(home).values()
    first = min(found, default=brokerage_sync.FIRST_DAY - DAY)
    return first, max(found, default=first)


@cache
def brokerage_days() -> DailyPartitionsDefinition:
    """Return the partitions of this home's brokerage, as of now.

    A day that is delivered later is there when the definitions are loaded again, which the daemon
    does every minute and `make ui` does for the page.
    """
    first, last = first_and_last(find_home())
    ahead = (last - datetime.now(UTC).date() + DAY).days
    return DailyPartitionsDefinition(
        start_date=first.isoformat(),
        end_date=(last + DAY).isoformat(),
        end_offset=max(ahead, 0),
    )
