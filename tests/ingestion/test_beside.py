"""The program beside a connector: it is there while the connector is, and never after it."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ingestion import inventory
from ingestion.declarations import Declaration
from ingestion.errors import ConnectorError
from tests.conftest import PROJECT
from tests.ingestion.conftest import Source, status, stream

A = [stream("a", n="integer")]
PROGRAM = """\
import json, os, pathlib, sys
folder = pathlib.Path(sys.argv[1])
with (folder / "pids").open("a") as pids:
    pids.write(f"{os.getpid()}\\n")
print(json.dumps({"url": f"http://here/{os.getpid()}", "port": 7}), flush=True)
sys.stdin.read()
"""


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie that nobody waits for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


class Beside:
    """A played source with a program beside it."""

    def __init__(self, source: Source, script: str = PROGRAM) -> None:
        self.source, self.folder = source, source.directory
        (self.folder / "program.py").write_text(script)
        source.declared["beside"] = ["{python}", str(self.folder / "program.py"), str(self.folder)]
        source.declared["config"] = {
            "url": "${beside.url}/api",
            "port": "${beside.port}",
            "deep": [{"home": "${TRADEHOUSE_HOME}/x"}],
        }
        source.plays([status("a")], streams=A)

    def pids(self) -> list[int]:
        """Its processes so far, in their order."""
        return [int(line) for line in (self.folder / "pids").read_text().split()]


@pytest.fixture
def beside(source: Source) -> Beside:
    return Beside(source)


def test_every_process_that_gets_a_configuration_has_one_of_its_own_beside_it(
    beside: Beside,
) -> None:
    source = beside.source
    assert inventory.check(source.declaration(), source.home) == (True, "")
    assert source.sync().status == "succeeded"
    first, second, third = beside.pids()  # check, discover, read
    assert source.got("config") == {
        "url": f"http://here/{third}/api",
        "port": 7,
        "deep": [{"home": f"{source.home}/x"}],
    }
    assert not any(map(is_running, (first, second, third)))
    said = "".join(path.read_text() for path in source.paths.logs.iterdir())
    assert "****" not in said


@pytest.mark.parametrize("fails", ["check", "discover", "read"])
def test_it_ends_when_the_connector_fails(beside: Beside, fails: str) -> None:
    source = beside.source
    if fails == "read":
        source.plays([], streams=A, exit_code=3, stderr="lost\n")
        assert source.sync().status == "failed"
    else:
        (beside.folder / "streams.json").unlink()
        with pytest.raises(ConnectorError):
            source.sync()
    assert not any(map(is_running, beside.pids()))


SYNC = """
import sys
from ingestion import sync
from ingestion.declarations import Declaration

