"""A home, a declared source and a local server that runs it, for tests of `runner: server`."""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import yaml
from pyarrow import fs

from ingestion import SyncResult, sync
from ingestion.declarations import Declaration
from ingestion.paths import Paths
from ingestion.server import reconciliation, settings
from tests.ingestion.airbyte_destinations import bucket_of
from tests.ingestion.airbyte_server import CLIENT_ID, CLIENT_SECRET, AirbyteServer, Data
from tests.ingestion.conftest import HERE, record, state, status

BUCKET = "lake"
ORDERS = {
    "id": {"type": "integer"},
    "updated": {"type": "integer"},
    "amount": {"type": ["null", "number"]},
    "is_paid": {"type": "boolean"},
    "day": {"type": "string", "format": "date"},
    "seen_at": {"type": "string", "format": "date-time"},
    "note": {"type": ["null", "string"]},
    "address": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
    },
    "labels": {"type": "array"},
}


def order(number: int, updated: int | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "updated": number if updated is None else updated,
        "amount": number + 0.25,
        "is_paid": number % 2 == 0,
        "day": f"2026-03-{number % 28 + 1:02}",
        "seen_at": f"2026-03-{number % 28 + 1:02}T10:20:30.123456+00:00",
        "note": None if number % 3 == 0 else f'says "{number}" \u00e9',
        "address": {"zip": f"{number:05}", "city": "Zug"},
        "labels": ["a", str(number)],
    } | changes


def s3_config(endpoint: str) -> dict[str, Any]:
    return {
        "format": {"format_type": "Parquet"},
        "s3_bucket_name": BUCKET,
        "s3_bucket_path": "landed/here",
        "s3_bucket_region": "us-east-1",
        "s3_endpoint": endpoint,
        "access_key_id": "${TEST_KEY_ID}",
        "secret_access_key": "${TEST_SECRET}",
    }


@dataclass
class ServedHome:
    """The parts together. `data` is the source's, at the server and for the embedded runner."""

    directory: Path
    server: AirbyteServer
    destination: dict[str, Any]
    streams: dict[str, Any] = field(default_factory=lambda: {"orders": {}})
    runner: str = "server"
    declared: dict[str, Any] = field(default_factory=dict)
    embedded_position: int = 0

    def __post_init__(self) -> None:
        self.home = self.directory / "home"
        self.paths = Paths.below(self.home)
        self.played = self.directory / "played"
        self.played.mkdir(parents=True, exist_ok=True)
        orders = Data(ORDERS, [], key=["id"], cursor=["updated"])
        self.server.data = {"faker": {"orders": orders}}
        self.airbyte = self.directory / "airbyte.yml"
        self.write_settings()
        if self.destination["type"] == "s3":
            self.s3().create_dir(BUCKET)

    @property
    def orders(self) -> Data:
        return self.server.data["faker"]["orders"]

    def write_settings(self, **changes: Any) -> None:
        content = {
            "api_url": self.server.url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "workspace": "brokerage",
            "destinations": {"lake": self.destination},
            "poll_seconds": 0.02,
            "give_up_seconds": 30,
            "timeout_seconds": 30,
        } | changes
        self.airbyte.write_text(yaml.safe_dump(content))

    def s3(self) -> fs.S3FileSystem:
        return bucket_of(self.destination["config"])

    def files(self) -> list[str]:
        found = self.s3().get_file_info(fs.FileSelector(BUCKET, recursive=True))
        return [each.path for each in found if each.type == fs.FileType.File]

    def declaration(self, **changes: Any) -> Declaration:
        content: dict[str, Any] = {
            "name": "shop",
            "description": "A shop.",
            "owner": "tests",
            "runner": self.runner,
            "connector": {
                "command": [sys.executable, str(HERE / "played_source.py"), str(self.played)]
            },
            "server": {"source_type": "faker", "config": {"count": 5}},
            "streams": self.streams,
        }
        return Declaration.model_validate(content | self.declared | changes)

    def plan(self, *, apply: bool = False, adopt: bool = False) -> list[reconciliation.Change]:
        server, hidden = settings.read_server(self.airbyte)
        return reconciliation.compare(
            server,
            hidden,
            [self.declaration()],
            self.paths.connectors,
            apply=apply,
            adopt=adopt,
        )

    def sync(self, **arguments: Any) -> SyncResult:
        if self.runner == "embedded":
            self.play()
        return sync(self.declaration(), self.home, **arguments)

    def play(self) -> None:
        """The embedded connector reads on from its own state."""
        records = self.orders.records
        lines = [record("orders", row) for row in records[self.embedded_position :]]
        lines += [state("orders", {"at": len(records)}), status("orders")]
        self.embedded_position = len(records)
        stream = {
            "name": "orders",
            "json_schema": {"type": "object", "properties": ORDERS},
            "supported_sync_modes": ["full_refresh", "incremental"],
            "source_defined_primary_key": [[part] for part in self.orders.key],
            "default_cursor_field": self.orders.cursor,
        }
        (self.played / "output.jsonl").write_text("\n".join(lines) + "\n")
        (self.played / "streams.json").write_text(json.dumps([stream]))
        behaviour = {"exit_code": 0, "stderr": "", "sleep": 0.0}
        (self.played / "behaviour.json").write_text(json.dumps(behaviour))

    def query(self, statement: str) -> list[Any]:
        with duckdb.connect(str(self.paths.raw_database), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(statement).fetchall()

    def ids(self) -> list[int]:
        return [row[0] for row in self.query("select id from shop.orders order by id")]

    def columns(self) -> list[tuple[str, str]]:
        return self.query(
            "select column_name, data_type from duckdb_columns() where schema_name = 'shop'"
            " and table_name = 'orders' order by column_index"
        )
