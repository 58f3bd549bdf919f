"""When a source's schedule asks for it, against times of its last sync."""

from datetime import UTC, datetime

import pytest

from ingestion.declarations import Declaration
from tradehouse.loads import freshness

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # A Wednesday.


def promise(schedule):
    declared = Declaration(
        name="own",
        description="",
        owner="us",
        connector={"command": ["true"]},
        schedule=schedule,
    )
    return freshness.of(declared)


def at(day, hour, minute=0, second=0):
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "began_at", "asked_at"),
    [
        ("6 hours", at(4, 6), at(4, 12)),
        ("6 hours", at(4, 6, 0, 1), None),
        ("6 hours", at(2, 7), at(4, 7)),
        ("1 day", at(3, 12), NOW),
        ("0 12 * * *", at(4, 11), NOW),
        ("0 12 * * *", NOW, None),
        ("30 5 * * *", at(4, 5, 29), at(4, 5, 30)),
        ("30 5 * * *", at(4, 5, 31), None),
        ("30 5 * * 1-2", at(2, 9), at(3, 5, 30)),
        ("30 5 * * 1-2", at(3, 9), None),
        ("30 5 * * *", None, at(4, 5, 30)),
        ("30 5 * * *", at(5, 0), at(4, 5, 30)),  # Noted by a wrong clock.
        (None, at(1, 0), None),
        ("on delivery", None, None),
    ],
)
def test_a_schedule_asks_once_for_every_time_it_names(schedule, began_at, asked_at):
    assert promise(schedule).last_due_at(began_at, NOW) == asked_at


def test_what_was_never_loaded_or_lies_in_the_future_is_asked_for():
    for began_at in (None, at(5, 0)):
        asked = promise("6 hours").last_due_at(began_at, NOW)
        assert asked is not None
        assert 0 <= (NOW - asked).total_seconds() < 6 * 3600


@pytest.mark.parametrize(
    "schedule",
    ["every day", "61 * * * *", "6 fortnights", "", "* * * *", "0 minutes", "30 0 10 * * *"],
)
def test_a_schedule_that_is_none_is_refused_with_examples(schedule):
    with pytest.raises(ValueError, match="write an interval such as '6 hours', times in UTC"):
        promise(schedule)
