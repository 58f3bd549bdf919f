import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingestion.contracts import tables
from tests.landing import brokerage_files, write_landing
from tests.tradehouse.support import command, raw
from tradehouse.errors import EXIT_HELD, LandingError, OtherBrokerageError, UsageError
from tradehouse.home import state
from tradehouse.home.paths import PROJECT, Home
from tradehouse.loads import brokerage, brokerage_sync


@pytest.fixture
def landing(tmp_path):
    for batch in (1, 2):
        folder = tmp_path / "landing" / f"Batch{batch}"
        folder.mkdir(parents=True)
        (folder / "Trade.txt").write_text(f"{batch}|buy\n" * 20000)
        (folder / "BatchDate.txt").write_text(f"2020-01-0{batch}\n")
    return tmp_path / "landing"


@pytest.fixture
def known(tmp_path, landing):
    """A home whose first batch was loaded from `landing`."""
    home = Home(tmp_path / "home")
    home.prepare()
    brokerage.remember(home, landing, brokerage.identify(landing), {1: 1}, [])
    return home


def test_the_same_deliveries_in_another_place_are_the_same_brokerage(known, landing, tmp_path):
    moved = shutil.copytree(landing, tmp_path / "moved")

    brokerage.require_own(known, moved, [])
    brokerage.remember(known, moved, brokerage.identify(moved), {1: 1}, [])

    assert state.read(known, "brokerage")["landing"] == str(moved)
    assert brokerage.find_landing(known, None) == moved


def test_a_landing_directory_in_the_home_moves_with_it(known, landing, tmp_path):
    """A home made by an older version says where it lay, until the next sync."""
    landing.rename(known.landing)
    brokerage.remember(known, known.landing, brokerage.identify(known.landing), {1: 1}, [])
    assert brokerage.known_landing(known) == known.landing

    copy = Home(Path(shutil.copytree(known.root, tmp_path / "copy")))
    assert brokerage.find_landing(copy, None) == copy.landing
    brokerage.require_own(copy, copy.landing, [])

    link = Home(tmp_path / "link")
    link.root.symlink_to(copy.root)
    brokerage.remember(link, copy.landing, brokerage.identify(copy.landing), {1: 1}, [])
    assert brokerage.known_landing(link) == link.landing
    shutil.rmtree(copy.landing / "Batch1")
    brokerage.require_own(link, copy.landing, [])  # Archived there, as it may be.


def test_a_landing_directory_that_is_a_link_is_followed_each_time(known, landing, tmp_path):
    link = tmp_path / "current"
    link.symlink_to(landing)
    given = brokerage.find_landing(known, link)
    brokerage.remember(known, given, brokerage.identify(given), {1: 1}, [])
    newer = shutil.copytree(landing, tmp_path / "newer")
    (newer / "Batch3").mkdir()
    link.unlink()
    link.symlink_to(newer)

    assert brokerage.find_landing(known, None) == link
    assert list(brokerage.find_batches(brokerage.find_landing(known, None))) == [1, 2, 3]
    assert brokerage.find_landing(known, tmp_path / "newer" / ".." / "current") == newer


def test_an_identity_that_could_not_be_read_whole_is_not_kept(tmp_path, landing):
    home = Home(tmp_path / "home")
    home.prepare()
    whole, path = brokerage.identify(landing), landing / "Batch1" / "Trade.txt"
    path.unlink()
    os.mkfifo(path)
    brokerage.remember(home, landing, brokerage.identify(landing), {1: 1}, [])
    assert state.read(home, "brokerage") == {}
    brokerage.remember(home, landing, whole, {1: 1}, [])
    assert state.read(home, "brokerage")["digest"] == whole.digest


def test_the_identity_is_that_of_the_files_that_were_loaded(home, monkeypatch):
    """A file is away for the moment in which the sync ends, and comes back as it was."""
    landing, call = (
        write_landing(home.parent / "landing", brokerage_files(days=1)),
        brokerage_sync._call,
    )
    path, aside = landing / "Batch1" / "HR.csv", home.parent / "aside"

    def load(*arguments):
        result = call(*arguments)
        path.rename(aside)
        return result

    with monkeypatch.context() as patched:
        patched.setattr(brokerage_sync, "_call", load)
        assert brokerage_sync.sync(Home(home), landing).errors == []
    aside.rename(path)
    assert brokerage_sync.sync(Home(home), landing).errors == []


@pytest.mark.parametrize("position", [0, -1], ids=["beginning", "end"])
def test_another_first_batch_is_refused_with_both_ways_out(known, landing, position):
    path = landing / "Batch1" / "Trade.txt"
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(bytes(content))

    with pytest.raises(OtherBrokerageError) as refused:
        brokerage.require_own(known, landing, [2])

    assert "TRADEHOUSE_HOME=" in str(refused.value)
    assert "--replace-batch 1" in str(refused.value)
    brokerage.require_own(known, landing, [1])


