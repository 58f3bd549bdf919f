"""A declarative manifest against a local HTTP API: pages, a key, a cursor, a rate limit."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from ingestion import sync
from ingestion.declarations import Declaration
from ingestion.paths import Paths
from tests.ingestion.test_registry import install_manifest_runner, paths_of, source_of

MANIFEST = """\
version: 7.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [orders]}
streams:
  - type: DeclarativeStream
    name: orders
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester:
        type: HttpRequester
        url_base: "{{ config['url'] }}"
        path: orders
        http_method: GET
        authenticator:
          type: ApiKeyAuthenticator
          api_token: "{{ config['key'] }}"
          inject_into: {type: RequestOption, inject_into: header, field_name: X-Key}
      record_selector:
        type: RecordSelector
        extractor: {type: DpathExtractor, field_path: [orders]}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}
        page_size_option: {type: RequestOption, inject_into: request_parameter, field_name: size}
        pagination_strategy: {type: PageIncrement, page_size: 10, start_from_page: 1}
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: day
      cursor_datetime_formats: ["%Y-%m-%d"]
      datetime_format: "%Y-%m-%d"
      start_datetime: {type: MinMaxDatetime, datetime: "2026-01-01", datetime_format: "%Y-%m-%d"}
      start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: since}
    schema_loader:
      type: InlineSchemaLoader
      schema:
        type: object
        properties:
          id: {type: integer}
          day: {type: string, format: date}
spec:
  type: Spec
  connection_specification:
    type: object
    required: [url, key]
    properties:
      url: {type: string}
      key: {type: string, airbyte_secret: true}
"""


class Api:
    """Orders by day, ten a page; every fifth request is told to come again."""

    def __init__(self) -> None:
        self.orders = [{"id": i, "day": f"2026-01-{1 + i // 5:02}"} for i in range(35)]
        self.requests: list[dict[str, list[str]]] = []
        self.refused = 0
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlparse(self.path).query)
                if self.headers.get("X-Key") != "sesame-key":
                    self.answer(401, {"error": "no key"})
                elif len(api.requests) % 5 == 2 and api.refused * 5 < len(api.requests):
                    api.refused += 1
                    self.answer(429, {"error": "slowly"}, {"Retry-After": "1"})
                else:
                    api.requests.append(query)
                    since = query.get("since", [""])[0]
                    matching = [o for o in api.orders if o["day"] >= since]
                    start = (int(query.get("page", ["1"])[0]) - 1) * 10
                    self.answer(200, {"orders": matching[start : start + 10]})

            def answer(
                self, code: int, content: Any, headers: dict[str, str] | None = None
            ) -> None:
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    thread = threading.Thread(target=api.server.serve_forever, daemon=True)
    thread.start()
    yield api
    api.server.shutdown()


@pytest.mark.slow
def test_a_manifest_reads_pages_by_cursor_with_a_key_and_patience(
    api: Api, tmp_path: Path, connectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tmp_path / "shop.yaml"
    manifest.write_text(MANIFEST)
    monkeypatch.setenv("SHOP_KEY", "sesame-key")
    declaration = Declaration.model_validate(
        {
            "name": "shop",
            "description": "Orders of a shop.",
            "owner": "tests",
            "connector": {"manifest": str(manifest)},
            "config": {"url": api.url, "key": "${SHOP_KEY}"},
            "streams": {"orders": {"sync_mode": "incremental_deduplicated"}},
        }
    )
    install_manifest_runner(connectors, declaration)
    paths: Paths = paths_of(tmp_path / "home", connectors)
    first = sync(declaration, paths)
    assert first.status == "succeeded", first.errors
    assert api.refused > 0
    source = source_of(paths)
    loaded = "select id, day::varchar from shop.orders order by id"
    assert source.query(loaded) == [(o["id"], o["day"]) for o in api.orders]
    api.orders.append({"id": 99, "day": "2026-01-20"})
    api.requests.clear()
    second = sync(declaration, paths)
    assert second.status == "succeeded", second.errors
    assert api.requests[0]["since"] == ["2026-01-07"]
    assert source.query(loaded) == [(o["id"], o["day"]) for o in api.orders]
    assert second.records < 10
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert [path for path in kept if b"sesame-key" in path.read_bytes()] == []
