"""How `make ui` begins and ends: what it says, whom it refuses, that nothing of it is left."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from orchestration import page
from tests.orchestration import client
from tradehouse.errors import EXIT_BUSY, EXIT_ERROR, EXIT_USAGE
from tradehouse.home.paths import PROJECT, Home


def start(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["page", *words])
    kept = {number: signal.getsignal(number) for number in page.ENDING}
    try:
        return page.main()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("taken", [0, 1])
def test_a_port_that_is_taken_is_named(home, monkeypatch, capsys, taken):
    port = client.free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + taken))
        other.listen()
        assert start(monkeypatch, "--port", str(port)) == EXIT_USAGE

    said = capsys.readouterr().err
    assert f"Port {port + taken} of 127.0.0.1" in said
    assert "make ui PORT=" in said


@pytest.mark.parametrize("port", ["65535", "99999", "-1"])
def test_a_port_that_does_not_exist_is_named(home, monkeypatch, capsys, port):
    assert start(monkeypatch, "--port", port) == EXIT_USAGE
    assert "cannot be used" in capsys.readouterr().err


def test_the_page_of_production_does_not_start_where_nothing_can_be_loaded(
    home, monkeypatch, capsys
):
    assert start(monkeypatch, "--profile", "prod") == EXIT_USAGE

    said = capsys.readouterr().err
    assert "--landing DIR" in said
    assert "--demo" in said
    assert not (home / "dagster").exists()


def test_a_home_has_one_page(home, monkeypatch, capsys):
    folder = page.write_settings(Home(home))
    with page.being_the_page(Home(home), folder) as address:
        address.write_text(json.dumps({"url": "http://127.0.0.1:3000", "pid": 7}))
        assert start(monkeypatch, "--port", str(client.free_port())) == EXIT_BUSY

    assert "already at http://127.0.0.1:3000 (process 7)" in capsys.readouterr().err
    assert page.read_address(address) == {}


def test_a_project_that_cannot_be_read_any_more_is_shown_as_it_was(
    prepared, monkeypatch, tmp_path, capsys
):
    from orchestration import manifest
    from tradehouse.errors import TradehouseError

    def fail(*_):
        raise TradehouseError("dbt cannot read the project")

    monkeypatch.setattr(manifest, "is_prepared", lambda *_: False)
    monkeypatch.setattr(manifest, "prepare", fail)
    page.prepare_manifest()
    assert "as it was before" in capsys.readouterr().out
    monkeypatch.setattr(manifest, "FOLDER", tmp_path)
    with pytest.raises(TradehouseError):
        page.prepare_manifest()


def family(process):
    """The processes that carry the home of the page in their environment."""
    found = []
    for folder in os.listdir("/proc"):  # noqa: PTH208
        if folder.isdigit() and int(folder) != os.getpid():
            try:
                with open(f"/proc/{folder}/environ", "rb") as file:  # noqa: PTH123
                    content = file.read()
            except OSError:
                continue
            if f"TRADEHOUSE_HOME={process}".encode() in content.split(b"\0"):
                found.append(int(folder))
    return found


@pytest.fixture
def running(prepared, tmp_path):
    (tmp_path / "home").mkdir()
    found = client.start(tmp_path / "home", "dev")
    yield found
    if found.process.poll() is None:
        client.stop(found)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", page.ENDING, ids=lambda one: one.name)
def test_a_signal_ends_the_page_with_all_its_children(running, number):
    running.wait("says where", lambda: "The documentation:" in running.log.read_text())
    assert len(family(running.home)) >= 4

    running.process.send_signal(number)

    code = running.process.wait(60)
    said = running.log.read_text()
    assert code == 0, said
    assert family(running.home) == []
    assert running.url in said
    assert "Traceback" not in said
    assert len(said.splitlines()) < 10
    assert page.read_address(running.home / "dagster" / page.ADDRESS) == {}


SWALLOWED = """
import ctypes, os, signal, sys
from orchestration import changes, page

def look(home):
    place = ctypes.py_object(globals())
    try:
        ctypes.pythonapi.PyRun_String(b"os.kill(os.getpid(), signal.SIGNAL)", 257, place, place)
    except KeyboardInterrupt:
        pass
    return FOUND

changes.look = look
sys.exit(page.main())
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("number", "found"),
    [(signal.SIGTERM, "()"), (signal.SIGHUP, "__import__('no_such_module')")],
    ids=["nothing", "an error"],
)
def test_a_signal_that_a_library_swallows_ends_the_page(prepared, home, number, found):
    """Whatever an import makes of it: nothing, or an error of its own."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SWALLOWED.replace("SIGNAL", number.name).replace("FOUND", found),
            *("--port", str(client.free_port())),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done
    assert done.stdout.endswith("The page has ended.\n")
    assert family(home) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_daemon_that_is_killed_ends_the_page_with_a_sentence(running):
    running.wait("says where", lambda: "Ctrl-C" in running.log.read_text())
    [daemon] = [
        one
        for one in family(running.home)
        if b"dagster-daemon" in (PROJECT / f"/proc/{one}/cmdline").read_bytes()
    ]
    os.kill(daemon, signal.SIGKILL)

    assert running.process.wait(60) == EXIT_ERROR
    assert "The daemon's process was ended by signal 9" in running.log.read_text()
    assert family(running.home) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_page_whose_home_disappears_ends(running):
    running.wait("says where", lambda: "Ctrl-C" in running.log.read_text())
    gone = running.home.with_name("gone")
    running.home.rename(gone)
    (running.home / "dagster").mkdir(parents=True)  # As Dagster does when it misses it.

    assert running.process.wait(90) == EXIT_ERROR
    assert "is gone" in (gone / "page.log").read_text()
    time.sleep(1)
    assert family(running.home) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "words",
    [["definitions", "validate"], ["asset", "list", "-m", "orchestration.definitions"]],
    ids=lambda words: words[0],
)
def test_dagsters_commands_prepare_what_they_need_in_a_fresh_clone(tmp_path, words):
    project = tmp_path / "project"
    names = ("models", "macros", "seeds", "tests/data", "ingestion", "orchestration", "tradehouse")
    for name in (*names, "connectors", "simulator"):
        shutil.copytree(
            PROJECT / name, project / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("dbt_project.yml", "profiles.yml", "requirements.lock", "pyproject.toml"):
        shutil.copy(PROJECT / name, project / name)
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}

    done = subprocess.run(
        [sys.executable, "-m", "dagster", *words],
        cwd=project,
        env={**bare, "PYTHONPATH": str(project), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "target" / "orchestration" / "manifest.json").exists()
    if words[0] == "asset":
        assert "gold/dim_trade" in done.stdout
