"""The event log: what Dagster's own keeps, from few connections, seen at once by who watches."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from sqlite3 import dbapi2

import pytest
from dagster import DagsterInstance, asset, materialize

from orchestration import event_log
from orchestration.page import set_aside_damaged, write_settings
from tests.orchestration.support import open_instance
from tradehouse.home.paths import PROJECT, Home


@asset
def one():
    """Something to tell of."""


@pytest.fixture
def instance(home):
    with open_instance(home) as opened:
        assert isinstance(opened.event_log_storage, event_log.EventLog)
        yield opened


def test_it_keeps_what_dagsters_own_keeps(instance):
    with DagsterInstance.ephemeral() as plain:
        expected = plain.all_logs(materialize([one], instance=plain).run_id)

    result = materialize([one], instance=instance)

    entries = instance.all_logs(result.run_id)
    found, wanted = ([e.dagster_event_type for e in some] for some in (entries, expected))
    assert found == wanted
    assert len(found) > 5
    assert instance.get_latest_materialization_event(one.key).run_id == result.run_id


def test_what_a_run_tells_opens_no_connection_again(instance, monkeypatch):
    run = instance.get_run_by_id(materialize([one], instance=instance).run_id)
    opened = []
    connect = dbapi2.connect
    monkeypatch.setattr(dbapi2, "connect", lambda *a, **k: opened.append(a[0]) or connect(*a, **k))

    for number in range(20):
        instance.report_engine_event(f"event {number}", run)

    assert [path for path in opened if "/history/runs/" in path] == []
    assert instance.all_logs(run.run_id)[-1].message == "event 19"
    with instance.event_log_storage.index_connection() as connection:
        [(level,)] = connection.exec_driver_sql("pragma synchronous").fetchall()
        [(journal,)] = connection.exec_driver_sql("pragma journal_mode").fetchall()
    assert (level, journal) == (1, "wal")


def test_only_the_last_runs_stay_open(instance, monkeypatch):
    monkeypatch.setattr(event_log, "RUNS_KEPT_OPEN", 2)

    runs = [materialize([one], instance=instance).run_id for _ in range(4)]

    assert set(instance.event_log_storage._engines) == {"index", *runs[2:]}
    assert all(instance.all_logs(run_id) for run_id in runs)


def test_who_watches_a_run_sees_what_another_process_tells(home, instance):
    result = materialize([one], instance=instance)
    seen, told = [], threading.Event()

    def hear(entry, _cursor):
        seen.append(entry.message)
        told.set()

    cursor = instance.get_records_for_run(result.run_id).cursor
    instance.watch_event_logs(result.run_id, cursor, hear)
    tell(home, result.run_id, "from elsewhere")

    assert told.wait(10)
    instance.end_watch_event_logs(result.run_id, hear)
    assert seen == ["from elsewhere"]


def test_what_a_killed_process_told_stays(home, instance):
    result = materialize([one], instance=instance)

    tell(home, result.run_id, "the last words", "os.kill(os.getpid(), signal.SIGKILL)")

    assert instance.all_logs(result.run_id)[-1].message == "the last words"


def tell(home, run_id, words, then=""):
    """Tell something of a run in a process of its own."""
    folder = write_settings(Home(home))
    code = (
        "import os, signal\nfrom dagster import DagsterInstance\n"
        f"instance = DagsterInstance.from_config({str(folder)!r})\n"
        f"instance.report_engine_event({words!r}, instance.get_run_by_id({run_id!r}))\n{then}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (-signal.SIGKILL if then else 0), done.stderr


def test_a_database_that_sqlite_cannot_read_is_set_aside_and_others_stay(tmp_path, capsys):
    with closing(sqlite3.connect(tmp_path / "whole.db")) as whole:
        whole.execute("create table runs (id integer)")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "broken.db").write_bytes(b"no database" * 1000)

    set_aside_damaged(tmp_path)

    assert (tmp_path / "whole.db").exists()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["broken.db.damaged"]
    assert "broken.db is damaged (file is not a database)" in capsys.readouterr().err
