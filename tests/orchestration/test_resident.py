"""The process that forks for runs: what it gives a run, and that a run never depends on it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import duckdb
import pytest
from dagster import AssetKey, DagsterRunStatus, DefaultRunLauncher
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

from orchestration import asset_execution, launcher, manifest, resident
from orchestration.jobs import DAY
from orchestration.page import write_settings
from orchestration.servers import MODULE
from tests.compare_gold import GOLD_TABLES, MARTS, compare_files
from tests.orchestration.support import LAST, deliver, open_instance, run_day
from tests.tradehouse.support import copy_home
from tradehouse.dbt.runner import DbtRunner
from tradehouse.home import locks, state
from tradehouse.home.paths import PROJECT, Home

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this process")

UNPREPARED = """
import json, os, signal, threading, time
from pathlib import Path
from dagster._cli import api
from orchestration import resident

def execute(run, _):
    asked = json.loads(run)
    said = {
        "parent": os.getppid(),
        "group": os.getpgid(0),
        "directory": os.getcwd(),
        "input": os.readlink("/proc/self/fd/0"),
        "threads": threading.active_count(),
        "environment": dict(os.environ),
        "wakes": signal.set_wakeup_fd(-1),
        "open": [os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")
                 if os.path.exists(f"/proc/self/fd/{one}")],
    }
    Path(asked["file"]).write_text(json.dumps(said))
    while not Path(asked["file"] + ".over").exists():
        time.sleep(0.02)

