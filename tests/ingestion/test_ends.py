"""Syncs that end in every way: no process, no secret on disk is left, and limits hold."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingestion import environments, logs, surroundings
from ingestion.declarations import Declaration, Limits
from ingestion.errors import DeclarationError
from ingestion.process import ConnectorProcess
from ingestion.redaction import Redactor
from tests.ingestion.conftest import Source, record, state, status, stream

PROJECT = Path(__file__).resolve().parents[2]
SECRET = "sesame-1234-open"
LIMITS = Limits(silence_seconds=3, stop_seconds=1)

SILENT = """
import os, subprocess, sys, time
command = sys.argv[1]
if command == "discover":
    print('{"type": "CATALOG", "catalog": {"streams": [{"name": "a", "json_schema": {}}]}}')
elif command == "read":
    child = subprocess.Popen(["sleep", "300"])
    away = subprocess.Popen(["sleep", "300"], start_new_session=True)
    with open(os.environ["PIDS"] + ".new", "w") as out:
        out.write(f"{os.getpid()} {child.pid} {away.pid}")
    os.replace(os.environ["PIDS"] + ".new", os.environ["PIDS"])
    time.sleep(300)
"""

SYNC = """
import sys
from pathlib import Path
from ingestion import sync
from ingestion.declarations import Declaration

