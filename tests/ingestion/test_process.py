"""Connectors that hang, flood, print garbage, die or are stopped; secrets; a full disk."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion import inventory, reader, sync_steps
from ingestion.declarations import Declaration
from ingestion.errors import ConnectorError, IngestionError, ProtocolError
from ingestion.paths import Paths
from ingestion.redaction import Redactor
from tests.ingestion.conftest import Source, error_trace, record, state, status, stream

PROJECT = Path(__file__).resolve().parents[2]
A = [stream("a", n="integer", text="string")]


def test_a_connector_that_hangs_is_stopped(source: Source) -> None:
    source.declared["limits"] = {"silence_seconds": 1.0, "stop_seconds": 2.0}
    source.plays([record("a", {"n": 1}), state("a", {"at": 1})], streams=A, sleep=60)
    started = time.monotonic()
    result = source.sync()
    assert time.monotonic() - started < 20
    assert result.status == "failed"
    assert "sent nothing for 1 seconds" in result.errors[0].message
    assert source.query("select n from played.a") == [(1,)]


def test_a_connector_that_floods_standard_error_does_not_block(source: Source) -> None:
    flood = "".join(f"line {i}\n" for i in range(200_000))
    source.plays([record("a", {"n": 1}), status("a")], streams=A, stderr=flood)
    result = source.sync()
    assert result.status == "succeeded"
    assert result.log is not None
    assert Path(result.log).read_text().splitlines()[-1] == "line 199999"


def test_a_connector_that_prints_garbage_fails_with_its_place(source: Source) -> None:
    source.plays([b"\xff\xfe binary", b"{\xff" + b"x" * 1000, status("a")], streams=A)
    result = source.sync()
    assert result.status == "failed"
    assert "Line 2" in result.errors[0].message
    assert f"1,002 bytes, whose beginning is in {result.log}" in result.errors[0].message
    assert "xxx" not in result.errors[0].message
    assert "{\\xffxxx" in Path(str(result.log)).read_text()


def test_a_connector_that_never_stops_printing_garbage_is_stopped(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "NOISE_BYTES", 1_000_000)
    monkeypatch.setattr(sync_steps, "KEPT_LOG_BYTES", 10_000)
    source.plays([record("a", {"n": 1}), state("a", {"at": 1})], streams=A)
    assert source.sync().status == "failed"
    forever = "import sys\nwhile True: print('la la la ' * 10)"
    played = source.declaration().connector.label.split()
    script = source.directory / "garbage.py"
    script.write_text(
        f"import sys\nif sys.argv[1] != 'read':\n    import subprocess\n"
        f"    sys.exit(subprocess.call([*{played!r}, *sys.argv[1:]]))\n{forever}\n"
    )
    source.declared["connector"] = {"command": [sys.executable, str(script)]}
    result = source.sync()
    assert result.status == "failed"
    assert "more than 1000000 bytes that are not the Airbyte protocol" in result.errors[0].message
    assert "la la la" in result.errors[0].message
    assert result.log is not None
    log = Path(result.log).read_text()
    assert "only the beginning is kept" in log
    assert len(log) < 20_000
    assert "ProtocolError" in log
    assert source.query("select n from played.a") == [(1,)]


def test_a_connector_that_cannot_be_started(source: Source) -> None:
    source.declared["connector"] = {"command": ["/nowhere/connector"]}
    source.plays([], streams=A)
    with pytest.raises(ConnectorError, match="cannot be started: /nowhere/connector: No such file"):
        source.sync()


def test_a_discovery_that_fails_says_so_in_the_connectors_words(source: Source) -> None:
    source.declared["connector"] = {
        "command": [sys.executable, "-c", "import sys; sys.exit('no such host: db.example')"]
    }
    with pytest.raises(
        ConnectorError, match=r"discover gave no answer \(exit code 1\).*no such ho"
    ):
        source.sync()


def test_secrets_appear_nowhere(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYED_TOKEN", "sesame-1234")
    source.declared["config"] = {"token": "Bearer ${PLAYED_TOKEN}"}
    lines = [
        "printed sesame-1234",
        '{"type": "LOG", "log": {"level": "INFO", "message": "using sesame-1234"}}',
        error_trace("refused sesame-1234"),
    ]
    source.plays(lines, streams=A, exit_code=1, stderr="stderr sesame-1234\n")
    result = source.sync()
    assert source.got("config") == {"token": "Bearer sesame-1234"}
    assert result.errors[0].message == "refused ****"
    kept = [p for p in source.home.rglob("*") if p.is_file()]
    assert any(b"****" in path.read_bytes() for path in kept)
    assert [path for path in kept if b"sesame" in path.read_bytes()] == []


def test_what_is_cut_is_redacted_before(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    token, long = 'sk-Very/Secret+Token"9876543210xyz', "long-" + "k" * 9000
    monkeypatch.setenv("PLAYED_TOKEN", token)
    monkeypatch.setenv("PLAYED_LONG", long)
    source.declared["config"] = {"token": "${PLAYED_TOKEN}", "other": "${PLAYED_LONG}"}
    lines = [
        "x" * 185 + token,
        json.dumps({"type": "y" * 90 + token}),
        record("other" + token, {"n": 1}),
        record("other" + token, {"n": 1}, namespace="elsewhere"),
        status("a"),
    ]
    source.plays(lines, streams=A)
    result = source.sync()
    assert result.unselected_records == {"other****": 2}
    told = json.dumps(result.warnings)
    assert f"first is on line 1: {'x' * 185}****" in told
    assert f"not known, {'y' * 90}****" in told
    for broken in ("z" * 100 + long, long):
        source.plays(['{"type": "RECORD" "' + broken])
        result = source.sync()
        log = Path(str(result.log)).read_text()
        assert "****" in log
        told += result.errors[0].message + log
    assert not [part for part in ("sk-Very", "Secret", "long-", "kkk") if part in told]


@pytest.mark.parametrize(
    "catalogue",
    ["sesame-1234", {"streams": [stream("sesame-1234"), stream("sesame-1234", n="integer")]}],
)
def test_an_answer_that_is_not_understood_is_redacted(
    source: Source, monkeypatch: pytest.MonkeyPatch, catalogue: Any
) -> None:
    monkeypatch.setenv("PLAYED_TOKEN", "sesame-1234")
    source.declared["config"] = {"token": "${PLAYED_TOKEN}"}
    answer = json.dumps({"type": "CATALOG", "catalog": catalogue})
    source.declared["connector"] = {"command": [sys.executable, "-c", f"print({answer!r})"]}
    for ask in (source.sync, lambda: inventory.discover(source.declaration(), source.home)):
        with pytest.raises(IngestionError, match=r"\*\*\*\*") as raised:
            ask()
        assert "sesame" not in str(raised.value)


def test_a_secret_that_the_connector_changed_is_one_too(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYED_TOKEN", "sesame-1234")
    source.declared["config"] = {"account": "acme", "keys": [{"token": "${PLAYED_TOKEN}"}]}
    rotated = {"account": "acme", "keys": [{"token": "sesame-new"}]}
    control = {"type": "CONNECTOR_CONFIG", "connectorConfig": {"config": rotated}}
    changed = json.dumps({"type": "CONTROL", "control": control})
    source.plays(
        [
            "acme knows sesame-new before it tells",
            *(changed, "acme uses sesame-new", error_trace("refused sesame-new")),
        ],
        streams=A,
        exit_code=1,
        stderr="sesame-new\n",
    )
    first = source.sync()
    source.plays([error_trace("refused sesame-new again")], exit_code=1, stderr="sesame-new\n")
    second = source.sync()
    assert source.got("config") == rotated
    assert [first.errors[0].message, second.errors[0].message] == ["refused ****"] * 1 + [
        "refused **** again"
    ]
    kept = source.paths.connectors / "played.config.json"
    others = [path for path in source.home.rglob("*") if path.is_file() and path != kept]
    assert [path for path in others if b"sesame" in path.read_bytes()] == []
    assert first.log is not None
    assert "OUTPUT acme uses ****" in Path(first.log).read_text()


def renewal(config: object) -> str:
    """What a connector says that changed its configuration."""
    control = {"type": "CONNECTOR_CONFIG", "connectorConfig": {"config": config}}
    return json.dumps({"type": "CONTROL", "control": control})


@pytest.mark.parametrize("command", ["check", "discover"])
def test_a_token_that_is_renewed_before_the_read_is_used_and_kept(
    source: Source, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """As connectors do whose tokens serve only once; also where the command then fails."""
    monkeypatch.setenv("PLAYED_TOKEN", "sesame-first")
    source.declared["config"] = {"token": "${PLAYED_TOKEN}"}
    source.plays([status("a")], streams=A, stderr="read with sesame-second\n")
    before = source.directory / f"before_{command}.jsonl"
    lines = ["knows sesame-second", renewal({"token": "sesame-second"}), "uses sesame-second"]
    before.write_text("\n".join(lines))
    if command == "check":
        assert inventory.check(source.declaration(), source.home) == (True, "")
        before.unlink()
    result = source.sync(config={"limit": 5})
    assert (result.status, result.warnings) == ("succeeded", [])
    assert source.got("config") == {"token": "sesame-second", "limit": 5}
    before.write_text(renewal({"token": "sesame-third"}))
    (source.directory / "streams.json").write_text("no JSON")
    if command == "discover":
        with pytest.raises(ConnectorError):
            inventory.discover(source.declaration(), source.home)
    else:
        inventory.check(source.declaration(), source.home)
    inventory.check(source.declaration(), source.home)
    assert source.got("config") == {"token": "sesame-third"}
    kept = source.paths.connectors / "played.config.json"
    others = [path for path in source.home.rglob("*") if path.is_file() and path != kept]
    assert [path for path in others if b"sesame" in path.read_bytes()] == []


def test_a_renewal_that_is_none_is_named(source: Source) -> None:
    source.plays([status("a")], streams=A)
    (source.directory / "before_discover.jsonl").write_text(renewal(["token"]))
    with pytest.raises(ProtocolError, match="`config` should be an object"):
        source.sync()


def test_a_secret_that_holds_another_is_replaced_whole() -> None:
    assert Redactor(["abc", "abcdef", "x"])("abcdef abc x") == "**** **** x"


SYNC = """
import sys
from pathlib import Path
from tests.ingestion.test_process import endless
from ingestion import sync