api.execute_run_command.callback = execute
resident.prepare = lambda state: None
resident.main()
"""
"""A resident process that has read nothing, and whose runs say what they find and wait."""


def wait(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s"
        time.sleep(0.02)
    return found


def is_gone(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def is_ready(folder):
    try:
        launcher.connect(folder).close()
    except OSError:
        return False
    return True


def begin(command, folder, home, project=PROJECT):
    """Start a resident process as the page does, and return it when it answers."""
    write_settings(Home(home))
    environment = {
        **os.environ,
        "TRADEHOUSE_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "PYTHONPATH": str(project),
    }
    process = subprocess.Popen(
        [sys.executable, *command, str(folder)],
        stdin=subprocess.PIPE,
        cwd=project,
        env=environment,
        start_new_session=True,
    )
    wait(lambda: is_ready(folder) or process.poll() is not None, 120)
    assert process.poll() is None
    return SimpleNamespace(process=process, folder=folder, home=home, environment=environment)


def end(one):
    one.process.stdin.close()
    try:
        assert one.process.wait(30) in (0, -signal.SIGKILL)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()


@pytest.fixture
def unprepared(home, tmp_path):
    found = begin(["-c", UNPREPARED], home / "dagster" / "resident", home)
    yield found
    end(found)


def ask(one, run, **changes):
    """Ask for a run; returns the connection and the number of the process that is ready."""
    connection = launcher.connect(one.folder)
    environment = launcher.digest_environment({**one.environment, **changes})
    connection.send(json.dumps({"environment": environment, "run": json.dumps(run)}).encode())
    return connection, int(connection.recv(100) or 0)


def test_a_run_gets_a_process_of_its_own(unprepared, tmp_path):
    found = tmp_path / "found"
    connection, process = ask(unprepared, {"file": str(found)})
    connection.send(launcher.GO)
    said = json.loads(wait(lambda: found.exists() and found.read_text()))

    assert said["parent"] == unprepared.process.pid
    assert said["group"] == unprepared.process.pid  # It ends with the page.
    assert said["directory"] == str(PROJECT)
    assert said["input"] == os.devnull
    assert said["threads"] == 1
    assert said["wakes"] == -1
    assert not [one for one in said["open"] if one.startswith("socket:")]
    given = {k: v for k, v in said["environment"].items() if k not in ("LC_CTYPE", "SF_PARTNER")}
    assert given == unprepared.environment
    (tmp_path / "found.over").touch()
    wait(lambda: is_gone(process))


def test_two_runs_at_once_have_two_processes(unprepared, tmp_path):
    begun = [ask(unprepared, {"file": str(tmp_path / name)}) for name in ("one", "two")]
    for connection, _ in reversed(begun):
        connection.send(launcher.GO)
    for name in ("one", "two"):
        wait((tmp_path / name).exists)
        (tmp_path / f"{name}.over").touch()
    (_, first), (_, second) = begun
    assert len({first, second, unprepared.process.pid}) == 3
    wait(lambda: is_gone(first) and is_gone(second))


def test_a_run_that_was_given_up_never_begins(unprepared, tmp_path):
    connection, process = ask(unprepared, {"file": str(tmp_path / "found")})
    connection.close()

    wait(lambda: is_gone(process))
    assert not (tmp_path / "found").exists()
    assert is_ready(unprepared.folder)


def test_only_its_user_may_ask(unprepared):
    assert unprepared.folder.stat().st_mode & 0o777 == 0o700
    assert (unprepared.folder / launcher.SOCKET).stat().st_mode & 0o777 == 0o600


def test_no_run_is_forked_with_other_variables(unprepared):
    assert ask(unprepared, {}, TRADEHOUSE_REPORTING_CURRENCY="EUR")[1] == 0
    assert ask(unprepared, {}, TRADEHOUSE_THREADS="1")[1] == 0
    connection, process = ask(unprepared, {}, DAGSTER_ANYTHING="of its own")
    assert process > 0
    connection.close()


@pytest.mark.parametrize("said", [b"nothing to read", b"{}", b"[]", b"\xff"])
def test_what_nobody_can_read_is_refused(unprepared, said):
    with launcher.connect(unprepared.folder) as connection:
        connection.send(said)
        assert connection.recv(100) == b""
    assert is_ready(unprepared.folder)


def test_no_run_is_forked_beside_a_thread(monkeypatch):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = launcher.digest_environment(os.environ)
    monkeypatch.setattr(resident.os, "fork", lambda: pytest.fail("forked"))
    monkeypatch.setattr(resident.os, "listdir", lambda *_: ["1", "2"])
    with ours, theirs:
        ours.send(json.dumps({"environment": environment, "run": ""}).encode())
        assert resident.fork(theirs, launcher.digest_state()) is None


def test_a_home_with_a_long_name_has_one_too(home, tmp_path):
    folder = tmp_path / ("long" * 50) / ("name" * 20)
    found = begin(["-c", UNPREPARED], folder, home)
    try:
        assert ask(found, {})[1] > 0
    finally:
        end(found)


PARENT = """
import subprocess, sys, time
process = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=subprocess.PIPE)
print(process.pid, flush=True)
time.sleep(1000)
"""


def test_it_ends_when_the_page_is_killed(home):
    folder = write_settings(Home(home)) / "resident"
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, "-c", UNPREPARED, str(folder)],
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    ) as parent:
        found = int(parent.stdout.readline())
        wait(lambda: is_ready(folder))
        parent.kill()

    wait(lambda: is_gone(found))
    assert not is_ready(folder)


@pytest.fixture
def instance(home, unprepared):
    with open_instance(home) as opened:
        yield opened


def create(instance, definitions, day=LAST, select=None):
    """Create a run of a day as the page does, without starting it."""
    pointer = ModuleCodePointer(MODULE, "defs", working_directory=str(PROJECT))
    job = definitions.resolve_job_def(DAY)
    if select:
        job = job.get_subset(asset_selection=frozenset(map(AssetKey, select)))
    return instance.create_run_for_job(
        job,
        status=DagsterRunStatus.STARTING,
        tags={"dagster/partition": day},
        asset_selection=job.asset_selection,
        job_code_origin=JobPythonOrigin(
            DAY, RepositoryPythonOrigin(sys.executable, pointer, entry_point=["dagster"])
        ),
    )


@pytest.fixture
def in_new_processes(monkeypatch):
    """The runs that are started as Dagster starts them; here they are noted only."""
    found = []
    monkeypatch.setattr(
        DefaultRunLauncher, "launch_run", lambda _, context: found.append(context.dagster_run)
    )
    return found


def launch(instance, run, one):
    """Launch as the page's daemon does, which has the variables of the resident process."""
    with mock.patch.dict(os.environ, one.environment, clear=True):
        instance.run_launcher.launch_run(LaunchRunContext(run, None))


