"""Airbyte's S3 source against a local S3 server: row by row, and as whole files."""

import datetime as dt
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion import environments, sync
from ingestion.declarations import Declaration
from ingestion.errors import ConnectorError
from tests.ingestion.test_registry import install, paths_of, source_of

MOTO = "5.2.1"
FIRST = b'id,name,price\n1,Nan b,1.5\n2,"quo""ted, \xc3\xa9",-0.25\n3,,1000000\n'
SECOND = b"id,name,price\n4,,2\n5, blank ,3.125\n"
THIRD = b"id,name,price\n6,late,0\n"
ROWS = {  # As the connector reads them: an empty field is an empty text to it.
    "in/first.csv": [(1, "Nan b", 1.5), (2, 'quo"ted, é', -0.25), (3, "", 1e6)],
    "in/second.csv": [(4, "", 2.0), (5, " blank ", 3.125)],
    "in/third.csv": [(6, "late", 0.0)],
}


class Bucket:
    """A bucket of a local S3 server."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.name = "prices-bucket"
        self._send(self.name)

    def put(self, key: str, content: bytes) -> None:
        self._send(f"{self.name}/{key}", content)

    def _send(self, path: str, content: bytes = b"") -> None:
        headers = {"Content-Type": "application/octet-stream"}
        request = urllib.request.Request(f"{self.endpoint}/{path}", content, headers, method="PUT")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200


@pytest.fixture
def bucket(tmp_path: Path, connectors: Path) -> Iterator[Bucket]:
    try:
        program = environments.executable(connectors, "moto[server]", MOTO, program="moto_server")
    except ConnectorError as error:
        pytest.skip(f"the package registry does not give moto: {error}")
    log = tmp_path / "moto.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [str(program), "-H", "127.0.0.1", "-p", "0"], stdout=output, stderr=output
        )
    try:
        yield Bucket(address_of(server, log))
    finally:
        server.terminate()
        server.wait(30)


def address_of(server: subprocess.Popen[bytes], log: Path) -> str:
    """Where the server listens, which it says itself."""
    for _ in range(600):
        for word in log.read_text().split():
            if word.startswith("http://127.0.0.1:"):
                return word
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(f"the S3 server did not start: {log.read_text()}")


def declaration(bucket: Bucket, method: str, stream: dict[str, Any]) -> Declaration:
    return Declaration.model_validate(
        {
            "name": "shop",
            "description": "Prices in a bucket.",
            "owner": "tests",
            "provenance": method == "use_file_transfer",
            "connector": {
                "package": "airbyte-source-s3",
                "version": "4.14.2",
                "python": ">=3.10,<3.12",
            },
            "config": {
                "bucket": bucket.name,
                "endpoint": bucket.endpoint,
                "region_name": "us-east-1",
                "aws_access_key_id": "${SHOP_KEY}",
                "aws_secret_access_key": "${SHOP_SECRET}",
                "delivery_method": {"delivery_type": method},
                "streams": [
                    {
                        "name": "prices",
                        "globs": ["in/*.csv"],
                        "validation_policy": "Emit Record",
                        "format": {"filetype": "csv"},
                        "input_schema": '{"id": "integer", "name": "string", "price": "number"}',
                    }
                ],
            },
            "streams": {"prices": stream},
        }
    )


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "sesame-key")
    monkeypatch.setenv("SHOP_SECRET", "sesame-secret")


def rows_of(*keys: str) -> list[tuple[Any, ...]]:
    return [row for key in keys for row in ROWS[key]]


def assert_no_secret(home: Path) -> None:
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert [path for path in kept if b"sesame" in path.read_bytes()] == []


@pytest.mark.slow
def test_objects_arrive_row_by_row_and_only_once(
    tmp_path: Path, connectors: Path, bucket: Bucket
) -> None:
    declared = declaration(bucket, "use_records_transfer", {})
    install(connectors, declared, "source-s3")
    paths = paths_of(tmp_path / "home", connectors)
    bucket.put("in/first.csv", FIRST)
    bucket.put("in/second.csv", SECOND)
    first = sync(declared, paths)
    assert first.status == "succeeded", first.errors
    source = source_of(paths)
    query = "select id, name, price from shop.prices order by id"
    assert source.query(query) == rows_of("in/first.csv", "in/second.csv")
    bucket.put("in/third.csv", THIRD)
    second = sync(declared, paths)
    assert second.status == "succeeded", second.errors
    assert (first.records, second.records) == (5, 1)
    assert source.query(query) == rows_of(*ROWS)
    assert source.query(
        "select _ab_source_file_url, list(id order by id) from shop.prices group by all order by 1"
    ) == [(key, [row[0] for row in rows]) for key, rows in ROWS.items()]
    assert_no_secret(tmp_path / "home")


@pytest.mark.slow
def test_objects_arrive_as_whole_files_and_only_once(
    tmp_path: Path, connectors: Path, bucket: Bucket
) -> None:
    form = {"delimiter": ",", "quote": '"', "columns": ["id", "name", "price"], "header": True}
    declared = declaration(bucket, "use_file_transfer", {"file": form})
    install(connectors, declared, "source-s3")
    paths = paths_of(tmp_path / "home", connectors)
    bucket.put("in/first.csv", FIRST)
    bucket.put("in/second.csv", SECOND)
    first = sync(declared, paths)
    assert first.status == "succeeded", first.errors
    bucket.put("in/third.csv", THIRD)
    second = sync(declared, paths)
    assert second.status == "succeeded", second.errors
    assert (first.records, second.records) == (5, 1)
    source = source_of(paths)
    texts = {
        "in/first.csv": [
            ("1", "Nan b", "1.5"),
            ("2", 'quo"ted, é', "-0.25"),
            ("3", None, "1000000"),
        ],
        "in/second.csv": [("4", None, "2"), ("5", " blank ", "3.125")],
        "in/third.csv": [("6", "late", "0")],
    }
    assert source.query(
        "select _file, _line, _raw_text, id, name, price from shop.prices order by _file, _line"
    ) == [
        (key, line, None, *row) for key, rows in texts.items() for line, row in enumerate(rows, 2)
    ]
    assert source.query("select count(distinct _airbyte_raw_id) from shop.prices") == [(6,)]
    assert source.query("select file, bytes, records from _tradehouse.files order by file") == [
        ("in/first.csv", len(FIRST), 3),
        ("in/second.csv", len(SECOND), 2),
        ("in/third.csv", len(THIRD), 1),
    ]
    [(extracted,)] = source.query("select min(_airbyte_extracted_at) from shop.prices")
    assert abs(dt.datetime.now(dt.UTC) - extracted) < dt.timedelta(hours=1)
    assert list(paths.tmp.iterdir()) == []
    assert_no_secret(tmp_path / "home")
