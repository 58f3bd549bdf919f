import shutil
from datetime import UTC, datetime

import duckdb
import pytest

from tradehouse.errors import TradehouseError, UsageError
from tradehouse.home import files, state
from tradehouse.home.paths import Home
from tradehouse.home.records import Build, Outcome
from tradehouse.publish import publishing, releases


def build_of(number):
    content = {
        "id": f"build-{number}",
        "batches": [
            {"batch": number, "delivery": 1, "is_accepted": True},
            {"batch": number + 1, "delivery": 1, "is_accepted": False},
        ],
        "tests": {"passed": 3},
        "project_digest": "0",
    }
    return Build(status=Outcome.PASSED, **content)


def fill(home, number):
    """Let the warehouse's gold hold `number` rows, and a view and a layer beside it."""
    home.prepare()
    home.warehouse.unlink(missing_ok=True)
    with duckdb.connect(home.warehouse) as connection:
        connection.execute("create schema silver; create schema gold")
        connection.execute(f"create table silver.secret as from range({number})")
        connection.execute(f"create table gold.dim as select range as id from range({number})")
        connection.execute("create view gold.doubled as select id * 2 as id from gold.dim")


@pytest.fixture
def filled(tmp_path):
    home = Home(tmp_path / "home")
    fill(home, 1)
    return home


def make(home, count):
    ids = []
    for number in range(1, count + 1):
        fill(home, number)
        ids.append(publishing.publish(home, build_of(number)).release.id)
    return ids


def crash_before_the_pointer_moves(home, build, monkeypatch):
    with monkeypatch.context() as crashing:
        crashing.setattr(releases, "move_pointer", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publishing.publish(home, build)


def rows_published(home):
    with duckdb.connect(releases.current_database(home), read_only=True) as connection:
        return connection.execute("select count(*) from gold.dim").fetchone()[0]


def test_a_release_holds_gold_alone_and_needs_no_other_file(filled):
    publishing.publish(filled, build_of(1))
    filled.warehouse.unlink()

    with duckdb.connect(releases.current_database(filled), read_only=True) as connection:
        found = connection.execute(
            "select table_catalog, table_schema, table_name, table_type"
            " from information_schema.tables order by all"
        ).fetchall()
        assert connection.execute("from gold.doubled").fetchall() == [(0,)]
    assert found == [
        ("tradehouse", "gold", "dim", "BASE TABLE"),
        ("tradehouse", "gold", "doubled", "BASE TABLE"),
    ]


def describe(home, text):
    graph = {"project_digest": text, "nodes": {}, "comments": {"dim": {"id": text}}}
    state.write(home, "graph", graph)


def read_comments(home):
    with duckdb.connect(releases.current_database(home), read_only=True) as connection:
        return connection.execute(
            "select table_name, column_name, comment from duckdb_columns() where comment <> ''"
        ).fetchall()


def test_a_release_explains_itself_as_the_project_does_when_it_is_made(filled):
    describe(filled, "It's a key")
    publishing.publish(filled, build_of(1))
    assert read_comments(filled) == [("dim", "id", "It's a key")]

    describe(filled, "It's an old key")
    assert read_comments(filled) == [("dim", "id", "It's a key")]
    of_one_batch = {"based_on": "build-1", "first_batch": 2, "gold_changes": {}}
    build = Build(**{**build_of(2).model_dump(), **of_one_batch})
    second = publishing.publish(filled, build).release

    assert second.renewals == 1
    assert read_comments(filled) == [("dim", "id", "It's an old key")]


def test_a_release_carries_keys_and_classes_of_what_is_in_it(filled):
    declared = {"key": ["id"], "classes": {"id": "personal"}}
    graph = {"project_digest": "0", "nodes": {}, "tables": {"dim": declared, "gone": declared}}
    state.write(filled, "graph", graph)

    made = publishing.publish(filled, build_of(1)).release
    state.write(filled, "graph", {"project_digest": "1", "nodes": {}})

    read = releases.read_release(filled, made.id)
    assert {name: table.model_dump() for name, table in read.tables.items()} == {"dim": declared}


def test_a_release_names_the_batches_it_holds_and_no_held_one(filled):
    release = publishing.publish(filled, build_of(1)).release

    assert [batch.batch for batch in release.batches] == [1]
    assert release.rows == {"dim": 1, "doubled": 1}


def test_a_reader_keeps_its_release_while_the_pointer_moves(filled):
    make(filled, 1)
    with duckdb.connect(releases.current_database(filled).resolve(), read_only=True) as reader:
        fill(filled, 2)
        publishing.publish(filled, build_of(2))
        assert reader.execute("select count(*) from gold.dim").fetchone() == (1,)
    assert rows_published(filled) == 2


def test_the_same_build_is_published_once(filled):
    first = publishing.publish(filled, build_of(1)).release.id
    again = publishing.publish(filled, build_of(1)).release.id

    assert again == first
    assert len(releases.list_releases(filled)) == 1


@pytest.mark.parametrize("pointer", ["missing", "elsewhere", "directory"])
@pytest.mark.parametrize("is_named", [True, False])
def test_where_the_pointer_is_lost_a_rollback_finds_a_release(filled, pointer, is_named):
    first, second = make(filled, 2)
    place = filled.releases / releases.CURRENT
    place.unlink()
    if pointer == "elsewhere":
        place.symlink_to("/tmp")
    elif pointer == "directory":
        shutil.copytree(filled.releases / second, place)
    with pytest.raises(TradehouseError):
        releases.current_database(filled)

    assert releases.roll_back(filled, first if is_named else None) == (
        first if is_named else second
    )
    assert rows_published(filled) == (1 if is_named else 2)
    assert releases.read_hold(filled).rolled_back_from == "a missing pointer"


def flip(home, release_id):
    """Let the disk change bytes in the middle of a release's file."""
    path = home.releases / release_id / releases.DATABASE
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(64) if any(file.read(64)) else b"x" * 64)


