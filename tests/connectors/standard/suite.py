"""airbyte-cdk's standard tests on the brokerage source; collected only by `test_standard.py`.

The suite calls a source in its own process, so `ProcessSource` passes each call on to the
connector's process and its messages back, through the kit's own models.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    ConnectorSpecification,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

PROJECT = Path(__file__).resolve().parents[3]


class ProcessSource(Source):
    """The connector's process behind the kit's interface for sources."""

    def _run(self, command: str, **inputs: Any) -> Iterator[AirbyteMessage]:
        arguments = [sys.executable, "-m", "connectors.source_brokerage", command]
        with tempfile.TemporaryDirectory() as folder:
            for name, content in inputs.items():
                path = Path(folder) / f"{name}.json"
                path.write_text(json.dumps(content, default=str))
                arguments += [f"--{name}", str(path)]
            done = subprocess.run(
                arguments, cwd=PROJECT, stdout=subprocess.PIPE, timeout=60, check=False
            )
        for line in done.stdout.splitlines():
            yield AirbyteMessageSerializer.load(json.loads(line))

    def spec(self, logger: Any) -> ConnectorSpecification:
        return next(self._run("spec")).spec

    def check(self, logger: Any, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        return next(self._run("check", config=config)).connectionStatus

    def discover(self, logger: Any, config: Mapping[str, Any]) -> AirbyteCatalog:
        return next(self._run("discover", config=config)).catalog

    def read(
        self, logger: Any, config: Mapping[str, Any], catalog: Any, state: Any = None
    ) -> Iterable[AirbyteMessage]:
        yield from self._run("read", config=config, catalog=asdict(catalog), state=[])

    def read_catalog(self, catalog_path: str) -> Any:
        return super().read_catalog(catalog_path)

    def read_state(self, state_path: str) -> Any:
        return []


class TestBrokerageSource(SourceTestSuiteBase):
    """All standard tests; the root holds `metadata.yaml` and `acceptance-test-config.yml`."""

    connector = ProcessSource

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        return Path.cwd()