@pytest.mark.parametrize("way", ["ready", "killed", "stopped", "damaged", "elsewhere"])
def test_without_it_a_run_is_a_new_process(
    instance, unprepared, definitions, in_new_processes, monkeypatch, capfd, way
):
    if way == "stopped":
        monkeypatch.setattr(launcher, "WAIT_SECONDS", 1)
    if way == "killed":
        unprepared.process.kill()
        unprepared.process.wait()
    elif way == "stopped":
        unprepared.process.send_signal(signal.SIGSTOP)
    elif way == "damaged":
        (unprepared.folder / launcher.SOCKET).unlink()
        (unprepared.folder / launcher.SOCKET).write_text("no socket")
    elif way == "elsewhere":
        monkeypatch.setattr(launcher.sys, "platform", "darwin")
    run = create(instance, definitions)

    launch(instance, run, unprepared)

    unprepared.process.send_signal(signal.SIGCONT)
    if way == "ready":
        assert in_new_processes == []
        assert process_of(instance, run) > 0
        return
    assert [one.run_id for one in in_new_processes] == [run.run_id]
    assert launcher.PROCESS_TAG not in instance.get_run_by_id(run.run_id).tags
    if way == "stopped":  # It hears of the run now, and nobody wants it any more.
        assert is_ready(unprepared.folder)
        process = unprepared.process.pid
        children = Path(f"/proc/{process}/task/{process}/children")
        wait(lambda: children.read_text() == "")
        assert "Traceback" not in capfd.readouterr().err


def test_a_parse_is_taken_in_the_state_it_is_of(home, monkeypatch):
    """Whatever changes between the fork and the first use of dbt: then the run parses itself."""
    manifest = SimpleNamespace(_lock="of another process")
    parsed = DbtRunner(Home(home))
    parsed.manifest, parsed.fingerprints = manifest, {"a": "b"}
    monkeypatch.setattr(asset_execution, "_parsed", {})
    asset_execution.keep_parsed(parsed, launcher.digest_state())

    def used(run_id):
        context = SimpleNamespace(run=SimpleNamespace(run_id=run_id))
        return asset_execution.runner_of(context, Home(home)).manifest

    assert used("first") is manifest
    assert manifest._lock != "of another process"
    for name in ("TRADEHOUSE_REPORTING_CURRENCY", "ANY_THAT_A_MODEL_MAY_READ"):
        with monkeypatch.context() as changed:
            changed.setenv(name, "EUR")
            assert used(name) is None
    assert used("again") is manifest
    with monkeypatch.context() as changed:
        changed.setattr(launcher.fingerprint, "digest_project", lambda: "of another project")
        assert used("changed") is None
    with monkeypatch.context() as changed:
        changed.setattr(launcher, "CODE", ("tradehouse",))
        assert used("other code") is None


@pytest.mark.slow
def test_what_the_page_parsed_at_its_start_is_not_parsed_again(home, tmp_path):
    folder = tmp_path / "parsed"
    assert manifest.prepare(folder)
    assert (folder / "partial_parse.msgpack").exists()

    DbtRunner(Home(home), parsed=folder).parse()

    said = (Home(home).logs / "dbt.log").read_text()
    assert "Registered adapter" in said
    assert "Unable to do partial parsing" not in said


def forks(one):
    """Whether it forks; while it begins anew it does not answer."""
    try:
        connection, process = ask(one, {})
    except OSError:
        return False
    connection.close()
    return process > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_project_that_changes_is_parsed_again(home, tmp_path):
    project = tmp_path / "project"
    hidden = shutil.ignore_patterns("__pycache__", ".*", "target", "docs", "data", "benchmarks")
    shutil.copytree(PROJECT, project, ignore=hidden)
    found = begin(["-m", "orchestration.resident"], tmp_path / "socket", home, project)
    kept = project / "target" / "orchestration" / "parsed_project.txt"
    try:
        before = kept.read_text()
        connection, first = ask(found, {})
        connection.close()
        assert first > 0
        model = project / "models" / "gold" / "core" / "dim_date.sql"
        model.write_text(model.read_text() + "-- changed\n")

        assert ask(found, {})[1] == 0

        wait(lambda: forks(found), 200)
        assert kept.read_text() != before
        assert found.process.poll() is None
        model.write_text("{{ no_such_macro(")
        assert ask(found, {})[1] == 0
        wait(lambda: forks(found), 200)  # Its run says itself what dbt cannot read.
    finally:
        end(found)


