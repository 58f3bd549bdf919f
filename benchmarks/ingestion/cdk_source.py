"""A connector as Airbyte's own are made, with its CDK: trades and holdings of a landing directory.

Run by an interpreter that has airbyte-cdk; imports nothing of this project. Every field is a text,
as in the raw tables of the project's own connector.

    python cdk_source.py spec|check|discover|read --config CONFIG [--catalog CATALOG]
"""

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airbyte_cdk.entrypoint import launch
from airbyte_cdk.models import ConnectorSpecification
from airbyte_cdk.sources import AbstractSource
from airbyte_cdk.sources.streams import Stream


class Delivered(Stream):
    """The rows of every file of one name, batch after batch."""

    primary_key = None

    def __init__(self, landing: str, name: str, pattern: str, columns: list[str]) -> None:
        super().__init__()
        self._landing, self._name, self._pattern = Path(landing), name, pattern
        self._columns = columns

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._name

    def get_json_schema(self) -> Mapping[str, Any]:
        """Every column is a text or null."""
        texts = {column: {"type": ["null", "string"]} for column in self._columns}
        return {"type": "object", "properties": texts}

    def read_records(self, *_: Any, **__: Any) -> Iterable[Mapping[str, Any]]:
        """One dictionary a line."""
        for path in sorted(self._landing.glob(f"Batch*/{self._pattern}")):
            with path.open(encoding="utf-8", newline="") as lines:
                reader = csv.reader(lines, delimiter="|", quoting=csv.QUOTE_NONE)
                for fields in reader:
                    columns = self._columns[-len(fields) :]
                    yield {c: f or None for c, f in zip(columns, fields, strict=True)}


class SourceDelivered(AbstractSource):
    """Trades and holdings; the configuration gives landing directory, files and columns."""

    def spec(self, *_: Any) -> ConnectorSpecification:
        """Nothing but the landing directory and the streams."""
        return ConnectorSpecification(connectionSpecification={"type": "object", "properties": {}})

    def check_connection(self, _: Any, config: Mapping[str, Any]) -> tuple[bool, Any]:
        """Whether the landing directory is there."""
        return Path(config["landing"]).is_dir(), None

    def streams(self, config: Mapping[str, Any]) -> list[Stream]:
        """The streams that the configuration lists."""
        return [Delivered(config["landing"], **of) for of in config["streams"]]


if __name__ == "__main__":
    launch(SourceDelivered(), sys.argv[1:])
