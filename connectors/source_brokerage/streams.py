"""The streams: which file each comes from, its columns, its place in the batches.

They are those of `contracts/brokerage.yml`, from which `streams.json` is generated. Reading files
is elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

Format = Literal["pipe", "comma", "lines", "xml", "audit"]
Batches = Literal["every", "first", "later"]

CDC_COLUMNS = ("cdc_flag", "cdc_dsn")
METADATA: dict[str, tuple[str, str]] = {
    "_batch": ("integer", "Number of the directory BatchN; 0 for the files beside them."),
    "_delivery": ("integer", "1 for the first delivery of the batch, 2 for its replacement, ..."),
    "_file": ("string", "Path of the file below the landing directory."),
    "_line": ("integer", "1-based line of the row; for XML the line of its element."),
    "_raw_text": ("string", "Text of a row that cannot be split into its columns, else null."),
}


@dataclass(frozen=True)
class Stream:
    """One kind of source file.

    `pattern` is matched against the file's name. `has_cdc` says that later batches lead with the
    two CDC columns, which the historical batch lacks. `required` and `required_later` say whether
    a batch without the file is incomplete (first batch, later batches). `paths` says where the
    columns of an XML stream stand below its element, `integers` which columns are numbers already.
    """

    name: str
    pattern: str
    format: Format
    columns: tuple[str, ...]
    batches: Batches = "every"
    has_cdc: bool = False
    required: bool = True
    required_later: bool = True
    paths: Mapping[str, str] = field(default_factory=dict)
    integers: tuple[str, ...] = ()

    def in_batch(self, batch: int) -> bool:
        """Whether the batch may hold files of this stream."""
        if self.batches == "every":
            return batch > 0 or self.format == "audit"
        return batch == 1 if self.batches == "first" else batch > 1

    def is_required(self, batch: int) -> bool:
        """Whether the batch is incomplete without a file of this stream."""
        needed = self.required if batch == 1 else self.required_later
        return needed and self.in_batch(batch) and batch > 0

    def matches(self, file_name: str) -> bool:
        """Whether the file belongs to this stream."""
        return fnmatchcase(file_name, self.pattern)

    def layout(self, batch: int) -> str | None:
        """`historical` or `incremental` where CDC columns tell the layouts apart, else None."""
        if not self.has_cdc:
            return None
        return "historical" if batch == 1 else "incremental"

    def file_columns(self, batch: int) -> tuple[str, ...]:
        """The columns that the batch's file really has, in file order."""
        if self.layout(batch) == "historical":
            return self.columns[len(CDC_COLUMNS) :]
        return self.columns

    @property
    def is_file_based(self) -> bool:
        """Whether whole files can be handed over (text files that carry data)."""
        return self.format in ("pipe", "comma", "lines") and self.name != "batch_date"


def _read() -> tuple[Stream, ...]:
    """The streams as the contract has them, in their order of delivery inside a batch."""
    content = json.loads((Path(__file__).parent / "streams.json").read_text(encoding="utf-8"))
    return tuple(_read_one(each) for each in content["streams"])


def _read_one(content: Mapping[str, Any]) -> Stream:
    listed = {name: tuple(content.get(name, ())) for name in ("columns", "integers")}
    return Stream(**{**content, **listed})


# The bulk first, the commit marker last.
STREAMS = _read()
INTEGER_COLUMNS = frozenset(name for stream in STREAMS for name in stream.integers)
BY_NAME = {stream.name: stream for stream in STREAMS}
_BY_FILE: dict[str, list[Stream]] = {}
for _stream in STREAMS:
    _BY_FILE.setdefault(_stream.pattern, []).append(_stream)
_BY_PATTERN = [stream for stream in STREAMS if "*" in stream.pattern or "?" in stream.pattern]


def streams_of(file_name: str, batch: int) -> list[Stream]:
    """The streams that a file of a batch belongs to; none for a file that nothing is known of."""
    found = _BY_FILE.get(file_name) or [s for s in _BY_PATTERN if s.matches(file_name)]
    return [stream for stream in found if stream.in_batch(batch)]


def json_schema(stream: Stream) -> dict[str, Any]:
    """The stream's JSON schema: source columns as text, then the metadata columns."""
    properties: dict[str, Any] = {
        column: {"type": ["null", "integer" if column in INTEGER_COLUMNS else "string"]}
        for column in stream.columns
    }
    for name, (kind, description) in METADATA.items():
        properties[name] = {"type": ["null", kind], "description": description}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": True,
        "properties": properties,
    }


def catalog(files: bool) -> dict[str, Any]:
    """The Airbyte catalogue; with `files`, text streams hand over whole files."""
    return {"streams": [_airbyte_stream(stream, files) for stream in STREAMS]}


def _airbyte_stream(stream: Stream, files: bool) -> dict[str, Any]:
    description: dict[str, Any] = {
        "name": stream.name,
        "json_schema": json_schema(stream),
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": ["_batch"],
        "is_resumable": True,
        "is_file_based": files and stream.is_file_based,
    }
    if stream.format != "xml":
        keys = ("_batch", "_delivery", "_file", "_line")
        description["source_defined_primary_key"] = [[key] for key in keys]
    return description