sync(Declaration.model_validate_json(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
"""


def holding(directory: Path, secret: str) -> list[Path]:
    found = []
    for path in directory.rglob("*"):
        if path.is_file() and secret.encode() in path.read_bytes():
            found.append(path)
    return found


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(wanted: bool, seconds: float, what: object) -> bool:
    deadline = time.monotonic() + seconds
    while what() != wanted and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.05)
    return what() == wanted  # type: ignore[operator]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_no_process_and_no_secret(tmp_path: Path, number: signal.Signals) -> None:
    script, home, pids = tmp_path / "silent.py", tmp_path / "home", tmp_path / "pids"
    script.write_text(SILENT)
    declaration = Declaration.model_validate(
        {
            "name": "silent",
            "description": "Says nothing.",
            "owner": "tests",
            "connector": {"command": [sys.executable, str(script)]},
            "config": {"token": "${SILENT_TOKEN}"},
            "environment": ["PIDS"],
        }
    )
    declared = tmp_path / "declared.json"
    declared.write_text(declaration.model_dump_json())
    process = subprocess.Popen(
        [sys.executable, "-c", SYNC, str(declared), str(home)],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "SILENT_TOKEN": SECRET, "PIDS": str(pids)},
        cwd=PROJECT,
    )
    try:
        assert until(True, 60, pids.exists)
        started = [int(pid) for pid in pids.read_text().split()]
        assert all(map(lives, started))
        assert holding(home, SECRET)
        process.send_signal(number)
        assert process.wait(30) != 0
        assert until(False, 20, lambda: any(map(lives, started)))
        assert until(True, 10, lambda: holding(home, SECRET) == [])
    finally:
        process.kill()


def started(code: str, log: Path, **limits: float) -> ConnectorProcess:
    return ConnectorProcess(
        [sys.executable, "-c", code],
        error_log=log,
        limits=LIMITS.model_copy(update=limits),
        redact=Redactor([]),
        environment=surroundings.for_connector(),
    )


def everything(process: ConnectorProcess) -> bytes:
    found = b""
    while block := process.read(65536):
        found += block
    return found


GRANDCHILD = """
import subprocess, sys, os
subprocess.Popen([sys.executable, "-c", {code!r}], start_new_session={away}, {closed})
print("done", flush=True)
os._exit({code_of_exit})
"""


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("closed", ["", "stdout=subprocess.DEVNULL", "stderr=subprocess.DEVNULL"])
def test_a_grandchild_that_holds_the_output_does_not_hold_the_sync(
    tmp_path: Path, away: bool, closed: str
) -> None:
    sleeper = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(120)"
    code = GRANDCHILD.format(code=sleeper, away=away, closed=closed, code_of_exit=0)
    since = time.monotonic()
    with started(code, tmp_path / "log") as process:
        assert everything(process) == b"done\n"
        assert process.wait() == 0
        assert not process.timed_out
    assert time.monotonic() - since < 15


def test_a_grandchild_that_goes_on_writing_is_ended(tmp_path: Path) -> None:
    writer = "import sys\nwhile True: sys.stdout.write('x' * 1000)"
    code = GRANDCHILD.format(code=writer, away=False, closed="", code_of_exit=3)
    since = time.monotonic()
    with started(code, tmp_path / "log") as process:
        while process.read(1 << 20):
            pass
        assert process.wait() == 3
    assert time.monotonic() - since < 15


@pytest.mark.parametrize("command", ["", "env -i setsid "])
def test_a_grandchild_that_writes_slowly_is_ended(tmp_path: Path, command: str) -> None:
    """It never lets the output rest for long; without its mark nobody finds it to end it."""
    loop = f"{command}sh -c 'while sleep 0.05; do echo x || exit; done'"
    code = f"import os; os.system({loop!r})"
    code = GRANDCHILD.format(code=code, away=True, closed="", code_of_exit=0)
    since = time.monotonic()
    with started(code, tmp_path / "log") as process:
        found = everything(process)
        assert process.wait() == 0
    assert found.split(b"x", 1)[0] == b"done\n"
    assert len(found) < 2000
    assert time.monotonic() - since < 10


def test_all_that_stands_in_the_output_at_the_end_is_read(tmp_path: Path) -> None:
    """Also where the reader comes back long after the connector ended."""
    code = GRANDCHILD.format(
        code="import time; time.sleep(120)", away=True, closed="", code_of_exit=0
    )
    code = code.replace('print("done"', 'print("done" * 40_000')
    with started(code, tmp_path / "log") as process:
        found = process.read(10)
        time.sleep(1.5)
        found += process.read(10)
        time.sleep(1.5)
        found += everything(process)
        assert process.wait() == 0
    assert found == b"done" * 40_000 + b"\n"


def test_a_connector_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(120)"
    since = time.monotonic()
    with started(code, tmp_path / "log", silence_seconds=1) as process:
        assert everything(process) == b""
        assert process.timed_out
        assert process.wait() == -signal.SIGKILL
    assert time.monotonic() - since < 15


def test_a_connector_that_closes_its_output_and_stays_is_ended(tmp_path: Path) -> None:
    code = "import os, time; os.close(1); time.sleep(120)"
    since = time.monotonic()
    with started(code, tmp_path / "log") as process:
        assert everything(process) == b""
        process.wait()
        assert process.timed_out
    assert time.monotonic() - since < 15


def test_a_connector_gets_its_own_variables_only(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OTHER_TOKEN", "NAMED_TOKEN", "MORE", "AWS_SECRET_ACCESS_KEY", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "value-of-" + name.lower())
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv(surroundings.MORE, "MORE, NOT_SET")
    printing = "import json, os, sys; print(json.dumps(dict(os.environ)), file=sys.stderr)"
    source.declared["environment"] = ["NAMED_TOKEN"]
    source.declared["connector"] = {"command": [sys.executable, "-c", printing]}
    source.plays([], streams=[])
    with pytest.raises(Exception, match="gave no answer") as error:
        source.sync()
    said = str(error.value)
    for name in ("NAMED_TOKEN", "MORE", "HTTPS_PROXY", "PATH"):
        assert f'"{name}"' in said
    for name in ("OTHER_TOKEN", "AWS_SECRET_ACCESS_KEY", "PIP_INDEX_URL", surroundings.MORE):
        assert name not in said
    installing = surroundings.for_installing()
    assert "PIP_INDEX_URL" in installing
    assert "OTHER_TOKEN" not in installing
    assert environments.surroundings is surroundings


def test_what_every_connector_gets_is_secret_as_well(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOBAL_TOKEN", "global-s3cret-2")
    monkeypatch.setenv("SWITCH", "on")
    monkeypatch.setenv(surroundings.MORE, "GLOBAL_TOKEN SWITCH")
    monkeypatch.setenv("HTTPS_PROXY", "http://bob:pr0xy%2Fs3cret@127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "bob:0ther-s3cret@127.0.0.1:9")
    printing = "import json, os, sys; print(json.dumps(dict(os.environ)), file=sys.stderr)"
    source.declared["connector"] = {"command": [sys.executable, "-c", printing]}
    source.plays([], streams=[])
    with pytest.raises(Exception, match="gave no answer") as error:
        source.sync()
    said = str(error.value)
    assert '"HTTPS_PROXY": "http://bob:****@127.0.0.1:9"' in said
    assert '"SWITCH": "on"' in said
    for secret in ("global-s3cret-2", "pr0xy", "0ther-s3cret"):
        assert secret not in said
    assert surroundings.secrets_for_connector() == {
        *("global-s3cret-2", "pr0xy%2Fs3cret", "pr0xy/s3cret", "0ther-s3cret")
    }


def test_a_log_that_cannot_be_written_stops_nothing(source: Source) -> None:
    source.paths.make()
    source.paths.logs.rmdir()
    source.paths.logs.symlink_to("/proc")  # Nobody writes there, root neither.
    flood = "a word of the connector's\n" * 100_000
    source.declared["limits"] = {"silence_seconds": 20.0}
    lines = [record("a", {"n": 1}), status("a")]
    source.plays(lines, streams=[stream("a", n="integer")], stderr=flood)
    result = source.sync()
    assert (result.status, result.records) == ("succeeded", 1)
    assert "no log of it is kept: " in result.warnings[0]


def test_logs_are_kept_by_number_and_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"sync-{source}-202601{day:02}T.log" for source in "ab" for day in range(1, 11)]
    for name in names:
        (tmp_path / name).touch()
    old = time.time() - 100 * 86_400
    os.utime(tmp_path / names[19], (old, old))
    (tmp_path / "dbt.log").touch()
    monkeypatch.setenv("TRADEHOUSE_KEEP_SYNC_LOGS", "3")
    logs.tidy(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["dbt.log", *names[7:10], *names[17:19]]
    monkeypatch.setenv("TRADEHOUSE_KEEP_SYNC_LOG_DAYS", "-1")
    with pytest.raises(DeclarationError, match="TRADEHOUSE_KEEP_SYNC_LOG_DAYS should be a whole"):
        logs.tidy(tmp_path)


def test_what_is_written_for_a_connector_is_its_owners_only(source: Source) -> None:
    source.plays([record("a", {"n": 1}), state("a", {"at": 1}), status("a")], streams=[stream("a")])
    result = source.sync()
    assert result.log is not None
    assert Path(result.log).stat().st_mode & 0o777 == 0o600


def test_the_next_command_sweeps_what_a_killed_one_left(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    dead, living = tmp_path / f"sync-x-{ended.pid}", tmp_path / f"ask-x-{os.getpid()}"
    for directory in (dead, living):
        directory.mkdir()
        (directory / "config.json").write_text(SECRET)
    surroundings.remove_leftovers(tmp_path)
    assert not dead.exists()
    assert living.exists()
