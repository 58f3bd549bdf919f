"""How a command ends: every error a sentence, every signal its exit code, and what stood stands."""

import errno
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import duckdb
import pytest

from ingestion.errors import DeclarationError, IngestionError
from tests.tradehouse.support import command, deliver, part, published_batches
from tradehouse.build import execution, journal, resume
from tradehouse.cli import parser
from tradehouse.dbt.runner import NodeResult
from tradehouse.errors import BusyError, UsageError
from tradehouse.home import locks, state
from tradehouse.home.paths import PROJECT, Home
from tradehouse.home.records import Node
from tradehouse.terminal import exits, system_faults

CLEAN = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(autouse=True)
def unstopped(monkeypatch):
    monkeypatch.setattr(exits, "_received", None)
    monkeypatch.setattr(exits, "_is_ending", False)


def raising(error):
    def call():
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("No."), 2, "error: No.\n"),
        (BusyError("Wait."), 5, "error: Wait.\n"),
        (BusyError("Raw is open.", "process 1"), 5, "Raw is open."),
        (DeclarationError("a.yml: no."), 2, "a.yml: no."),
        (IngestionError("It cannot start."), 1, "It cannot start."),
        (OSError(errno.ENOSPC, "x", "/home/a"), 1, "There is no room left for /home/a."),
        (OSError(errno.EDQUOT, "x", "/home/a"), 1, "quota of the disk is used up"),
        (OSError(errno.EROFS, "x", "/home/a"), 1, "/home/a lies on a file system that can only"),
        (OSError(errno.EIO, "x", "/home/a"), 1, "The disk failed to read or write /home/a."),
        (PermissionError(errno.EACCES, "x", "/home/a"), 1, "/home/a may not be read or written"),
        (OSError(errno.ELOOP, "Too many links", "/home/a"), 1, "Too many links (/home/a)."),
        (duckdb.IOException('Could not write "/a/b": No space left on device'), 1, "left for /a/b"),
        (duckdb.OutOfMemoryException("Out of Memory Error: no"), 1, "The memory did not suffice."),
        (MemoryError(), 1, "The memory did not suffice."),
        (RecursionError("maximum"), 1, "nested more deeply"),
        (KeyError("nodes"), 1, "This was not expected (KeyError: 'nodes')."),
        (KeyboardInterrupt(), 130, "error: Stopped. What was committed stays"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_every_error_is_a_sentence_and_an_exit_code(home, capsys, error, code, said):
    (home / "logs").mkdir(parents=True)

    assert exits.guard(raising(error)) == code

    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown
    is_kept = (home / "logs" / "errors.log").exists()
    assert is_kept == (f"The details: {home}/logs/errors.log" in shown)


def test_the_traceback_is_kept_for_the_owner_and_shown_on_demand(home, capsys, monkeypatch):
    log = home / "logs" / "errors.log"
    log.parent.mkdir(parents=True)
    monkeypatch.setenv("TRADEHOUSE_DEBUG", "1")

    exits.guard(raising(KeyError("nodes")))

    assert "Traceback" in capsys.readouterr().err
    assert "KeyError: 'nodes'" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_without_a_home_the_traceback_is_kept_elsewhere(home, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    exits.guard(raising(KeyError("nodes")))
    [kept] = tmp_path.glob("tradehouse-error-*.log")
    assert str(kept) in capsys.readouterr().err

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    exits.guard(raising(KeyError("nodes")))
    assert "not kept, as no place can be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["quarantine", "--stream", os.fsdecode(b"\xff\xfe")],
        ["quarantine", "--limit", "9" * 23],
        ["quarantine", "--batch", "9" * 44],
        ["run", "--replace-batch", "9" * 23],
        ["run", "--landing", "~nobody-here/x"],
        ["run", "--landing", ""],
        ["run", "--landing", os.fsdecode(b"/tmp/caf\xe9")],
    ],
    ids=lambda words: ascii(words)[:40],
)
def test_an_argument_that_cannot_be_meant_is_a_wrong_use(home, monkeypatch, capsys, words):
    monkeypatch.setattr(sys, "argv", ["tradehouse", *words])

    assert exits.guard(parser.call) == 2

    said = capsys.readouterr().err
    assert "expected" not in said
    assert "doctor" not in said
    assert not (home / "landing").exists()


def test_what_is_no_fault_of_the_disk_is_not_called_one():
    assert system_faults.advise(ValueError("no")) is None
    assert system_faults.advise("Binder Error: no such column") is None