def test_a_rollback_and_publishing_pass_over_what_the_disk_has_damaged(filled):
    first, second, third = make(filled, 3)
    flip(filled, second)
    with pytest.raises(TradehouseError, match="the disk has damaged it"):
        releases.roll_back(filled, second)
    assert releases.find_current(filled) == third
    assert releases.read_hold(filled) is None
    assert releases.roll_back(filled) == first

    releases.release_hold(filled)
    flip(filled, third)
    again = publishing.publish(filled, build_of(3)).release.id
    assert again > third
    assert rows_published(filled) == 3


def test_without_any_release_there_is_nothing_to_roll_back(filled):
    with pytest.raises(UsageError, match="Nothing is published yet"):
        releases.roll_back(filled)


def test_the_last_releases_are_kept(filled, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_RELEASE_GRACE_SECONDS", "0")
    monkeypatch.setenv("TRADEHOUSE_KEEP_RELEASES", "2")
    ids = make(filled, 4)

    assert [release.id for release in releases.list_releases(filled)] == ids[2:]
    assert [release.is_current for release in releases.list_releases(filled)] == [False, True]


def test_a_thousand_releases_after_a_clock_stood_ahead_are_in_their_order(filled, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_RELEASE_GRACE_SECONDS", "0")
    [first] = make(filled, 1)
    ahead = "20990101T000000.000Z"
    for number in ("", "-002", "-998", "-999"):
        (filled.releases / f"{ahead}{number}").mkdir()
    made = []
    for _ in range(3):
        made.append(releases.new_release_id(filled))
        copy = shutil.copytree(filled.releases / first, filled.releases / made[-1])
        text = (copy / releases.MANIFEST).read_text().replace(first, made[-1])
        (copy / releases.MANIFEST).write_text(text)

    assert made == [f"{ahead}-{number}" for number in (1000, 1001, 1002)]
    assert [one.id for one in releases.list_releases(filled)] == [first, *made]
    releases.remove_old_releases(filled, 2)
    assert [one.id for one in releases.list_releases(filled)] == [first, *made[1:]]
    assert sorted(path.name for path in filled.releases.glob("2099*")) == sorted(made[1:])


def test_what_is_no_release_is_left_alone(filled, monkeypatch):
    """A directory of one's own, and a copy of a release under another name."""
    monkeypatch.setenv("TRADEHOUSE_RELEASE_GRACE_SECONDS", "0")
    [first] = make(filled, 1)
    (filled.releases / "2025-archive").mkdir()
    (filled.releases / "2025-archive" / "notes.txt").write_text("keep")
    for name in ("old-backup", "2020-copy", "saved"):
        shutil.copytree(filled.releases / first, filled.releases / name)

    fill(filled, 2)
    second = publishing.publish(filled, build_of(2)).release.id

    assert second.startswith(datetime.now(UTC).strftime("%Y"))
    assert second > first
    assert releases.remove_old_releases(filled, 1) == [first]
    assert (filled.releases / "2025-archive" / "notes.txt").read_text() == "keep"
    assert {path.name for path in filled.releases.iterdir()} >= {"old-backup", "2020-copy", "saved"}
    assert releases.find_damaged(filled) == []


def test_the_published_release_is_never_removed(filled, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_RELEASE_GRACE_SECONDS", "0")
    ids = make(filled, 4)
    releases.roll_back(filled, ids[0])

    assert releases.remove_old_releases(filled, 1) == ids[1:3]
    assert rows_published(filled) == 1


def test_a_rollback_goes_one_back_and_holds_publishing_until_it_is_resumed(filled):
    ids = make(filled, 3)
    assert releases.roll_back(filled) == ids[1]
    fill(filled, 4)
    held = publishing.publish(filled, build_of(4))
    assert (held.is_published, rows_published(filled)) == (False, 2)

    assert releases.roll_back(filled) == ids[0]
    assert releases.release_hold(filled) is True
    assert publishing.publish(filled, build_of(4)).is_published
    assert rows_published(filled) == 4


def test_a_rollback_that_the_disk_does_not_confirm_says_where_readers_are(filled, monkeypatch):
    ids = make(filled, 3)
    sync = files.sync_to_disk

    def fail(path):
        if path == filled.releases:
            raise OSError(5, "Input/output error")
        sync(path)

    with monkeypatch.context() as failing:
        failing.setattr(files, "sync_to_disk", fail)
        with pytest.raises(TradehouseError, match=f"have release {ids[1]} now.*Input/output"):
            releases.roll_back(filled)

    assert releases.find_current(filled) == ids[1]
    assert releases.read_hold(filled).rolled_back_to == ids[1]


def test_after_a_rollback_the_same_build_needs_no_second_copy(filled):
    ids = make(filled, 2)
    releases.roll_back(filled)
    releases.release_hold(filled)

    assert publishing.publish(filled, build_of(2)).release.id == ids[1]
    assert len(releases.list_releases(filled)) == 2


def test_a_rollback_beyond_the_oldest_or_to_an_unknown_release_is_refused(filled):
    with pytest.raises(UsageError, match="Nothing is published yet"):
        releases.roll_back(filled)
    [only] = make(filled, 1)

    with pytest.raises(UsageError, match="oldest release kept"):
        releases.roll_back(filled)
    with pytest.raises(UsageError, match=f"no release 2020. Kept are: {only}"):
        releases.roll_back(filled, "2020")
    assert releases.read_hold(filled) is None


@pytest.mark.parametrize("step", ["copy_gold", "files.write", "sync_to_disk"])
def test_a_crash_while_a_release_is_made_leaves_the_old_one(filled, monkeypatch, step):
    make(filled, 1)
    fill(filled, 2)

    def crash(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"tradehouse.publish.publishing.{step}", crash)
    with pytest.raises(KeyboardInterrupt):
        publishing.publish(filled, build_of(2))

    assert rows_published(filled) == 1
    names = {path.name for path in filled.releases.iterdir()}
    assert names == {releases.find_current(filled), releases.CURRENT}


def test_a_release_waits_for_docs_that_are_still_being_made(filled):
    def finish_docs():
        filled.docs.mkdir()
        (filled.docs / "index.html").write_text("all of it")

    publishing.publish(filled, build_of(1), await_docs=finish_docs)

    released = releases.current_database(filled).parent
    assert (released / "docs" / "index.html").read_text() == "all of it"


def test_without_its_docs_nothing_is_published(filled):
    make(filled, 1)
    fill(filled, 2)

    def fail():
        raise TradehouseError("no lineage")

    with pytest.raises(TradehouseError, match="no lineage"):
        publishing.publish(filled, build_of(2), await_docs=fail)

    assert rows_published(filled) == 1
    names = {path.name for path in filled.releases.iterdir()}
    assert names == {releases.find_current(filled), releases.CURRENT}


def test_without_its_docs_a_release_that_is_already_made_is_not_published(filled, monkeypatch):
    make(filled, 1)
    fill(filled, 2)
    crash_before_the_pointer_moves(filled, build_of(2), monkeypatch)

    with pytest.raises(KeyError, match="lineage"):
        publishing.publish(filled, build_of(2), await_docs=lambda: {}["lineage"])

    assert rows_published(filled) == 1


def test_a_crash_before_the_pointer_moves_is_mended_by_publishing_again(filled, monkeypatch):
    make(filled, 1)
    fill(filled, 2)
    crash_before_the_pointer_moves(filled, build_of(2), monkeypatch)
    assert rows_published(filled) == 1

    publishing.publish(filled, build_of(2))
    assert rows_published(filled) == 2
    assert len(releases.list_releases(filled)) == 2


def test_a_warehouse_without_gold_is_not_published(tmp_path):
    home = Home(tmp_path)
    home.prepare()
    duckdb.connect(home.warehouse).close()

    with pytest.raises(TradehouseError, match="nothing in schema gold"):
        publishing.publish(home, build_of(1))
    with pytest.raises(TradehouseError, match="Nothing is published yet"):
        releases.current_database(home)


def test_a_release_cannot_be_written_to(filled):
    publishing.publish(filled, build_of(1))

    assert releases.current_database(filled).stat().st_mode & 0o777 == 0o400