def test_the_identity_follows_a_replaced_first_batch(known, landing):
    (landing / "Batch1" / "Trade.txt").write_text("1|sell\n")
    brokerage.remember(known, landing, brokerage.identify(landing), {1: 2}, [1])

    brokerage.require_own(known, landing, [])


def test_later_batches_do_not_change_the_identity(known, landing):
    before = state.read(known, "brokerage")
    shutil.rmtree(landing / "Batch2")
    (landing / "Batch10").mkdir()

    brokerage.require_own(known, landing, [])
    brokerage.remember(known, landing, brokerage.identify(landing), {1: 1}, [])

    assert state.read(known, "brokerage") == before
    assert list(brokerage.find_batches(landing)) == [1, 10]


def test_an_archived_first_batch_is_fine_in_its_own_directory_only(known, landing, tmp_path):
    shutil.rmtree(landing / "Batch1")
    brokerage.require_own(known, landing, [])
    moved = shutil.copytree(landing, tmp_path / "moved")

    with pytest.raises(OtherBrokerageError, match="begins with Batch2"):
        brokerage.require_own(known, moved, [])


def test_before_the_first_batch_is_loaded_a_home_belongs_to_nobody(tmp_path, landing):
    home = Home(tmp_path / "home")
    home.prepare()
    brokerage.remember(home, landing, brokerage.identify(landing), {}, [])

    assert state.read(home, "brokerage") == {}


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_directory_without_batches_is_named(tmp_path, name):
    (tmp_path / "empty" / "batch1").mkdir(parents=True)

    with pytest.raises(LandingError, match=f"{name}.*Batch1/, Batch2/"):
        brokerage.find_batches(tmp_path / name)


def test_the_stamp_differs_when_a_file_is_touched_added_or_removed(landing):
    stamps = [brokerage.stamp_landing(landing)]
    (landing / "Batch2" / "Trade.txt").write_text("2|buy\n")
    stamps.append(brokerage.stamp_landing(landing))
    (landing / "Batch2" / "HR.csv").touch()
    stamps.append(brokerage.stamp_landing(landing))
    (landing / "Batch2" / "BatchDate.txt").unlink()
    stamps.append(brokerage.stamp_landing(landing))

    assert len(set(stamps)) == 4
    assert brokerage.stamp_landing(landing) == stamps[-1]


def test_what_goes_while_a_directory_is_listed_does_not_stop_the_stamp(landing, monkeypatch):
    stamp, scandir = brokerage.stamp_landing(landing), os.scandir

    def list_and_lose(folder):
        passing = Path(folder) / ".Trade.txt.part"
        passing.touch()
        entries = list(scandir(folder))
        passing.unlink()
        return entries

    monkeypatch.setattr("tradehouse.loads.brokerage.os.scandir", list_and_lose)
    assert brokerage.stamp_landing(landing) != stamp


if os.geteuid() == 0 and shutil.which("setpriv"):  # Whose rights can be taken away.

    @pytest.mark.parametrize("folder", ["Batch3", "."])
    def test_a_directory_that_may_be_listed_and_not_searched_keeps_out_itself_only(
        tmp_path, folder
    ):
        landing, home = tmp_path / "landing", tmp_path / "home"
        write_landing(landing, brokerage_files(days=2))
        (landing / folder).chmod(0o400)

        done = subprocess.run(
            [
                *("setpriv", "--bounding-set=-all", "--inh-caps=-all"),
                *(sys.executable, "-m", "tradehouse.cli.parser", "sync", "--landing", str(landing)),
            ],
            env={**os.environ, "TRADEHOUSE_HOME": str(home)},
            cwd=PROJECT,
            capture_output=True,
            text=True,
        )

        assert "errors.log" not in done.stderr
        assert "Permission denied" in done.stderr
        if folder == ".":
            assert done.returncode != 0
        else:
            assert done.returncode == EXIT_HELD, done.stderr
            assert raw(home, "select max(_batch) from brokerage.batch_date") == [(2,)]


def test_hostile_entries_neither_stop_nor_delay_anything(known, landing, tmp_path):
    identity, stamp = brokerage.identify(landing), brokerage.stamp_landing(landing)
    (landing / "loop").symlink_to("loop")
    (landing / "Batch3").symlink_to("Batch3")
    (landing / os.fsdecode(b"Batch\xff")).mkdir()
    for batch in (1, 2):
        (landing / f"Batch{batch}" / "nothing").symlink_to("nowhere")
        (landing / f"Batch{batch}" / os.fsdecode(b"\xff")).mkdir()
        os.mkfifo(landing / f"Batch{batch}" / "HR.csv")
    (landing / "Batch2" / "BatchDate.txt").unlink()
    os.mkfifo(landing / "Batch2" / "BatchDate.txt")

    assert brokerage.identify(landing).digest == identity.digest
    assert brokerage.identify(landing).unreadable == ("HR.csv of Batch1 is no file",)
    assert brokerage.stamp_landing(landing) != stamp
    assert list(brokerage.find_days(landing)) == [1]
    assert list(brokerage.find_batches(landing)) == [1, 2, 3]
    assert brokerage.find_ignored(landing) == [
        "Batch\\xff/ (0 files)",
        "loop (a link)",
        *(f"Batch{n}/{name}" for n in (1, 2) for name in ("nothing (a link)", "\\xff/ (0 files)")),
    ]


