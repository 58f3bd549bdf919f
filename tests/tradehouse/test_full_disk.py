"""A disk that fails at every moment of publishing and of small files: the pointer stays right.

Whole runs on a disk that becomes full are a campaign: `benchmarks/full_disk.py`.
"""

import errno
import itertools
import os

import duckdb
import pytest

from tradehouse.build import execution
from tradehouse.dbt.runner import Invocation, NodeResult
from tradehouse.home import state
from tradehouse.home.paths import Home
from tradehouse.home.records import Build, Outcome
from tradehouse.observe import alerts
from tradehouse.publish import publishing, releases
from tradehouse.terminal import exits

FAULTS = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO]
CALLS = ("fsync", "replace", "rename", "symlink", "mkdir", "chmod", "link")


@pytest.fixture
def gold(home):
    """A home with a warehouse of one table and a release of it."""
    found = Home(home)
    found.prepare()
    with duckdb.connect(found.warehouse) as connection:
        connection.execute("create schema gold; create table gold.dim_date as select 1 as day")
    publishing.publish(found, record_of("1"))
    return found


def record_of(build_id):
    batches = [{"batch": 1, "delivery": 1, "is_accepted": True}]
    return Build(
        status=Outcome.PASSED,
        id=build_id,
        batches=batches,
        tests={"passed": 1},
        project_digest="",
    )


class Failing:
    """Lets the n-th call that changes the disk fail, and all after it."""

    def __init__(self, monkeypatch, number):
        self.number, self.left, self.patched = number, None, monkeypatch
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, original):
        def call(*arguments, **options):
            if self.left is not None:
                self.left -= 1
                if self.left <= 0:
                    raise OSError(self.number, os.strerror(self.number))
            return original(*arguments, **options)

        return call


def rows_of(home):
    database = releases.current_database(home)
    with duckdb.connect(database, read_only=True) as connection:
        return connection.execute("select * from gold.dim_date").fetchall()


@pytest.mark.parametrize("number", FAULTS, ids=errno.errorcode.get)
def test_publishing_that_fails_at_any_moment_leaves_a_whole_release(
    gold, monkeypatch, capsys, number
):
    disk = Failing(monkeypatch, number)
    for moment in itertools.count(1):
        disk.left = moment
        monkeypatch.setattr(exits, "_is_ending", False)
        code = exits.guard(lambda: publishing.publish(gold, record_of("2")))
        disk.left = None
        if code == 0:
            break
        said = capsys.readouterr().err
        assert code == 1
        assert "call the same again" in said
        assert "Traceback" not in said
        assert rows_of(gold) == [(1,)]
        assert [path.name for path in gold.releases.glob(".begun-*")] == []
    assert moment > 5
    disk.left = None
    publishing.publish(gold, record_of("2"))
    current = [one for one in releases.list_releases(gold) if one.is_current]
    assert [one.build_id for one in current] == ["2"]
    assert rows_of(gold) == [(1,)]


def test_a_rollback_that_fails_at_any_moment_names_a_whole_release(gold, monkeypatch):
    first = releases.find_current(gold)
    publishing.publish(gold, record_of("2"))
    disk = Failing(monkeypatch, errno.ENOSPC)
    for moment in itertools.count(1):
        disk.left = moment
        try:
            releases.roll_back(gold, first)
        except OSError:
            disk.left = None
            assert rows_of(gold) == [(1,)]
            continue
        break
    disk.left = None
    assert moment > 2
    assert releases.find_current(gold) == first


def test_a_record_that_finds_no_room_stays_as_it_was(gold, monkeypatch):
    state.write(gold, "sync", {"status": "succeeded"})
    before = state.read(gold, "sync")
    disk = Failing(monkeypatch, errno.ENOSPC)
    for moment in (1, 2):
        disk.left = moment
        with pytest.raises(OSError, match="No space left"):
            state.write(gold, "sync", {"status": "failed"})
        disk.left = None
        assert state.read(gold, "sync") == before


def test_alerts_do_not_fail_a_run_on_a_full_disk(gold, monkeypatch):
    disk = Failing(monkeypatch, errno.ENOSPC)
    for moment in range(1, 6):
        disk.left = moment
        alerts.report(gold, command="run", error=OSError(errno.ENOSPC, "x"))


def test_a_model_that_finds_no_room_is_told_with_what_to_do(gold):
    message = 'IO Error: Could not write file "/home/w.duckdb": No space left on device'
    node = NodeResult("dim_date", "model.t.dim_date", "model", "error", 0.1, 0, message)
    said = execution._error_of([node], Invocation(False, [node], ""), gold)
    assert "There is no room left for /home/w.duckdb. Make room, then call the same again" in said
    assert str(gold.logs / "dbt.log") in said