sync(Declaration.model_validate_json(sys.argv[1]), __import__("pathlib").Path(sys.argv[2]))
"""


def begin_sync(source: Source) -> subprocess.Popen[bytes]:
    """Start a sync in a process of its own."""
    declared = source.declaration().model_dump_json(exclude_unset=True)
    return subprocess.Popen(
        [sys.executable, "-c", SYNC, declared, str(source.home)],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stderr=subprocess.DEVNULL,
    )


def test_no_configuration_is_left_by_a_sync_that_is_killed_while_it_starts(
    source: Source,
) -> None:
    waits = """
    if len((folder / "pids").read_text().split()) == 2:
        (folder / "waits").touch()
        sys.stdin.read()
    """
    beside = Beside(source, PROGRAM.replace("print(", textwrap.dedent(waits) + "print("))
    process = begin_sync(source)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (beside.folder / "waits").exists():
        time.sleep(0.05)
    assert list(source.paths.tmp.rglob("config.json"))
    process.kill()
    process.wait(60)
    while time.monotonic() < deadline and list(source.paths.tmp.rglob("config.json")):
        time.sleep(0.05)
    assert not list(source.paths.tmp.rglob("config.json"))
    while time.monotonic() < deadline and any(map(is_running, beside.pids())):
        time.sleep(0.05)
    assert not any(map(is_running, beside.pids()))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_the_sync_is_killed(beside: Beside, number: signal.Signals) -> None:
    source = beside.source
    source.plays([status("a")], streams=A, sleep=300)
    process = begin_sync(source)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and source.got("catalog") is None:
        time.sleep(0.05)
    reading = beside.pids()[-1]
    assert is_running(reading)
    process.send_signal(number)
    process.wait(60)
    while time.monotonic() < deadline and is_running(reading):
        time.sleep(0.05)
    assert not is_running(reading)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import time; time.sleep(60)", r"said no whole line within 1 seconds and was stopped"),
        (
            "import time\nwhile True: print('x', end='', flush=True); time.sleep(0.1)",
            r"said no whole line within 1 seconds and was stopped",
        ),
        (
            "import sys; sys.exit('no landing')",
            r"ended before it began \(exit code 1\): no landing",
        ),
        ("print('ready')", r"should say an object of names and values .* and said 5 characters"),
        ("print('[1]')", r"should say an object"),
        ("print('{\"a\": {}}')", r"should say an object"),
        ("print('x' * 100_000)", r"should say an object"),
        ('print(\'{"uri": "x"}\')', r"wants \$\{beside\.url\}, and the program .* says uri"),
    ],
)
def test_what_is_wrong_with_it_is_said(source: Source, script: str, words: str) -> None:
    Beside(source, script)
    source.declared["limits"] = {"start_seconds": 1}
    with pytest.raises(ConnectorError, match=words):
        source.sync()


def test_one_that_goes_on_talking_is_not_kept_waiting(source: Source) -> None:
    talking = PROGRAM.replace(
        "sys.stdin.read()",
        "[print('x' * 1000, flush=True) for _ in range(3000)]\n"
        "(folder / 'said').touch()\nsys.stdin.read()",
    )
    beside = Beside(source, talking)
    source.plays([status("a")], streams=A, sleep=3)
    assert source.sync().status == "succeeded"
    assert (beside.folder / "said").exists()


def test_one_that_cannot_be_started_is_named(source: Source) -> None:
    Beside(source)
    source.declared["beside"] = ["/nowhere/program"]
    with pytest.raises(ConnectorError, match=r"cannot be started: /nowhere/program: No such file"):
        source.sync()


def test_what_it_said_is_not_kept_in_a_configuration_that_the_connector_changes(
    beside: Beside,
) -> None:
    """The next one says something else."""
    source = beside.source
    renewed = {"url": "http://here/1/api", "port": 7, "token": "renewed-secret"}
    control = {"type": "CONNECTOR_CONFIG", "emitted_at": 1, "connectorConfig": {"config": renewed}}
    message = json.dumps({"type": "CONTROL", "control": control})
    (beside.folder / "before_check.jsonl").write_text(message)
    assert inventory.check(source.declaration(), source.home) == (True, "")
    kept = json.loads((source.paths.connectors / "played.config.json").read_text())["config"]
    assert kept == {**renewed, "url": "${beside.url}/api", "port": "${beside.port}"}
    assert source.sync().status == "succeeded"
    assert source.got("config")["url"] == f"http://here/{beside.pids()[-1]}/api"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"beside": None}, r"config: \$\{beside\.url\} stands there, and there is no program"),
        ({"runner": "server"}, "an Airbyte server starts no program beside a connector"),
        ({"beside": []}, "at least 1 item"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(
    beside: Beside, changes: dict[str, Any], words: str
) -> None:
    content = beside.source.declaration().model_dump(exclude_unset=True)
    with pytest.raises(ValidationError, match=words):
        Declaration.model_validate(content | changes)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('{"password": "hunter2-hunter2", "url": null}', "neither a text nor a number of url."),
        ('{"password": "hunter2-hunter2", "a": [1], "b": {}}', "of a, b."),
        ('["hunter2-hunter2"]', "19 characters that are none."),
        ("password is hunter2-hunter2", "27 characters that are none."),
    ],
)
def test_what_it_says_wrongly_is_not_told(source: Source, said: str, told: str) -> None:
    Beside(source, f"print({said!r})")
    with pytest.raises(ConnectorError) as error:
        source.sync()
    assert str(error.value).endswith(told)
    left = [path for path in source.home.rglob("*") if path.is_file()]
    assert not [path for path in left if b"hunter2-hunter2" in path.read_bytes()]


def test_two_dollars_stand_for_one_in_front_of_what_it_says(beside: Beside) -> None:
    beside.source.declared["config"] = {
        "alone": "$${beside.url}",
        "amid": "a $${beside.port} b ${beside.port}",
        "port": "${beside.port}",
    }
    assert beside.source.sync().status == "succeeded"
    assert beside.source.got("config") == {
        "alone": "${beside.url}",
        "amid": "a ${beside.port} b 7",
        "port": 7,
    }