print("started", flush=True)
sync(endless(), Path(sys.argv[1]))
"""


def endless() -> Declaration:
    script = PROJECT / "benchmarks/ingestion/counting_source.py"
    return Declaration.model_validate(
        {
            "name": "endless",
            "description": "Counts for long.",
            "owner": "tests",
            "connector": {"command": [sys.executable, str(script), "1000000", "100"]},
        }
    )


def test_an_interrupt_stops_cleanly_and_keeps_what_was_committed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SYNC, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        cwd=PROJECT,
    )
    assert process.stdout is not None
    process.stdout.readline()
    marker = tmp_path / "state" / "sync-endless.json"
    deadline = time.monotonic() + 60
    while not list((tmp_path / "tmp").glob("sync-*/*.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    assert children
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert not marker.exists()
    assert list((tmp_path / "tmp").iterdir()) == []
    source = Source.__new__(Source)
    source.paths = Paths.below(tmp_path)
    assert source.query("select distinct status from _tradehouse.syncs") == [("cancelled",)]


LIMITED = """
import resource, signal, sys
from pathlib import Path
from ingestion import sync
from ingestion.declarations import Declaration

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
result = sync(Declaration.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
print(result.status, [error.message for error in result.errors], flush=True)
"""


def sync_with_files_up_to(source: Source, limit: int) -> str:
    """A sync whose files may not grow beyond a number of bytes; returns what it says."""
    declared = source.declaration().model_dump_json()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, declared, str(source.home), str(limit)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        cwd=PROJECT,
    )
    return done.stdout + done.stderr


def fill_and_recover(source: Source, fill: Callable[[], str]) -> None:
    """A good sync, one that finds no room, a good one again: what they say and leave."""
    source.plays([record("a", {"n": 1}), state("a", {"at": 1}), status("a")], streams=A)
    assert source.sync().status == "succeeded"
    big = [record("a", {"n": i, "text": os.urandom(500).hex()}) for i in range(30_000)]
    source.plays([*big, state("a", {"at": 2}), status("a")])
    said = fill()
    source.plays([record("a", {"n": 3}), state("a", {"at": 3}), status("a")])
    assert source.sync().status == "succeeded"
    assert source.query("select n from played.a order by n") == [(1,), (3,)]
    assert said


@pytest.mark.parametrize("limit", [8_000_000, 28_000_000], ids=["spool", "database"])
def test_a_quota_on_files_is_a_clear_error_and_harms_nothing(source: Source, limit: int) -> None:
    said: list[str] = []

    def fill() -> str:
        said.append(sync_with_files_up_to(source, limit))
        return said[0]

    fill_and_recover(source, fill)
    assert "failed" in said[0], said[0]
    assert "File too large" in said[0]


if sys.platform.startswith("linux") and os.geteuid() == 0:

    def test_a_full_disk_is_a_clear_error_and_harms_nothing(source: Source, tmp_path: Path) -> None:
        small = tmp_path / "small"
        small.mkdir()
        options = ["-t", "tmpfs", "-o", "size=24m", "tmpfs", str(small)]
        if subprocess.run(["mount", *options], check=False).returncode != 0:
            return  # A container without the right to mount; the quota above says the same.
        try:
            source.home = small / "home"
            source.paths = Paths.below(source.home)
            errors: list[str] = []

            def fill() -> str:
                result = source.sync()
                errors.extend(error.message for error in result.errors)
                return result.status

            fill_and_recover(source, fill)
            assert "no space" in errors[0].lower()
        finally:
            subprocess.run(["umount", "-l", str(small)], check=True)
