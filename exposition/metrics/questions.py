"""What may be asked of metrics, and what a person's words mean.

A question is made of names that the definitions know and of values of the dimensions' types. The
values are no part of the SQL: `exposition.metrics.answers` binds them when it runs.
"""

from calendar import monthrange
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from exposition.metrics.conditions import Filter, Value, read_day, read_filter
from exposition.metrics.definitions import OPEN_CLASSES, Definitions, shown
from tradehouse.errors import UsageError

GRAINS = ("day", "week", "month", "quarter", "year")
MOST_FILTERS = 20
MOST_NAMES = 20
LARGEST_LIMIT = 1_000_000
YEARS = 50
"""How far back a level goes by period when no first day is given."""


@dataclass(frozen=True)
class Shape:
    """What of a question its SQL depends on; values and limit are bound when it runs.

    `filters` are dimension, operator and number of values.
    """

    metrics: tuple[str, ...]
    by: tuple[str, ...]
    grain: str | None
    filters: tuple[tuple[str, str, int], ...]
    has_since: bool
    has_until: bool
    has_limit: bool


@dataclass(frozen=True)
class Question:
    """Metrics by dimensions and, with a grain, by time; from one day to another, both included."""

    metrics: tuple[str, ...]
    by: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    since: date | None = None
    until: date | None = None
    grain: str | None = None
    limit: int | None = None

    @property
    def shape(self) -> Shape:
        """What its SQL depends on."""
        return Shape(
            self.metrics,
            self.by,
            self.grain,
            tuple((one.dimension, one.operator, len(one.values)) for one in self.filters),
            self.since is not None,
            self.until is not None,
            self.limit is not None,
        )

    @property
    def values(self) -> dict[str, Value | int]:
        """What is bound, by the names that `exposition.metrics.planning` gives it in the SQL."""
        found: dict[str, Value | int] = {
            value_name(number, position): value
            for number, one in enumerate(self.filters)
            for position, value in enumerate(one.values)
        }
        bounds = {"since": self.since, "until": self.until, "limit": self.limit}
        return found | {name: value for name, value in bounds.items() if value is not None}


def value_name(number: int, position: int) -> str:
    """Return what the value of a filter is called in SQL; both count from 0."""
    return f"filter_{number + 1}_{position + 1}"


def last_days(question: Question, last_day: date | None) -> list[date]:
    """Return the days that a level is taken from: the last one of every period, or of all.

    Args:
        question: what is asked; a grain makes periods.
        last_day: that of the release, after which there is nothing.
    """
    if last_day is None:
        return []
    end = min(last_day, question.until or last_day)
    if question.grain is None:
        return [end]
    begin = question.since or end.replace(year=max(end.year - YEARS, 1), month=1, day=1)
    found = []
    while begin <= end:
        found.append(min(_end_of(begin, question.grain), end))
        begin = found[-1] + timedelta(days=1)
    return found


def _end_of(day: date, grain: str) -> date:
    """Return the last day of the period that a day is in; weeks end on Sunday."""
    if grain == "day":
        return day
    if grain == "week":
        return day + timedelta(days=6 - day.weekday())
    months = {"month": 1, "quarter": 3, "year": 12}[grain]
    month = (day.month - 1) // months * months + months
    return date(day.year, month, monthrange(day.year, month)[1])


def ask(
    definitions: Definitions,
    metrics: Sequence[str],
    *,
    by: Sequence[str] = (),
    where: Sequence[str] = (),
    since: str | None = None,
    until: str | None = None,
    grain: str | None = None,
    limit: int | None = None,
    may_see: Collection[str] = OPEN_CLASSES,
) -> Question:
    """Return the question that a person's words mean.

    Args:
        definitions: what there is.
        metrics: names of metrics, one at least.
        by: names of dimensions to group by.
        where: conditions such as `customer__tier = 1`; all of them must hold.
        since: first day, `2017-03-31`.
        until: last day.
        grain: one of `GRAINS`: a row for each of it.
        limit: how many rows at most.
        may_see: classes that the asker may see.

    Raises:
        UsageError: when a name, an operator or a value is none; the message says what is possible.
    """
    if not metrics:
        raise UsageError("Name a metric. All of them: tradehouse metrics list.")
    if len(metrics) > MOST_NAMES or len(by) > MOST_NAMES:
        raise UsageError(f"At most {MOST_NAMES} metrics and {MOST_NAMES} dimensions go into one.")
    if len(where) > MOST_FILTERS:
        raise UsageError(f"At most {MOST_FILTERS} conditions go into one question.")
    if grain is not None and grain not in GRAINS:
        raise UsageError(f"There is no grain {shown(grain)}. Possible: {', '.join(GRAINS)}.")
    if limit is not None and not 1 <= limit <= LARGEST_LIMIT:
        raise UsageError(f"A limit is a number from 1 to {LARGEST_LIMIT:,}.")
    found = [definitions.metric(name, may_see) for name in dict.fromkeys(metrics)]
    first, last = _day(since, "from"), _day(until, "to")
    if first and last and first > last:
        raise UsageError(f"From {first} to {last} is no day: the first one is the later one.")
    return Question(
        metrics=tuple(one.name for one in found),
        by=tuple(definitions.dimension(one, found, may_see).name for one in dict.fromkeys(by)),
        filters=tuple(read_filter(definitions, found, one, may_see) for one in where),
        since=first,
        until=last,
        grain=grain,
        limit=limit,
    )


def _day(text: str | None, side: str) -> date | None:
    if text is None:
        return None
    found = read_day(text)
    if found is None:
        raise UsageError(f"{shown(text)} ({side}) is no day. A day is written 2017-03-31.")
    return found
