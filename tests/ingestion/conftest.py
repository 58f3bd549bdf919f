"""Fixtures: a home, and a source that plays lines a test gives it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from ingestion import SyncResult, sync
from ingestion.declarations import Declaration
from ingestion.paths import Paths

HERE = Path(__file__).parent


def record(stream: str, data: dict[str, Any], **more: Any) -> str:
    return json.dumps(
        {"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1} | more}
    )


def state(stream: str, content: Any, count: int | None = None, **descriptor: Any) -> str:
    message: dict[str, Any] = {
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": stream} | descriptor, "stream_state": content},
    }
    if count is not None:
        message["sourceStats"] = {"recordCount": count}
    return json.dumps({"type": "STATE", "state": message})


def status(stream: str, word: str = "COMPLETE", **descriptor: Any) -> str:
    content = {"stream_descriptor": {"name": stream} | descriptor, "status": word}
    trace = {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": content}
    return json.dumps({"type": "TRACE", "trace": trace})


def error_trace(message: str, internal: str | None = None) -> str:
    error = {"message": message, "internal_message": internal, "failure_type": "system_error"}
    trace = {"type": "ERROR", "emitted_at": 1, "error": error}
    return json.dumps({"type": "TRACE", "trace": trace})


def stream(name: str, /, **properties: Any) -> dict[str, Any]:
    """A discovered stream; properties are JSON schemas or the name of a JSON type."""
    schemas = {
        field: {"type": ["null", of]} if isinstance(of, str) else of
        for field, of in properties.items()
    }
    return {
        "name": name,
        "json_schema": {"type": "object", "properties": schemas},
        "supported_sync_modes": ["full_refresh", "incremental"],
    }


class Source:
    """A played source named `played` with its home."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "played"
        self.directory.mkdir()
        self.home = directory / "home"
        self.paths = Paths.below(self.home)
        self.declared: dict[str, Any] = {"config": {}}

    def declaration(self) -> Declaration:
        command = [sys.executable, str(HERE / "played_source.py"), str(self.directory)]
        content = {
            "name": "played",
            "description": "Plays what a test gives it.",
            "owner": "tests",
            "connector": {"command": command},
            "rediscover_after": "0 minutes",  # What it offers changes from play to play.
        }
        return Declaration.model_validate(content | self.declared)

    def plays(
        self,
        lines: Iterable[str | bytes],
        *,
        streams: list[dict[str, Any]] | None = None,
        exit_code: int = 0,
        stderr: str = "",
        sleep: float = 0.0,
    ) -> None:
        encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
        (self.directory / "output.jsonl").write_bytes(b"".join(line + b"\n" for line in encoded))
        if streams is not None:
            (self.directory / "streams.json").write_text(json.dumps(streams))
        behaviour = {"exit_code": exit_code, "stderr": stderr, "sleep": sleep}
        (self.directory / "behaviour.json").write_text(json.dumps(behaviour))

    def sync(self, **arguments: Any) -> SyncResult:
        return sync(self.declaration(), self.home, **arguments)

    def query(self, statement: str) -> list[Any]:
        with duckdb.connect(str(self.paths.raw_database), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(statement).fetchall()

    def got(self, what: str) -> Any:
        path = self.directory / f"got_{what}.json"
        return json.loads(path.read_text()) if path.exists() else None


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


@pytest.fixture(scope="session")
def connectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where connectors are installed once for all tests, of every worker process."""
    base = tmp_path_factory.getbasetemp()
    path = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "connectors"
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture(scope="session")
def s3_endpoint(connectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A local S3 server."""
    from ingestion import environments
    from ingestion.errors import ConnectorError
    from tests.ingestion.test_source_s3 import MOTO, address_of

    try:
        program = environments.executable(connectors, "moto[server]", MOTO, program="moto_server")
    except ConnectorError as error:
        pytest.skip(f"the package registry does not give moto: {error}")
    log = tmp_path_factory.mktemp("s3") / "moto.log"
    with log.open("wb") as output:
        command = [str(program), "-H", "127.0.0.1", "-p", "0"]
        server = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield address_of(server, log)
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def airbyte_server() -> Iterator[Any]:
    """A local Airbyte server."""
    from tests.ingestion.airbyte_server import serving

    with serving() as server:
        yield server


@pytest.fixture
def served(
    tmp_path: Path, airbyte_server: Any, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """A home whose source the local server runs, with an empty S3 bucket."""
    from ingestion.server import settings
    from tests.ingestion.server_home import ServedHome, s3_config

    monkeypatch.setenv("TEST_KEY_ID", "id-of-tests")
    monkeypatch.setenv("TEST_SECRET", "a-long-secret")
    httpx.post(f"{s3_endpoint}/moto-api/reset", timeout=10)
    home = ServedHome(tmp_path, airbyte_server, {"type": "s3", "config": s3_config(s3_endpoint)})
    monkeypatch.setattr(settings, "SETTINGS", home.airbyte)
    return home