@pytest.fixture(scope="module")
def working(loaded, prepared, tmp_path_factory):
    """A resident process that has read everything, on a home with a third day delivered."""
    folder = tmp_path_factory.mktemp("resident")
    home = copy_home(loaded.home, folder / "home")
    deliver(home / "landing", days=2)
    found = begin(["-m", "orchestration.resident"], folder / "socket" / "resident", home)
    yield found
    end(found)


@pytest.fixture
def at_work(working, prepared, monkeypatch):
    """The instance of that home, in the surroundings of the page."""
    from tests.orchestration.conftest import define

    for name, value in working.environment.items():
        monkeypatch.setenv(name, value)
    with open_instance(working.home) as opened:
        monkeypatch.setattr(type(opened), "root_directory", str(working.folder.parent))
        yield SimpleNamespace(instance=opened, definitions=define(prepared))


def status(instance, run):
    return instance.get_run_by_id(run.run_id).status


def process_of(instance, run):
    return int(instance.get_run_by_id(run.run_id).tags[launcher.PROCESS_TAG].split()[0])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_forked_run_does_what_a_new_process_does(working, at_work, loaded, tmp_path, monkeypatch):
    tasks = os.listdir(f"/proc/{working.process.pid}/task")  # noqa: PTH208
    files = [str(one.readlink()) for one in Path(f"/proc/{working.process.pid}/fd").iterdir()]
    assert len(tasks) == 1
    assert not [one for one in files if one.endswith((".duckdb", ".wal", ".db"))]
    partial = working.home / "target" / "partial_parse.msgpack"
    partial.unlink(missing_ok=True)
    run = create(at_work.instance, at_work.definitions)

    launch(at_work.instance, run, working)

    wait(lambda: status(at_work.instance, run) == DagsterRunStatus.SUCCESS, 400)
    assert not partial.exists()  # What was parsed before was used.
    other = copy_home(loaded.home, tmp_path / "other")
    deliver(other / "landing", days=2)
    monkeypatch.setenv("TRADEHOUSE_HOME", str(other))
    with open_instance(other) as instance:
        assert run_day(at_work.definitions, instance, LAST).success
    released = [
        home / "releases" / "current" / "tradehouse.duckdb" for home in (working.home, other)
    ]
    assert compare_files(*released, GOLD_TABLES + MARTS) == []
    with duckdb.connect(released[0], read_only=True) as release:
        assert release.execute("select max(batch_id) from gold.audit").fetchone() == (3,)


def building(home, run):
    """The process of a run that builds; None before. An interrupted sync would be tried again."""
    holder = locks.find_holder(home) or {"command": ""}
    return holder["pid"] if holder["command"] == f"Dagster run {run.run_id[:8]}, build" else None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_forked_run_is_stopped_and_one_that_is_killed_is_closed(working, at_work):
    instance, home = at_work.instance, Home(working.home)
    first = create(instance, at_work.definitions)
    launch(instance, first, working)
    assert wait(lambda: building(home, first), 120) == process_of(instance, first)

    assert instance.run_launcher.terminate(first.run_id)

    wait(lambda: status(instance, first) == DagsterRunStatus.CANCELED, 60)
    wait(lambda: is_gone(process_of(instance, first)))
    wait(lambda: locks.find_holder(home) is None)
    assert not instance.run_launcher.terminate(first.run_id)

    second = create(instance, at_work.definitions)
    launch(instance, second, working)
    wait(lambda: building(home, second), 120)
    os.kill(process_of(instance, second), signal.SIGKILL)
    wait(lambda: status(instance, second) == DagsterRunStatus.FAILURE, 30)
    third = create(instance, at_work.definitions)
    launch(instance, third, working)
    wait(lambda: status(instance, third) == DagsterRunStatus.SUCCESS, 400)
    assert state.read(home, "build")["status"] == "passed"
    assert working.process.poll() is None
