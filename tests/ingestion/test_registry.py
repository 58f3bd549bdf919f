"""Connectors that nobody here wrote, from the package registry."""

import datetime as dt
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ingestion import declarations, environments, sync
from ingestion.declarations import Declaration
from ingestion.errors import ConnectorError
from ingestion.paths import Paths
from tests.ingestion.conftest import Source

SMOKE = {
    "name": "smoke",
    "description": "Streams that try a destination.",
    "owner": "tests",
    "connector": {
        "package": "airbyte-source-smoke-test",
        "version": "0.1.2",
        "python": ">=3.10,<3.13",
    },
    "config": {"all_slow_streams": True, "large_batch_record_count": 3000},
}


def install(connectors: Path, declaration: Declaration, program: str) -> Path:
    connector = declaration.connector
    assert isinstance(connector, declarations.PackageConnector)
    try:
        return environments.executable(
            connectors,
            connector.package,
            connector.version,
            program=program,
            python=connector.python,
        )
    except ConnectorError as error:
        pytest.skip(f"the package registry does not give {connector.package}: {error}")


def install_manifest_runner(connectors: Path, declaration: Declaration) -> None:
    connector = declaration.connector
    assert isinstance(connector, declarations.ManifestConnector)
    try:
        environments.executable(
            connectors,
            "airbyte-cdk",
            connector.cdk_version,
            program="source-declarative-manifest",
            python=connector.python,
        )
    except ConnectorError as error:
        pytest.skip(f"the package registry does not give airbyte-cdk: {error}")


def paths_of(home: Path, connectors: Path) -> Paths:
    paths = Paths.below(home)
    return Paths(paths.raw_database, paths.logs, paths.tmp, paths.state, connectors)


def source_of(paths: Paths) -> Source:
    source = Source.__new__(Source)
    source.paths = paths
    return source


@pytest.mark.slow
def test_faker_by_its_shipped_declaration(tmp_path: Path, connectors: Path) -> None:
    declaration = declarations.read("faker")
    assert declaration.enabled is False
    install(connectors, declaration, "source-faker")
    paths = paths_of(tmp_path, connectors)
    first = sync(declaration, paths)
    assert first.status == "succeeded", first.errors
    counts = {name: stream.records for name, stream in first.streams.items()}
    assert counts == {"users": 1000, "products": 100, "purchases": 1000}
    second = sync(declaration, paths)
    assert second.status == "succeeded", second.errors
    assert second.streams["users"].records == 0
    source = source_of(paths)
    for table, count in counts.items():
        found = source.query(f"select count(*), count(distinct id) from faker.{table}")
        assert found == [(count, count)]
    assert source.query("select distinct connector, connector_version from _tradehouse.syncs") == [
        ("airbyte-source-faker", "7.2.1")
    ]


def played_back(program: Path, tmp_path: Path, config: dict[str, Any]) -> dict[str, list[Any]]:
    """What the connector says when it is run without the platform: its records by stream."""
    files = {"config": tmp_path / "config.json", "catalog": tmp_path / "catalog.json"}
    files["config"].write_text(json.dumps(config))

    def run(*arguments: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [str(program), *arguments],
            capture_output=True,
            check=True,
            env=os.environ | {"DO_NOT_TRACK": "1"},
        )
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]

    discovered = run("discover", "--config", str(files["config"]))
    [catalog] = [m["catalog"] for m in discovered if m["type"] == "CATALOG"]
    modes = {"sync_mode": "full_refresh", "destination_sync_mode": "append"}
    streams = [{"stream": stream} | modes for stream in catalog["streams"]]
    files["catalog"].write_text(json.dumps({"streams": streams}))
    read = run("read", "--config", str(files["config"]), "--catalog", str(files["catalog"]))
    records: dict[str, list[Any]] = {stream["name"]: [] for stream in catalog["streams"]}
    for message in read:
        if message["type"] == "RECORD":
            records[message["record"]["stream"]].append(message["record"]["data"])
    return records


def same(stored: Any, kind: str, delivered: Any) -> bool:
    """Whether a stored value is the delivered one."""
    if delivered is None:
        return stored is None
    if kind == "JSON":
        return stored is not None and json.loads(stored) == delivered
    if isinstance(stored, dt.datetime):
        text = str(delivered).replace("Z", "+00:00")
        moment = dt.datetime.fromisoformat(text)
        if stored.tzinfo is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return stored == moment
    if isinstance(stored, dt.date | dt.time):
        return stored.isoformat() == str(delivered).replace("Z", "+00:00")
    if kind == "VARCHAR" and not isinstance(delivered, str):
        return stored == json.dumps(delivered, separators=(",", ":"), ensure_ascii=False)
    return bool(stored == delivered)


@pytest.mark.slow
def test_every_value_of_the_smoke_test_arrives_or_is_listed(
    tmp_path: Path, connectors: Path
) -> None:
    declaration = Declaration.model_validate(SMOKE)
    program = install(connectors, declaration, "source-smoke-test")
    expected = played_back(program, tmp_path, declaration.config)
    assert len(expected) >= 20
    paths = paths_of(tmp_path / "home", connectors)
    result = sync(declaration, paths)
    assert result.status == "succeeded", result.errors
    assert {n: s.records for n, s in result.streams.items()} == {
        name: len(records) for name, records in expected.items()
    }
    source = source_of(paths)
    columns = json.loads(
        json.dumps(source.query("select stream, table_name, columns from _tradehouse.streams"))
    )
    wrong = []
    compared = 0
    for stream, table, mapping in columns:
        names = {field: (name, kind) for field, (name, kind) in json.loads(mapping).items()}
        listed = ", ".join('"' + name.replace('"', '""') + '"' for name, _ in names.values())
        rows = source.query(
            f'select _airbyte_meta, {listed or "1"} from smoke."{table}" order by rowid'
        )
        for delivered, (meta, *stored) in zip(expected[stream], rows, strict=True):
            changed = {c["field"] for c in json.loads(meta or '{"changes": []}')["changes"]}
            for (field, (_, kind)), value in zip(names.items(), stored, strict=False):
                compared += 1
                if field not in changed and not same(value, kind, delivered.get(field)):
                    wrong.append((stream, field, kind, delivered.get(field), value))
            missing = set(delivered) - set(names)
            wrong += [(stream, field, "no column", delivered[field], None) for field in missing]
    assert wrong == []
    assert compared > 3000


def test_versions_of_python() -> None:
    assert environments.fits((3, 11), ">=3.10,<3.13")
    assert not environments.fits((3, 13), ">=3.10,<3.13")
    assert environments.fits((3, 13), None)
    assert environments.fits((3, 11), "==3.11.*")
    with pytest.raises(ConnectorError, match="Not a range of Python versions"):
        environments.fits((3, 11), "three")


def test_no_fitting_python_is_a_clear_sentence() -> None:
    with pytest.raises(ConnectorError, match=r"needs Python <3\.5; this is Python 3\.\d+ and no o"):
        environments.find_interpreter("<3.5")


@pytest.mark.slow
def test_a_package_that_does_not_exist_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match=r"tradehouse==99999.* could not be installed: "):
        environments.executable(tmp_path, "tradehouse", "99999", program="x")
    assert not list(tmp_path.rglob(environments.READY))