@pytest.mark.parametrize("number", CLEAN)
def test_a_signal_ends_the_wait_for_the_lock(home, number):
    with locks.writing(Home(home), command="tradehouse other"):
        waiting = subprocess.Popen(
            [sys.executable, "-m", "tradehouse", "build", "--wait", "600"],
            cwd=PROJECT,
            stderr=subprocess.PIPE,
            text=True,
        )
        while "Waiting for" not in waiting.stderr.readline():
            assert waiting.poll() is None
        waiting.send_signal(number)
        said = waiting.communicate(timeout=30)[1]

    assert waiting.returncode == CLEAN[number]
    assert "error: Stopped" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("number", CLEAN)
def test_a_build_that_is_stopped_stands_and_is_gone_on_with(published, number):
    deliver(published, days=2)
    (published / "logs" / "dbt.log").unlink()
    running = subprocess.Popen(
        [sys.executable, "-m", "tradehouse", "run"],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    reached = part(0.5)
    while not reached(published):
        assert running.poll() is None
        time.sleep(0.002)
    running.send_signal(number)
    said = running.communicate(timeout=120)[1]

    assert (running.returncode, "Traceback" in said) == (CLEAN[number], False), said
    how = {signal.SIGINT: "Ctrl-C"}.get(number, number.name)
    prospect = resume.look(Home(published))
    assert prospect.done > 50
    assert f"The last build was stopped with {how}; {prospect.done} models" in (
        command(published, "status").stdout
    )
    again = command(published, "run", "--resume")
    assert again.returncode == 0, again.stderr
    assert state.read(Home(published), "build")["resumed_after"] == prospect.done
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


@pytest.mark.parametrize("closed", [False, True], ids=["once", "twice"])
def test_a_signal_that_somebody_swallowed_counts_all_the_same(closed, capsys):
    def call():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        except KeyboardInterrupt:
            if closed:
                sys.exit(0)

    before = signal.signal(signal.SIGTERM, exits._stop)
    try:
        assert exits.guard(call) == 143
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "Stopped by SIGTERM" in capsys.readouterr().err


INTERRUPTED = """
import ctypes, os, signal, sys, time
from tradehouse.terminal import exits

def call():
    place = ctypes.py_object(globals())
    code = b"os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)"
    try:
        ctypes.pythonapi.PyRun_String(code, 257, place, place)
    except KeyboardInterrupt:
        raise ImportError("initialization failed")

exits.run(call)
"""


def test_a_signal_inside_a_library_that_runs_code_ends_with_the_signals_code(home):
    """Python ends by SIGINT when KeyboardInterrupt itself came out of code that a library ran."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], cwd=PROJECT, capture_output=True, text=True
    )
    assert (done.returncode, "Traceback" in done.stderr) == (143, False), done
    assert "Stopped by SIGTERM" in done.stderr


def test_a_journal_without_room_leaves_the_node_out(home, monkeypatch):
    (home / "state").mkdir(parents=True)
    journal.begin(Home(home), "1")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        journal.note(Home(home), "model.a", Node(status="success"))

    assert journal.read(Home(home)).nodes == {}


@pytest.mark.parametrize(
    ("said", "noted"),
    [
        ("Runtime Error in model a: INTERRUPT Error: Interrupted!", False),
        ("RuntimeError: Query interrupted", False),
        ("Conversion Error: no number", True),
    ],
)
def test_a_node_that_was_cut_off_is_left_and_one_that_failed_is_broken(
    home, monkeypatch, said, noted
):
    """Also where the signal is not ours: Dagster ends its runs itself."""
    monkeypatch.setattr(execution, "_describe", lambda node, *_: Node(status=node.status))
    (home / "state").mkdir(parents=True)
    journal.begin(Home(home), "1")
    runner = SimpleNamespace(fingerprints={"model.a": "1"})
    result = NodeResult("a", "model.a", "model", "error", 0.1, 0, said, None, None)
    told = []

    execution._note(Home(home), runner, set(), told.append, result)

    assert told == [result]
    assert ("model.a" in journal.read(Home(home)).nodes) is noted


@pytest.mark.parametrize("size", ["0", "-1", "9" * 5000, "x", ""])
@pytest.mark.parametrize("words", [["sources", "scaffold", ""], ["profile", "nowhere"], ["--help"]])
def test_a_terminal_of_an_odd_size_hides_nothing(home, size, words):
    done = subprocess.run(
        [sys.executable, "-m", "tradehouse.cli.parser", *words],
        env={**os.environ, "COLUMNS": size, "LINES": size},
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert (done.stdout + done.stderr).strip()
    assert "not expected" not in done.stderr
