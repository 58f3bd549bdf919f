"""A run that is killed at any moment, and run again, ends with the same gold."""

from pathlib import Path

import pytest

from tests.compare_gold import compare_files
from tests.tradehouse.support import (
    Moment,
    command,
    deliver,
    exists,
    kill_at,
    part,
    published_batches,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kills")]


@pytest.fixture(autouse=True)
def with_stories(monkeypatch):
    """Releases are made with everything that belongs to them."""
    monkeypatch.setenv("TRADEHOUSE_STORIES", "on")


def is_committed(home: Path) -> bool:
    """As soon as the record of the sync names the second day."""
    record = home / "state" / "sync.json"
    return record.exists() and '"3": 1' in record.read_text(errors="replace")


EMPTY, DAILY = "empty", "daily"
MOMENTS: list[tuple[str, str, Moment]] = [
    (EMPTY, "the connector reads", exists("tmp/sync-*")),
    (EMPTY, "the first model", part(0.0)),
    (EMPTY, "the middle of the build", part(0.5)),
    (DAILY, "the connector reads", exists("tmp/sync-*")),
    (DAILY, "raw is committed", is_committed),
    (DAILY, "bronze", part(0.15)),
    (DAILY, "silver", part(0.5)),
    (DAILY, "gold", part(0.85)),
    (DAILY, "the release is made", exists("releases/.begun-*")),
    (DAILY, "the release is there", lambda home: len(list(home.glob("releases/2*"))) > 1),
]


@pytest.mark.parametrize(
    ("start", "moment"),
    [(start, moment) for start, _, moment in MOMENTS],
    ids=[f"{start}-{name.replace(' ', '_')}" for start, name, _ in MOMENTS],
)
def test_a_killed_run_is_taken_up_by_the_next(request, home, undisturbed, start, moment):
    if start == DAILY:
        request.getfixturevalue("published")
    deliver(home, days=2)

    kill_at(home, moment)
    again = command(home, "run")

    assert again.returncode == 0, again.stdout + again.stderr
    assert published_batches(home) == [(1, 1), (2, 1), (3, 1)]
    assert compare_files(undisturbed, home / "releases" / "current" / "tradehouse.duckdb") == []
    assert not list(home.glob("**/.begun-*"))
    assert command(home, "doctor").returncode == 0
    assert "Nothing new" in command(home, "run").stdout
