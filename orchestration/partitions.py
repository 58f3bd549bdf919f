"""Days as partitions: the brokerage's assets have one for every business day.

The historical batch's day is the first partition. There is no last one, but days that are more than
a year away from every delivery are not shown. Which batch a day is, is for `tradehouse.days`.
"""

from datetime import UTC, datetime, timedelta
from functools import cache

from dagster import DailyPartitionsDefinition

from tradehouse import days, syncing
from tradehouse.home import find_home

HORIZON = timedelta(days=366)


@cache
def brokerage_days() -> DailyPartitionsDefinition:
    """Return the partitions of this home's brokerage; reads only small files."""
    found = days.find_days(find_home())
    first = min(found.values(), default=syncing.FIRST_DAY - timedelta(days=1))
    horizon = max(found.values(), default=first) + HORIZON
    is_past = horizon < datetime.now(UTC).date()
    return DailyPartitionsDefinition(
        start_date=first.isoformat(),
        end_date=horizon.isoformat() if is_past else None,
        end_offset=0 if is_past else 1,
    )
