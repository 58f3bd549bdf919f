"""Files of a home that are missing or damaged: what follows from raw is made again, and said."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress

import duckdb
import pytest

from tests.compare_gold import compare_files
from tests.tradehouse.support import FILES, deliver, gold, published_batches, raw, take
from tradehouse.build import execution, quarantine, repair
from tradehouse.cli import parser
from tradehouse.dbt.runner import DbtRunner
from tradehouse.errors import TradehouseError
from tradehouse.home import database, files, locks, state
from tradehouse.home.files import NewerError
from tradehouse.home.paths import PROJECT, Home
from tradehouse.home.records import Outcome
from tradehouse.loads.syncs import last_syncs
from tradehouse.observe import doctor
from tradehouse.observe.status import collect
from tradehouse.publish import releases
from tradehouse.runs.pipeline import is_settled

pytestmark = pytest.mark.xdist_group("run")


@pytest.fixture(autouse=True)
def every_sentence(monkeypatch):
    monkeypatch.setattr(files, "_told", set())


def released(home):
    return releases.current_database(Home(home)).resolve()


def rewrite(path, content):
    path.chmod(0o600)
    path.write_bytes(content)


def lose_pointer_s_release(home):
    shutil.rmtree(released(home).parent)


RELEASES = {
    "directory": lose_pointer_s_release,
    "file": lambda home: released(home).unlink(),
    "cut": lambda home: os.truncate(released(home), 5000),
    "empty": lambda home: rewrite(released(home), b""),
    "NUL": lambda home: rewrite(released(home), bytes(released(home).stat().st_size)),
    "manifest": lambda home: (released(home).parent / "release.json").write_text("{}"),
    "no pointer": lambda home: (home / "releases" / "current").unlink(),
}


def test_a_release_that_the_disk_has_damaged_is_no_base_of_the_next_one(published, capsys):
    """Size and head are as they were; a release takes what has not changed from the one before."""
    path = released(published)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    rewrite(path, bytes(content))
    findings = {one["check"]: one for one in doctor.examine(Home(published))}
    assert findings["release's content"]["result"] == doctor.PROBLEM
    # The file's own stamp is the build's; only the release is another one.
    deliver(published, days=2)

    take(published)

    assert f"{path} is damaged" in capsys.readouterr().err
    [before, after] = releases.list_releases(Home(published))
    assert (after.renewals, releases.is_intact(before), releases.is_intact(after)) == (
        0,
        False,
        True,
    )
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


def test_a_home_of_the_version_before_loads_is_taken_over(published, undisturbed):
    """Its raw has no loads, its warehouse says by batch what it holds; raw stays as it is."""
    home = Home(published)
    rows = raw(published, "select count(*) from brokerage.trade")
    with duckdb.connect(str(home.raw)) as connection:
        connection.execute("drop table _tradehouse.loads")
        connection.execute("drop table _tradehouse.judged")
        connection.execute("alter table _tradehouse.streams drop column merged_by")
        connection.execute("delete from _tradehouse.schema_version where version > 3")
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute(
            "create table silver.built_batches as"
            " select batch_id, delivery, batch_date from silver.built_loads"
        )
        connection.execute("drop table silver.built_loads")
    record = state.read(home, "build")
    del record["built_loads"]
    state.write(home, "build", {**record, "warehouse": files.stamp_file(home.warehouse)})

    deliver(published, days=2)
    outcome = take(published)

    assert outcome.builds[-1].status == Outcome.PASSED
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]
    assert compare_files(undisturbed, releases.current_database(home)) == []
    assert raw(published, "select count(*) from brokerage.trade where _batch < 3") == rows
    loads = "select distinct load, batch, delivery from _tradehouse.loads order by all"
    found = raw(published, loads)
    assert [load for load, _, _ in found] == list(range(1, len(found) + 1))
    of_days = [(batch, delivery) for _, batch, delivery in found if batch]  # 0: beside the days.
    assert of_days == [(1, 1), (2, 1), (3, 1)]
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where table_name like 'built%'"
        ).fetchall()
    assert tables == [("built_loads",)]


def test_a_delivery_that_raw_knows_again_under_an_old_number_is_built(published):
    """A raw file that was put back gives numbers again that the warehouse knows already."""
    shutil.copy2(published / "raw.duckdb", published / "copy")
    deliver(published, days=2)
    take(published)
    name = "Batch3/DailyMarket.txt"
    lines = FILES[name].splitlines(keepends=True)
    [[before]] = gold(published, "select count(*) from gold.fact_market_history")

    (published / "copy").replace(published / "raw.duckdb")
    (published / "raw.duckdb.wal").unlink(missing_ok=True)
    deliver(published, days=2, changes={name: b"".join(lines[:-1])})
    outcome = take(published)

    assert [one.status for one in outcome.builds] == [Outcome.PASSED]
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]
    assert gold(published, "select count(*) from gold.fact_market_history") == [(before - 1,)]
    assert take(published).is_idle


def test_days_that_neither_raw_nor_anybody_has_any_more_are_not_left_out_silently(published):
    """An older raw was put back, and what it lacks is not delivered any more."""
    shutil.copy2(published / "raw.duckdb", published / "copy")
    deliver(published, days=2)
    take(published)
    shutil.move(published / "raw.duckdb", published / "newer")
    (published / "copy").replace(published / "raw.duckdb")
    kept = published.parent / "kept"
    shutil.move(published / "landing" / "Batch3", kept)

    for _ in range(2):
        with pytest.raises(TradehouseError, match="does not hold batch 3, which are built"):
            take(published)
        assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]
    (published / "warehouse.duckdb").unlink()
    with pytest.raises(TradehouseError, match="does not hold batch 3"):
        take(published)

    shutil.move(kept, published / "landing" / "Batch3")
    assert [one.status for one in take(published).builds] == [Outcome.PASSED]
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


@pytest.mark.parametrize("umask", [0o777, 0o400, 0])
def test_what_a_umask_takes_from_the_owner_or_gives_to_others_does_not_count(tmp_path, umask):
    code = (
        f"import os, sys; os.umask({umask}); from pathlib import Path\n"
        "from tradehouse.home import state; from tradehouse.home.paths import Home\n"
        "home = Home(Path(sys.argv[1])); home.prepare(); state.write(home, 'nodes', {'codes': {}})"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "home")], cwd=PROJECT, check=True)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "home").rglob("*")}
    assert (modes["state"], modes["nodes.json"]) == (0o700, 0o600)


def point_out(home):
    (home / "releases" / "current").unlink()
    (home / "releases" / "current").symlink_to(home / "landing", target_is_directory=True)


RELEASES["pointer out"] = point_out


def test_a_damaged_release_is_seen_said_and_made_again_from_the_warehouse(published, capsys):
    trades = gold(published, "select count(*) from gold.fact_watches")
    take(published)
    for name, damage in RELEASES.items():
        damage(published)
        home = Home(published)

        fault = releases.find_fault(home)
        assert fault, name
        with pytest.raises(TradehouseError, match="makes it again"):
            releases.current_database(home)
        findings = {one["check"]: one for one in doctor.examine(home)}
        assert findings["release"]["result"] == doctor.PROBLEM
        assert not is_settled(home, published / "landing")

        outcome = take(published)

        assert (outcome.exit_code, outcome.builds, outcome.is_idle) == (0, [], False), name
        assert fault in capsys.readouterr().err
        assert gold(published, "select count(*) from gold.fact_watches") == trades
        assert not releases.find_fault(home)
    assert take(published).is_idle


def test_after_a_rollback_a_damaged_release_is_named_and_not_made(published):
    home = Home(published)
    deliver(published, days=2)
    take(published)
    releases.roll_back(home)
    lose_pointer_s_release(published)

    with pytest.raises(TradehouseError, match="tradehouse rollback ID"):
        take(published)

    [whole] = releases.list_releases(home)
    releases.roll_back(home, whole.id)
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


def foreign_log(home):
    with duckdb.connect(home.root / "other.duckdb") as other:
        other.execute("set wal_autocheckpoint = '1GB'")
        other.execute("pragma disable_checkpoint_on_shutdown")
        other.execute("create table made (number integer); insert into made values (1)")
    shutil.copyfile(home.root / "other.duckdb.wal", database.log_of(home.warehouse))


WAREHOUSES = {
    "empty": lambda home: home.warehouse.write_bytes(b""),
    "text": lambda home: home.warehouse.write_text("no database" * 5000),
    "cut": lambda home: os.truncate(home.warehouse, home.warehouse.stat().st_size // 2),
    "directory": lambda home: (home.warehouse.unlink(), home.warehouse.mkdir()),
    "foreign": lambda home: shutil.copyfile(home.raw, home.warehouse),
    "log": foreign_log,
}


@pytest.mark.parametrize("name", WAREHOUSES)
def test_a_damaged_or_foreign_warehouse_is_set_aside_by_name(published, name, capsys):
    home = Home(published)
    WAREHOUSES[name](home)

    with locks.writing(home):
        repair.mend(home)
        repair.set_aside_foreign(home, state.last_build(home))

    assert not home.warehouse.exists()
    said = capsys.readouterr().err
    assert "built again from raw" in said
    assert "warehouse.duckdb" in said
    assert list(home.root.glob("warehouse.duckdb*.damaged"))


@pytest.mark.slow
def test_a_warehouse_that_was_set_aside_is_built_again_and_published(published, capsys):
    trades = gold(published, "select count(*) from gold.fact_watches")
    home = Home(published)
    os.truncate(home.warehouse, home.warehouse.stat().st_size // 2)
    lose_pointer_s_release(published)

    assert take(published).exit_code == 0

    assert "set aside" in capsys.readouterr().err
    assert gold(published, "select count(*) from gold.fact_watches") == trades
    assert take(published).is_idle


def test_the_untouched_warehouse_stays_where_it_is(published):
    home = Home(published)
    moved = published.parent / "moved.duckdb"
    shutil.copyfile(home.warehouse, moved)
    moved.replace(home.warehouse)

    assert not repair.set_aside_foreign(home, state.last_build(home))


def test_what_somebody_wrote_to_the_warehouse_stands_and_every_test_reads_it(published):
    home = Home(published)
    with duckdb.connect(home.warehouse) as connection:
        connection.execute("create table silver.made_by_hand as select 1 as number")

    plan = execution.make_plan(home, DbtRunner(home))

    assert "the warehouse was changed by somebody else" in plan.reasons
    assert (plan.reads_everything, plan.rebuild) == (True, [])
    with duckdb.connect(home.warehouse) as connection:
        assert connection.execute("from silver.made_by_hand").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "content", [b"", b"no database" * 5000, None], ids=["empty", "text", "cut"]
)
def test_damaged_raw_is_never_touched_and_the_advice_is_true(published, content):
    home = Home(published)
    whole = home.raw.read_bytes()
    damaged = whole[: len(whole) // 3] if content is None else content
    home.raw.write_bytes(damaged)

    with pytest.raises(TradehouseError, match=r"raw\.duckdb is damaged .* Put back a copy") as said:
        take(published)

    assert "tradehouse run --landing" in str(said.value)
    assert home.raw.read_bytes() == damaged
    home.raw.write_bytes(whole)
    assert take(published).exit_code == 0


def test_missing_raw_is_loaded_again_only_when_everything_is_still_delivered(published):
    home = Home(published)
    home.raw.unlink()
    shutil.rmtree(published / "landing" / "Batch1")

    with pytest.raises(TradehouseError, match=r"raw\.duckdb is missing.*batch 1"):
        take(published)

    assert not home.raw.exists()
    assert home.warehouse.exists()


def damage(path, how):
    content = path.read_bytes()
    match how:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "NUL":
            path.write_bytes(bytes(len(content)))
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "shape":
            path.write_text("[1, 2]")
        case "directory":
            path.unlink()
            path.mkdir()


DERIVED = ("sync", "settled", "nodes", "graph", "sources", "ingestion", "quarantine")


@pytest.mark.parametrize("how", ["missing", "NUL"])
def test_derived_records_are_made_anew_and_nothing_else_happens(published, how, capsys):
    home = Home(published)
    take(published)
    before = {name: state.read(home, name) for name in ("nodes", "graph", "brokerage")}
    for name in DERIVED:
        path = state.quarantine_path(home) if name == "quarantine" else home.state / f"{name}.json"
        damage(path, how)
    (home.state / "alerts.json").write_bytes(bytes(10))
    damage(home.state / "brokerage.json", how)

    outcome = take(published)

    assert (outcome.exit_code, outcome.builds) == (0, [])
    assert {name: state.read(home, name) for name in before} == before
    assert quarantine.is_snapshot(state.quarantine_path(home))
    assert last_syncs(home)[0]["status"] == "succeeded"
    assert state.find_damage(home) == []
    said = capsys.readouterr().err
    assert "alerts.json is damaged" in said
    assert ("nodes.json is damaged" in said) == (how == "NUL")
    assert take(published).is_idle


def test_a_release_is_described_also_where_the_graph_was_lost_before_it(published):
    """`publish` makes it without a build; a run, which has parsed the project, is tested above."""
    query = "select count(*) from duckdb_columns() where comment is not null"
    [described] = gold(published, query)
    shutil.rmtree(released(published).parent)
    (published / "state" / "graph.json").write_bytes(b"{")
    with pytest.raises(SystemExit, match="0"):
        parser.app(["publish"], standalone_mode=False)
    assert gold(published, query) == [described]
    assert described > (100,)


@pytest.mark.slow
def test_without_the_record_of_the_build_everything_is_built_from_raw(published, capsys):
    (published / "state" / "build.json").write_text('{"id": ')

    [built] = take(published).builds

    assert (built.status, built.rebuilt) == ("passed", ["*"])
    assert "build.json is damaged" in capsys.readouterr().err


def test_a_hold_that_cannot_be_read_holds_until_it_is_resumed(published):
    home = Home(published)
    deliver(published, days=2)
    (published / "state" / "hold.json").write_bytes(b"")

    outcome = take(published)

    assert outcome.hold is not None
    assert published_batches(published) == [(1, 1), (2, 1)]
    assert releases.release_hold(home)
    take(published)
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


@pytest.mark.parametrize("name", [*state.NAMES, "ingestion", "release", "journal"])
def test_what_a_newer_version_wrote_is_refused_whole(published, name):
    home = Home(published)
    content = json.dumps({"version": 99})
    if name == "release":
        path = released(published).parent / "release.json"
    else:
        path = home.state / ("build.jsonl" if name == "journal" else f"{name}.json")
    path.write_text(content)

    with pytest.raises(NewerError, match="newer Tradehouse"):
        take(published)
    if name not in ("journal", "nodes", "settled", "hold", "sources", "alerts", "tokens"):
        with pytest.raises(NewerError):
            collect(home)
    assert path.read_text() == content


@pytest.mark.parametrize("content", [b"", b"garbage\n", bytes(90), b'{"id": 1}\n', b"[1]"])
def test_a_journal_that_cannot_be_read_is_named_and_set_aside(tmp_path, content, capsys):
    home = Home(tmp_path / "home")
    home.prepare()
    (home.state / "build.jsonl").write_bytes(content)
    findings = {one["check"]: one for one in doctor.examine(home)}
    assert findings["state/build.jsonl"]["result"] == doctor.PROBLEM

    with locks.writing(home):
        repair.mend(home)

    assert "build.jsonl is damaged" in capsys.readouterr().err
    assert (home.state / "build.jsonl.damaged").read_bytes() == content


def test_a_quarantine_that_is_missing_is_not_an_empty_one(tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    monkeypatch.setenv("TRADEHOUSE_HOME", str(home.root))
    home.prepare()
    parser.app(["quarantine"], standalone_mode=False)
    refused = {"batch": 1, "stream": "date", "reason": "malformed_row"}
    record = {
        "status": "passed",
        "quarantine": [{**refused, "disposition": "quarantined", "rows": 1}],
    }
    state.write(home, "build", record)

    with pytest.raises(TradehouseError, match=r"quarantine\.parquet is missing.*tradehouse run"):
        parser.app(["quarantine"], standalone_mode=False)


@pytest.mark.timeout(60)
def test_a_quarantine_that_is_a_pipe_is_damaged_and_not_waited_for(tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    monkeypatch.setenv("TRADEHOUSE_HOME", str(home.root))
    home.prepare()
    os.mkfifo(state.quarantine_path(home))

    with pytest.raises(TradehouseError, match=r"quarantine\.parquet is damaged"):
        parser.app(["quarantine"], standalone_mode=False)


def test_what_an_older_version_knew_when_it_settled_is_no_damage(tmp_path):
    home = Home(tmp_path / "home")
    stamps = {"raw": [1, 2, 3], "warehouse": [1, 2, 3], "project_digest": "0", "build": "1"}
    older = {"landing": "/x", "landing_stamp": "0", "release": "1", **stamps}
    (home.root / "state").mkdir(parents=True)
    (home.state / "settled.json").write_text(json.dumps(older))

    assert state.find_damage(home) == []
    assert state.read(home, "settled")["state"] == {}


@pytest.mark.parametrize(
    "status", ["begun", "passed", "tests failed", "failed", "was done in part"]
)
def test_how_a_build_ended_is_read_and_kept_in_the_words_of_older_versions(tmp_path, status):
    home = Home(tmp_path / "home")
    home.prepare()
    path = home.state / "build.json"
    path.write_text(json.dumps({"status": status, "of_a_later_form": 1, "loads": {"3": 30}}))

    record = state.last_build(home)
    state.keep(home, record)

    assert (record.status, record.status in Outcome, record.loads) == (status, True, {3: 30})
    kept = json.loads(path.read_text())
    assert (kept["status"], kept["of_a_later_form"], kept["loads"]) == (status, 1, {"3": 30})


def test_a_build_that_ended_in_an_unknown_way_is_damaged_and_none_is_none(tmp_path, capsys):
    home = Home(tmp_path / "home")
    home.prepare()
    assert state.last_build(home).status is Outcome.NONE
    assert capsys.readouterr().err == ""

    (home.state / "build.json").write_text(json.dumps({"status": "melted"}))
    assert [name for name, _ in state.find_damage(home)] == ["build"]
    assert state.last_build(home).status is Outcome.NONE
    assert "build.json is damaged" in capsys.readouterr().err


def test_a_home_is_its_owner_s_alone_and_releases_are_whose_the_owner_says(published, monkeypatch):
    home = Home(published)
    for path in published.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    published.chmod(0o755)

    monkeypatch.setenv("TRADEHOUSE_RELEASES_FOR", "group")
    home.prepare()
    release = released(published)
    assert published.stat().st_mode & 0o777 == 0o710
    assert release.stat().st_mode & 0o777 == 0o640
    assert release.parent.stat().st_mode & 0o777 == 0o750

    monkeypatch.delenv("TRADEHOUSE_RELEASES_FOR")
    home.prepare()
    deliver(published, days=2)
    take(published)
    loose = [
        path
        for path in (published, *published.rglob("*"))
        if not path.is_symlink() and "landing" not in path.parts and path.stat().st_mode & 0o077
    ]
    assert loose == []


def test_directories_that_are_files_are_set_aside(tmp_path):
    home = Home(tmp_path / "home")
    home.root.mkdir()
    for folder in (home.state, home.releases, home.logs, home.temporary):
        folder.write_text("in the way")

    with locks.writing(home):
        assert all(one.is_dir() for one in (home.state, home.releases, home.logs, home.temporary))
    assert (home.root / "state.damaged").read_text() == "in the way"


def test_readers_follow_the_pointer_while_releases_are_replaced(published, monkeypatch):
    """The pointer is followed, then the file is opened a while later."""
    monkeypatch.setenv("TRADEHOUSE_KEEP_RELEASES", "1")
    home = Home(published)
    first = released(published)
    second = first.parent.with_name("29990101T000000.000Z")
    shutil.copytree(first.parent, second)
    manifest = json.loads((second / "release.json").read_text())
    (second / "release.json").chmod(0o600)
    (second / "release.json").write_text(json.dumps({**manifest, "id": second.name}))
    with releases.pointing(home):
        releases.move_pointer(home, second.name)

    assert releases.remove_old_releases(home) == []
    with duckdb.connect(first, read_only=True) as reader:
        assert reader.execute("select count(*) > 0 from gold.dim_date").fetchone() == (True,)

    os.utime(first.parent, (0, 0))
    assert releases.remove_old_releases(home) == [first.parent.name]
    with suppress(FileNotFoundError):
        assert not list(first.parent.iterdir())
    assert FILES


def test_a_pipe_in_the_place_of_the_quarantine_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "quarantine.parquet")

    assert not quarantine.is_snapshot(tmp_path / "quarantine.parquet")