def test_the_identity_is_what_it_was_before_links_were_looked_at(tmp_path):
    folder = tmp_path / "Batch1"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"1")
    (folder / "b").write_bytes(b"")

    digest = "41f572af1e9871a53c49700af4691bd8dba87092f88437f333724b024b1f900b"
    assert brokerage.identify(tmp_path, every=True).digest == digest


def test_a_batch_before_the_first_one_may_come_late(known, landing, tmp_path):
    home = Home(tmp_path / "late")
    home.prepare()
    (landing / "Batch1").rename(tmp_path / "Batch1")
    brokerage.remember(home, landing, brokerage.identify(landing), {2: 1}, [])
    (tmp_path / "Batch1").rename(landing / "Batch1")

    brokerage.require_own(home, landing, [])
    brokerage.remember(home, landing, brokerage.identify(landing), {1: 1, 2: 1}, [])

    record = state.read(home, "brokerage")
    assert (record["first_batch"], record["digest"]) == (1, brokerage.identify(landing).digest)
    (landing / "Batch1" / "Trade.txt").write_text("")
    with pytest.raises(OtherBrokerageError):
        brokerage.require_own(home, landing, [])


@pytest.mark.parametrize(
    "given", ["~nobody-here/x", os.fsdecode(b"/tmp/caf\xe9")], ids=["user", "no text"]
)
def test_a_landing_directory_that_cannot_be_named_is_a_wrong_use(home, given):
    with pytest.raises(UsageError, match="landing directory"):
        brokerage.find_landing(Home(home), Path(given))


def test_what_no_stream_reads_makes_no_other_brokerage(known, landing, tmp_path):
    (landing / "Batch1" / ".DS_Store").write_bytes(b"\0")
    brokerage.require_own(known, landing, [])

    earlier = Home(tmp_path / "earlier")
    earlier.prepare()
    digest = brokerage.identify(landing, every=True).digest
    state.write(earlier, "brokerage", {**state.read(known, "brokerage"), "digest": digest})
    brokerage.require_own(earlier, landing, [])

    (landing / "Batch1" / "HR.csv").write_text("1\n")
    for home in (known, earlier):
        with pytest.raises(OtherBrokerageError):
            brokerage.require_own(home, landing, [])


def test_a_first_batch_that_cannot_be_read_is_no_other_brokerage(known, landing, monkeypatch):
    def refuse(file):
        raise PermissionError(13, "Permission denied", file.path)

    monkeypatch.setattr(brokerage, "open_file", refuse)
    with pytest.raises(LandingError, match=r"cannot be told.*Permission denied.*Let it be read"):
        brokerage.require_own(known, landing, [])


def test_the_connector_is_asked_about_the_home_s_own_landing(published):
    done = command(published, "sources", "check", "brokerage")
    assert (done.returncode, done.stdout) == (0, "brokerage: reached\n"), done.stderr


def test_a_build_without_a_brokerage_says_what_loads_one(tmp_path):
    done = command(tmp_path / "home", "build")
    assert done.returncode == 1
    assert "`tradehouse run` loads what was delivered" in done.stderr
    assert not (tmp_path / "home" / "warehouse.duckdb").exists()


COLUMNS = """select table_name, column_name, data_type from duckdb_columns()
    where database_name = current_database() and schema_name = 'brokerage' order by all"""


def test_the_raw_tables_of_a_contract_are_those_that_a_sync_makes(published, tmp_path):
    home = tmp_path / "another"
    made = tables.prepare("brokerage", home)

    assert len(made) == 21
    assert raw(home, COLUMNS) == raw(published, COLUMNS)
    assert tables.prepare("brokerage", home) == []
    assert tables.prepare("brokerage", published) == []
    rows = raw(published, "select count(*) from brokerage.trade")
    assert rows[0][0] > 0


def test_a_home_whose_first_sync_was_killed_gets_no_simulated_brokerage(published):
    home = Home(published)
    with duckdb.connect(str(home.raw)) as connection:
        connection.execute("drop table brokerage.batch_date")
    (home.state / "brokerage.json").unlink()
    (home.state / "sync.json").unlink()
    (published / "landing").rename(published / "elsewhere")
    with pytest.raises(UsageError, match="Name the directory once"):
        brokerage_sync.landing_to_read(home, None, is_demo=True)
