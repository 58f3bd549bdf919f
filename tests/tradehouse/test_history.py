"""The history of runs: an entry for each, whatever becomes of the run, the disk or the entry."""

import json
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from dagster import Failure

from orchestration.asset_execution import work
from tests.tradehouse.support import command, deliver, take
from tradehouse.cli import parser
from tradehouse.errors import BusyError, TradehouseError, UsageError
from tradehouse.home import files, history, locks
from tradehouse.home.files import DamagedError
from tradehouse.home.history import End
from tradehouse.home.paths import PROJECT, Home
from tradehouse.home.records import Build, Outcome, Sync
from tradehouse.observe import doctor
from tradehouse.publish import releases
from tradehouse.runs import session
from tradehouse.terminal.progress import Steps

pytestmark = pytest.mark.xdist_group("run")

HANGING = """
import sys, time
from pathlib import Path
from tradehouse.home.paths import Home
from tradehouse.runs import session
from tradehouse.terminal.progress import Steps

steps = Steps(quiet=True)
with session.writing(Home(Path(sys.argv[1])), "run", steps=steps, holder="tradehouse run"):
    with steps.step("sync") as step:
        step.finish("batch 1: 5 records")
    print("writing", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(files, "_told", set())
    return Home(tmp_path / "home")


def write(home, *finished, name="build"):
    """Do a run whose steps end with these results; return its entry."""
    steps = Steps(quiet=True)
    with session.writing(home, name, steps=steps, holder=f"tradehouse {name}"):
        for result in finished:
            with steps.step(type(result).__name__) as step:
                step.finish("said", result)
    return history.find_last(home, 1)[0]


def listed(home):
    return [(run.number, run.outcome) for run in history.find_last(home, 100)]


def test_a_run_says_what_it_loaded_built_and_published_and_the_next_does_not_replace_it(published):
    home = Home(published)
    before = [number for number, _ in listed(home)]
    deliver(published, days=2)
    take(published)
    take(published)

    idle, done, *_ = history.find_last(home, 100)
    assert [number for number, _ in listed(home)] == [idle.number, done.number, *before]
    assert (done.outcome, done.error, done.command) == (End.DONE, "", "run")
    assert [(one.source, one.batches, one.error) for one in done.synced] == [("brokerage", [3], "")]
    assert done.synced[0].records > 0
    [build] = done.builds
    assert (build.outcome, build.reasons) == (Outcome.PASSED, ["batch 3 waits"])
    assert (build.batches, build.loads, build.broken) == ([3], {}, [])
    assert build.tests.passed > 20
    assert done.releases == [releases.find_current(home)]
    assert [one.name for one in done.phases if one.name != "docs"] == ["sync", "build", "publish"]
    assert 0 < sum(one.seconds for one in done.phases) <= done.seconds + 1
    assert (idle.outcome, idle.builds, idle.releases) == (End.IDLE, [], [])
    assert idle.began_at >= done.ended_at

    said = json.loads(command(published, "runs", "--limit", "2", "--json").stdout)
    assert [one["number"] for one in said] == [idle.number, done.number]
    shown = command(published, "runs", "show", str(done.number)).stdout
    assert f"Run         {done.number}: done\n" in shown
    assert "            because batch 3 waits\n" in shown
    assert f"Release     {done.releases[0]}\n" in shown


def test_tests_that_failed_are_named_without_their_rows(empty):
    failed = Build(
        status=Outcome.TESTS_FAILED,
        id="b",
        nodes={
            "test.tradehouse.no_debts.abc": {"status": "fail"},
            "model.tradehouse.m": {"status": "error", "message": "no such column\nselect 1"},
            "model.tradehouse.n": {"status": "success"},
        },
        failures=[{"test": "no_debts", "message": "Got 3 results", "rows": [{"name": "Jane Roe"}]}],
    )
    run = write(empty, failed)

    assert run.outcome is End.TESTS_FAILED
    assert run.error == "failed: no_debts, m"
    assert [(one.name, one.status, one.message) for one in run.builds[0].broken] == [
        ("no_debts", "fail", "Got 3 results"),
        ("m", "error", "no such column"),
    ]
    path = empty.state / "runs" / "1.json"
    assert "Jane Roe" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_new_to_a_build_is_told_from_what_stood_before(empty):
    build = Build(
        status=Outcome.PASSED,
        id="b",
        built_before=[
            ["brokerage", 1, 1, 1, 10],
            ["brokerage", 2, 2, 1, 20],
            ["crm", 4, None, None, 5],
        ],
        built_loads={"crm": [4, 5], "bank": [2, 7]},
        batches=[
            {"batch": 1, "delivery": 1, "is_accepted": True},
            {"batch": 2, "delivery": 2, "is_accepted": True},
            {"batch": 3, "delivery": 1, "is_accepted": True},
            {"batch": 4, "delivery": 1, "is_accepted": False},
        ],
    )
    [built] = write(empty, build).builds
    assert (built.batches, built.loads) == ([2, 3], {"bank": 2})


@pytest.mark.parametrize(
    ("raised", "ended", "why"),
    [
        (TradehouseError("The disk is full."), End.FAILED, "The disk is full."),
        (ValueError("no number"), End.FAILED, "ValueError: no number"),
        (KeyboardInterrupt(), End.STOPPED, "stopped with Ctrl-C"),
    ],
)
def test_a_run_that_is_broken_off_says_why_and_what_it_had_done(empty, raised, ended, why):
    steps = Steps(quiet=True)

    def fail():
        with session.writing(empty, "run", steps=steps):
            with steps.step("sync") as step:
                step.finish("3 records", Sync(status="succeeded", records=3, new_batches=[1]))
            with steps.step("build"):
                raise raised

    with pytest.raises(type(raised)):
        fail()
    [run] = history.find_last(empty, 5)
    assert (run.outcome, run.error) == (ended, why)
    assert [(one.name, one.said) for one in run.phases] == [("sync", "3 records"), ("build", "")]
    assert [(one.records, one.batches) for one in run.synced] == [(3, [1])]
    assert write(empty).number == 2
    assert listed(empty) == [(2, End.IDLE), (1, ended)]


def test_a_source_that_was_refused_is_named(empty):
    refused = Sync(status="failed", errors=[{"message": "Batch2/Date.txt is missing."}])
    run = write(empty, refused, name="sync")
    assert (run.outcome, run.error) == (End.HELD, "brokerage: Batch2/Date.txt is missing.")


def test_a_run_that_is_killed_was_stopped_and_one_that_goes_on_runs(empty):
    write(empty)
    arguments = [sys.executable, "-c", HANGING, str(empty.root)]
    with subprocess.Popen(arguments, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "writing\n"
            assert listed(empty) == [(2, End.RUNNING), (1, End.IDLE)]
        finally:
            process.send_signal(signal.SIGKILL)

    [killed, _] = history.find_last(empty, 5)
    assert (killed.number, killed.outcome, killed.error) == (2, End.STOPPED, history.KILLED)
    assert (killed.seconds, killed.ended_at) == (None, None)
    assert [(one.name, one.said) for one in killed.phases] == [("sync", "batch 1: 5 records")]

    write(empty)
    kept = json.loads((empty.state / "runs" / "2.json").read_text())
    assert (kept["outcome"], kept["error"]) == ("stopped", history.KILLED)
    assert listed(empty) == [(3, End.IDLE), (2, End.STOPPED), (1, End.IDLE)]


def test_a_lock_that_is_removed_under_a_run_lets_no_second_one_in(empty):
    write(empty)
    arguments = [sys.executable, "-c", HANGING, str(empty.root)]
    with subprocess.Popen(arguments, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "writing\n"
            (empty.state / locks.LOCK).unlink()
            with pytest.raises(BusyError, match=rf"`tradehouse run` \(process {process.pid}, "):
                write(empty)
            entry = json.loads((empty.state / "runs" / "2.json").read_text())
            assert entry["outcome"] == "running"
        finally:
            process.kill()
    assert write(empty).number == 3


@pytest.mark.parametrize("number", [1, 3], ids=["oldest", "newest"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(400),
        b'{"number": 1, "outc',
        b"[1]",
        b'{"version": 99}',
        b"\xff",
        b'{"number": 1}',
        b'{"number": 2, "command": "sync", "called": "a copy", "outcome": "running", "pid": 1,'
        b' "began_at": "2026-01-01T00:00:00+00:00", "started": 1}',
    ],
)
def test_an_entry_that_cannot_be_read_stops_nothing(empty, capsys, number, content):
    for _ in range(3):
        write(empty)
    path = empty.state / "runs" / f"{number}.json"
    path.write_bytes(content)

    others = [one for one in (3, 2, 1) if one != number]
    assert [run.number for run in history.find_last(empty, 9)] == others
    assert f"{path} " in capsys.readouterr().err
    is_newer = b"version" in content
    with pytest.raises(files.NewerError if is_newer else DamagedError):
        history.find(empty, number)
    checks = {one["check"]: one["result"] for one in doctor.examine(empty)}
    assert checks.get(f"state/runs/{number}.json") == (None if is_newer else doctor.NOTE)

    assert write(empty).number == 4
    assert [run.number for run in history.find_last(empty, 9)] == [4, *others]
    is_aside = number == 3 and not is_newer
    assert path.with_name(f"{path.name}.damaged" if is_aside else path.name).read_bytes() == content


@pytest.mark.parametrize("make", ["write_text", "symlink_to"])
def test_what_lies_where_the_entries_should_is_set_aside(empty, make):
    empty.prepare()
    getattr(empty.state / "runs", make)("nothing")
    assert write(empty).number == 1
    assert (empty.state / "runs.damaged").is_symlink() == (make == "symlink_to")


def test_the_newest_runs_are_kept_and_their_numbers_go_on(empty, monkeypatch):
    monkeypatch.setattr(history, "KEEP", 3)
    for _ in range(2):
        write(empty)
    (empty.state / "runs" / "2.json").write_bytes(b"")
    for _ in range(4):
        write(empty)
    assert [number for number, _ in listed(empty)] == [6, 5, 4]
    assert sorted(path.name for path in (empty.state / "runs").iterdir()) == [
        "4.json",
        "5.json",
        "6.json",
    ]
    with pytest.raises(UsageError, match=r"There is no run 1\. Kept are 4 to 6: tradehouse runs\."):
        history.find(empty, 1)


def test_who_reads_while_a_run_writes_finds_whole_entries(empty, capsys):
    seen, is_over = [], threading.Event()

    def read():
        while not is_over.is_set():
            seen.append(history.find_last(empty, 1))

    reader = threading.Thread(target=read)
    reader.start()
    builds = [Build(status=Outcome.PASSED, id="x" * size) for size in range(1, 200, 5)]
    write(empty, *builds)
    is_over.set()
    reader.join()

    assert capsys.readouterr().err == ""
    assert {run.number for found in seen for run in found} == {1}
    assert len(history.find(empty, 1).builds) == len(builds)


def test_without_room_for_its_entry_a_run_goes_on(empty, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files, "write", full)
        with session.writing(empty, "docs"):
            (empty.root / "made").touch()
    assert (empty.root / "made").exists()
    said = "The history of runs could not be written: No space left on device.\n"
    assert capsys.readouterr().err.count(said) == 1
    assert listed(empty) == []


def test_steps_of_the_page_are_runs_too(empty):
    context = SimpleNamespace(
        run=SimpleNamespace(run_id="0123456789ab"), log=SimpleNamespace(warning=print)
    )

    def load(home, emit, steps):
        with steps.step("sync crm") as step:
            step.finish("2 records", history.Synced(source="crm", records=2))
        emit("event")

    assert list(work(context, "sync", load)) == ["event"]
    failure = Failure("2 tests failed.", allow_retries=False)
    with pytest.raises(Failure):
        list(work(context, "build", lambda *_: failure))

    failed, done = history.find_last(empty, 5)
    assert (done.called, done.command) == ("Dagster run 01234567, sync", "sync")
    assert (done.outcome, done.synced[0].records) == (End.DONE, 2)
    assert (failed.outcome, failed.error) == (End.FAILED, "2 tests failed.")


def test_who_waits_in_vain_for_the_lock_was_no_run(empty):
    with locks.writing(empty), pytest.raises(TradehouseError, match="Another process"):
        write(empty)
    assert listed(empty) == []


def test_runs_are_listed_newest_first_with_what_hostile_text_says_escaped(empty, capsys):
    parser.app(["runs"], standalone_mode=False)
    assert capsys.readouterr().out == "No run yet. `tradehouse run` takes what waits.\n"
    write(empty, Sync(status="succeeded", records=1234, new_batches=[1, 2, 3]), name="sync")
    write(empty, Sync(status="failed", errors=[{"message": "\x1b[31mred"}]), name="sync")

    parser.app(["runs", "--limit", "5"], standalone_mode=False)
    header, second, first = capsys.readouterr().out.splitlines()
    assert header.split() == [
        *(
            "run",
            "began",
            "(UTC)",
            "seconds",
            "called",
            "loaded",
            "built",
            "release",
            "ended",
            "why",
        )
    ]
    assert second.startswith("2 ")
    assert "\\x1b[31mred" in second
    assert "brokerage: 1,234 records, batches 1 to 3" in first

    parser.app(["runs", "show", "2"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "Run         2: done in part\n" in shown
    assert "Why         brokerage: \\x1b[31mred\n" in shown
    parser.app(["runs", "show", "1", "--json"], standalone_mode=False)
    kept = json.loads(capsys.readouterr().out)
    assert kept["synced"] == [
        {"source": "brokerage", "records": 1234, "batches": [1, 2, 3], "error": ""}
    ]
    assert not {"pid", "started"} & kept.keys()
