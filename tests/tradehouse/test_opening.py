"""Whoever opens raw or a warehouse waits for others, names them, and never shows DuckDB's error."""

import errno
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
from tradehouse.dbt import plugin
from tradehouse.errors import BusyError
from tradehouse.home import database as opening
from tradehouse.home import state, warehouse
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

    with warehouse.connected(database) as connection:
        assert connection.execute("select 1").fetchone() == (1,)

    assert 0.5 < time.monotonic() - begun < 30
    assert f"(PID {process.pid}) to close raw.duckdb" in capsys.readouterr().err
    process.wait()


def test_a_file_that_stays_open_is_refused_with_who_has_it(database):
    process = opened(database, "w", 60)

    with (
        pytest.raises(BusyError, match=rf"PID {process.pid}\)\. Close it there") as caught,
        warehouse.connected(database, wait_seconds=0.3),
    ):
        pass
    with pytest.raises(DbtRuntimeError, match=rf"raw.duckdb is in use .*PID {process.pid}"):
        plugin.wait_until_free([(database, True)], seconds=0.3)

    assert LOCK_ERROR not in str(caught.value)
    process.kill()
    process.wait()


def test_what_is_no_database_is_not_waited_for(tmp_path):
    (tmp_path / "raw.duckdb").write_text("this is no database" * 1000)

    with pytest.raises(DamagedError), warehouse.connected(tmp_path / "raw.duckdb"):
        pass


def test_one_at_a_time_opens(tmp_path):
    held = opening.try_lock(tmp_path)
    assert opening.try_lock(tmp_path) is None

    threading.Timer(0.5, os.close, [held]).start()
    begun = time.monotonic()
    with opening.alone(tmp_path):
        assert time.monotonic() - begun > 0.3
        assert opening.try_lock(tmp_path) is None
    os.close(opening.try_lock(tmp_path))


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
    said = let_go_when(syncing.stderr, f"waiting for process {process.pid}", process)

    assert examined.returncode == 0, examined.stdout
    assert f"in use by {sys.executable}" in examined.stdout or "ok" in examined.stdout
    assert syncing.wait() == 0, said
    assert f"waiting for process {process.pid}" in said
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

    assert gold_copy.copy_gold(database, tmp_path / "release.duckdb") == {"t": 1}
    closing.join()


@pytest.mark.parametrize(
    "said",
    [
        "Binder Error: Unique file handle conflict: Cannot attach",
        "Connection Error: Can't open a connection to same database file with a different "
        "configuration than existing connections",
        f"IO Error: Cannot open file: {os.strerror(errno.EACCES)}",
        f"IO Error: Could not write file: {os.strerror(errno.ENOSPC)}",
        f"IO Error: Cannot open file: {os.strerror(errno.EMFILE)}",
        "Out of Memory Error: failed to allocate data of size 1",
    ],
)
def test_what_is_not_the_fault_of_a_file_sets_none_aside(database, monkeypatch, said):
    def refuse(*_, **__):
        raise duckdb.Error(said)

    monkeypatch.setattr(duckdb, "connect", refuse)
    with pytest.raises(duckdb.Error), warehouse.connected(database, wait_seconds=0.1):
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
            warehouse.set_aside_foreign(home, state.read(home, "build"))
        found = {one["check"]: one for one in doctor.examine(home)}

    assert home.warehouse.exists()
    assert found["warehouse.duckdb"]["result"] == doctor.PROBLEM
    assert "ulimit -n" in found["warehouse.duckdb"]["advice"]
