"""Whoever opens raw or a warehouse waits for others, names them, and never shows DuckDB's error."""

import errno
import gc
import os
import subprocess
import sys
import threading
import time

import duckdb
import pytest
from dbt_common.exceptions import DbtRuntimeError

from tests.tradehouse.support import PROJECT, command
from tests.tradehouse.test_dbt_by_hand import DBT
from tradehouse.build import repair
from tradehouse.dbt import plugin
from tradehouse.errors import BusyError
from tradehouse.home import database as opening
from tradehouse.home import locks, state, warehouse_queries
from tradehouse.home.files import DamagedError
from tradehouse.home.paths import Home
from tradehouse.observe import doctor
from tradehouse.publish import gold_copy

pytestmark = pytest.mark.xdist_group("run")

OPEN = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'r')"
OPEN += "; print('open', flush=True); time.sleep(float(sys.argv[3]))"
LOCK_ERROR = "Could not set lock"


def opened(path, mode, seconds):
    """A process that has a file open for some seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN, str(path), mode, str(seconds)], stdout=subprocess.PIPE
    )
    process.stdout.readline()
    return process


@pytest.fixture
def database(tmp_path):
    duckdb.connect(tmp_path / "raw.duckdb").close()
    return tmp_path / "raw.duckdb"


def test_a_file_is_opened_when_the_other_process_has_closed_it(database, capsys):
    process = opened(database, "w", 1.5)
    begun = time.monotonic()

    with opening.connected(database) as connection:
        assert connection.execute("select 1").fetchone() == (1,)

    assert 0.5 < time.monotonic() - begun < 30
    assert f"(PID {process.pid}) to close raw.duckdb" in capsys.readouterr().err
    process.wait()


def test_a_file_that_stays_open_is_refused_with_who_has_it(database):
    process = opened(database, "w", 60)

    with (
        pytest.raises(BusyError, match=rf"PID {process.pid}\)\. Close it there") as caught,
        opening.connected(database, wait_seconds=0.3),
    ):
        pass
    with pytest.raises(DbtRuntimeError, match=rf"raw.duckdb is in use .*PID {process.pid}"):
        plugin.wait_until_free([(database, True)], seconds=0.3)

    assert caught.value.holder.endswith(f" (PID {process.pid})")
    assert LOCK_ERROR not in str(caught.value)
    process.kill()
    process.wait()


def test_what_is_no_database_is_not_waited_for(tmp_path):
    (tmp_path / "raw.duckdb").write_text("this is no database" * 1000)

    with pytest.raises(DamagedError), opening.connected(tmp_path / "raw.duckdb"):
        pass


def test_a_quote_in_a_name_is_no_damage_and_no_code(tmp_path):
    """A stream of a source may be called so, and its table in raw is; others were made by hand."""
    home = Home(tmp_path / "home")
    home.prepare()
    for path in (home.raw, home.warehouse):
        with duckdb.connect(path) as connection:
            connection.execute("create schema gold; create table gold.kept as select 7 as one")
            connection.execute("""create table gold."is ""late""; --" as select 1 as "a"";b" """)

    assert opening.find_corruption(home.raw) == ""
    assert not repair.set_aside_corrupt(home, "the file is corrupt")
    rows = {'is "late"; --': 1, "kept": 1}
    assert warehouse_queries.count_rows(home)["gold"] == rows
    release = tmp_path / "release.duckdb"
    assert gold_copy.copy_gold(home.warehouse, release, {}) == rows
    changes = {name: gold_copy.GoldChange() for name in rows}
    assert gold_copy.renew_gold(home.warehouse, release, changes, 1, {}) == rows
    dropped = warehouse_queries.drop_relations_without_model(home, {("gold", "kept")})
    assert dropped == ['gold.is "late"; --']


def test_one_at_a_time_opens_and_nobody_goes_on_without_the_lock(tmp_path):
    held = opening.take_lock(tmp_path, 0, "dbt build")
    with (
        pytest.raises(BusyError, match="are being opened by `dbt build`") as caught,
        opening.alone(tmp_path, 0.3),
    ):
        pytest.fail("It went on without the lock.")
    assert caught.value.holder.startswith(f"`dbt build` (process {os.getpid()}, since 20")

    threading.Timer(0.5, locks.give_back, [held]).start()
    begun = time.monotonic()
    with opening.alone(tmp_path):
        assert time.monotonic() - begun > 0.3
        with pytest.raises(BusyError):
            opening.take_lock(tmp_path, 0)
    locks.give_back(opening.take_lock(tmp_path, 0))


def test_dbt_names_who_opens_the_files_before_it(database):
    held = opening.take_lock(database.parent, 0, "tradehouse sync crm")

    with pytest.raises(DbtRuntimeError, match=r"raw.duckdb is in use .*`tradehouse sync crm`"):
        plugin.wait_until_free([(database, True)], seconds=0.3)

    locks.give_back(held)
    locks.give_back(plugin.wait_until_free([(database, True)], seconds=0.3))


def let_go_when(said, words, holder):
    """Read lines until one has the words, end who holds the file, and return all of them."""
    lines = []
    for line in said:
        lines.append(line)
        if words in line:
            holder.kill()
    holder.kill()
    holder.wait()
    return "".join(lines)


def test_doctor_and_a_sync_name_who_has_raw_open(published):
    process = opened(published / "raw.duckdb", "r", 300)

    examined = command(published, "doctor")
    syncing = subprocess.Popen(
        [sys.executable, "-m", "tradehouse.cli.parser", "sync"],
        cwd=PROJECT,
        env={**os.environ, "TRADEHOUSE_HOME": str(published)},
        stderr=subprocess.PIPE,
        text=True,
    )
    said = let_go_when(syncing.stderr, f"(PID {process.pid}) to close raw.duckdb", process)

    assert examined.returncode == 0, examined.stdout
    assert f"in use by {sys.executable}" in examined.stdout or "ok" in examined.stdout
    assert syncing.wait() == 0, said
    assert f"(PID {process.pid}) to close raw.duckdb" in said
    assert LOCK_ERROR not in said + examined.stdout


def dbt(home, target):
    return subprocess.Popen(
        [DBT, "run", "--select", "bronze_brokerage__batch_date", "--target-path", target],
        cwd=PROJECT,
        env={**os.environ, "TRADEHOUSE_HOME": str(home), "DBT_LOG_PATH": str(target / "logs")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_dbt_by_hand_and_a_loader_never_meet_in_the_lock_of_a_file(published, tmp_path):
    processes = [dbt(published, tmp_path / str(number)) for number in range(2)]
    loaded = 0
    while any(process.poll() is None for process in processes):
        with opening.alone(published):
            try:
                duckdb.connect(published / "raw.duckdb").close()
                loaded += 1
            except duckdb.IOException:
                time.sleep(0.05)  # As the loader does: dbt has it open.
        time.sleep(0.2)
    said = [process.communicate()[0] for process in processes]

    assert loaded > 5
    assert [process.returncode for process in processes] == [0, 0], said
    assert not any(LOCK_ERROR in one or "different configuration" in one for one in said)


@pytest.mark.slow
def test_dbt_by_hand_says_that_it_waits_for_a_loader(published, tmp_path):
    loader = opened(published / "raw.duckdb", "w", 300)

    process = dbt(published, tmp_path / "target")
    said = let_go_when(process.stdout, f"PID {loader.pid}", loader)

    assert process.wait() == 0, said
    assert "waiting for raw.duckdb, in use by" in said
    assert f"PID {loader.pid}" in said


def test_a_file_that_this_process_closes_late_is_waited_for(database, tmp_path):
    connection = duckdb.connect(database)
    connection.execute("create schema gold; create table gold.t as select 1 as n")
    closing = threading.Timer(0.7, connection.close)
    closing.start()

    assert gold_copy.copy_gold(database, tmp_path / "release.duckdb", {}) == {"t": 1}
    closing.join()


def test_a_file_that_only_forgotten_objects_of_this_process_hold_is_opened_at_once(database):
    def forget():
        connection = duckdb.connect(database)
        connection.execute("set timezone = 'UTC'")
        circle = [connection]
        circle.append(circle)

    gc.collect()
    gc.disable()
    try:
        forget()
        opening.connect(database, read_only=True, wait_seconds=0).close()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Binder Error: Unique file handle conflict: Cannot attach", BusyError),
        (
            "Connection Error: Can't open a connection to same database file with a different "
            "configuration than existing connections",
            BusyError,
        ),
        (f"IO Error: Cannot open file: {os.strerror(errno.EACCES)}", duckdb.Error),
        (f"IO Error: Could not write file: {os.strerror(errno.ENOSPC)}", duckdb.Error),
        (f"IO Error: Cannot open file: {os.strerror(errno.EMFILE)}", duckdb.Error),
        ("Out of Memory Error: failed to allocate data of size 1", duckdb.Error),
    ],
)
def test_what_is_not_the_fault_of_a_file_sets_none_aside(database, monkeypatch, said, kind):
    def refuse(*_, **__):
        raise duckdb.Error(said)

    monkeypatch.setattr(duckdb, "connect", refuse)
    with pytest.raises(kind), opening.connected(database, wait_seconds=0.1):
        pass
    with pytest.raises((duckdb.Error, DbtRuntimeError)):
        plugin.wait_until_free([(database, False)], seconds=0.1)

    assert [path.name for path in database.parent.iterdir() if "damaged" in path.name] == []


def test_a_machine_without_descriptors_sets_no_written_warehouse_aside(published, monkeypatch):
    home = Home(published)
    with duckdb.connect(home.warehouse) as connection:
        connection.execute("create table silver.made_by_hand as select 1 as number")

    def refuse(*_, **__):
        raise duckdb.IOException(f"IO Error: Cannot open file: {os.strerror(errno.EMFILE)}")

    with monkeypatch.context() as patched:
        patched.setattr(duckdb, "connect", refuse)
        with pytest.raises(duckdb.IOException):
            repair.set_aside_foreign(home, state.last_build(home))
        found = {one["check"]: one for one in doctor.examine(home)}

    assert home.warehouse.exists()
    assert found["warehouse.duckdb"]["result"] == doctor.PROBLEM
    assert "ulimit -n" in found["warehouse.duckdb"]["advice"]
