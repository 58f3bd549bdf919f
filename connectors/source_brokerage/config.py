"""The connector's inputs: its specification, configuration and configured catalogue, validated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from connectors.source_brokerage.faults import Fault
from connectors.source_brokerage.streams import BY_NAME, STREAMS, Stream

FILES = "use_file_transfer"
RECORDS = "use_records_transfer"

LONGEST_GAP_DAYS = 366

SPECIFICATION: dict[str, Any] = {
    "connectionSpecification": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Brokerage landing directory",
        "type": "object",
        "required": ["landing"],
        "additionalProperties": True,
        "properties": {
            "landing": {
                "type": "string",
                "title": "Landing directory",
                "description": "Directory in which the deliveries arrive as Batch1, Batch2, ...",
                "order": 0,
            },
            "delivery_method": {
                "type": "object",
                "title": "Delivery method",
                "description": "Whether text files go over as records or as whole files.",
                "order": 1,
                "default": {"delivery_type": RECORDS},
                "oneOf": [
                    {
                        "title": "Records",
                        "type": "object",
                        "required": ["delivery_type"],
                        "properties": {"delivery_type": {"type": "string", "const": RECORDS}},
                    },
                    {
                        "title": "Whole files",
                        "type": "object",
                        "required": ["delivery_type"],
                        "properties": {"delivery_type": {"type": "string", "const": FILES}},
                    },
                ],
            },
            "replace_batches": {
                "type": "array",
                "title": "Batches to replace",
                "description": "Numbers of loaded batches whose changed content may be taken.",
                "order": 2,
                "default": [],
                "items": {"type": "integer", "minimum": 1},
            },
            "allow_gap": {
                "type": "boolean",
                "title": "Allow gaps",
                "description": "Take a batch although the one before it has not arrived.",
                "order": 3,
                "default": False,
            },
            "last_batch": {
                "type": "integer",
                "title": "Last batch",
                "description": "Leave batches after this one for later.",
                "order": 4,
                "minimum": 1,
            },
            "longest_gap_days": {
                "type": "integer",
                "title": "Longest gap in days",
                "description": "A batch dated further from the one before or after it is refused.",
                "order": 5,
                "minimum": 1,
                "default": LONGEST_GAP_DAYS,
            },
        },
    },
    "supportsIncremental": True,
    "supported_destination_sync_modes": ["append"],
    "protocol_version": "0.2.0",
}


@dataclass(frozen=True)
class Config:
    """A validated configuration; `hands_over_files` is the protocol's file transfer."""

    landing: Path
    hands_over_files: bool = False
    replace_batches: frozenset[int] = frozenset()
    allow_gap: bool = False
    last_batch: int | None = None
    longest_gap_days: int = LONGEST_GAP_DAYS


@dataclass(frozen=True)
class Selection:
    """A stream of the configured catalogue; not `incremental` means it forgets its state."""

    stream: Stream
    is_incremental: bool


def read_json(path: str, code: str) -> Any:
    """The content of a JSON file; `Fault` with `code` when it cannot be read or parsed."""
    try:
        return orjson.loads(Path(path).read_bytes())
    except OSError as error:
        raise Fault(code, f"{path} cannot be read ({error.strerror}).") from None
    except orjson.JSONDecodeError as error:
        raise Fault(code, f"{path} is not JSON ({error}).") from None


def parse_config(content: Any) -> Config:
    """Validate a configuration; `Fault` (`config_invalid`) names the key that does not fit."""
    if not isinstance(content, dict):
        raise _invalid("the configuration", "an object", content)
    landing = content.get("landing")
    if not isinstance(landing, str) or not landing:
        raise _invalid("landing", "the path of a directory", landing)
    method = content.get("delivery_method") or {"delivery_type": RECORDS}
    kind = method.get("delivery_type") if isinstance(method, dict) else method
    if kind not in (FILES, RECORDS):
        raise _invalid("delivery_method.delivery_type", f"{RECORDS} or {FILES}", kind)
    replace = content.get("replace_batches") or []
    if not isinstance(replace, list) or not all(type(number) is int for number in replace):
        raise _invalid("replace_batches", "a list of batch numbers", replace)
    allow_gap = content.get("allow_gap") or False
    if not isinstance(allow_gap, bool):
        raise _invalid("allow_gap", "true or false", allow_gap)
    last_batch = content.get("last_batch")
    if last_batch is not None and (type(last_batch) is not int or last_batch < 1):
        raise _invalid("last_batch", "the number of a batch", last_batch)
    gap = content.get("longest_gap_days") or LONGEST_GAP_DAYS
    if isinstance(gap, str) and gap.isascii() and gap.isdigit():  # out of the environment
        gap = int(gap)
    if type(gap) is not int or gap < 1:
        raise _invalid("longest_gap_days", "a number of days", gap)
    return Config(Path(landing), kind == FILES, frozenset(replace), allow_gap, last_batch, gap)


def _invalid(key: str, expected: str, found: object) -> Fault:
    return Fault("config_invalid", f"Configuration: {key} must be {expected}; found {found!r}.")


def parse_catalog(content: Any) -> list[Selection]:
    """The selected streams in order of delivery; `Fault` (`catalog_invalid`) for unknown ones."""
    modes: dict[str, str] = {}
    try:
        for configured in content["streams"]:
            name = configured["stream"]["name"]
            modes[name] = configured.get("sync_mode", "full_refresh")
    except (KeyError, TypeError) as error:
        raise Fault(
            "catalog_invalid", f"This is not a configured Airbyte catalogue: {error!r} is missing."
        ) from None
    if unknown := sorted(set(modes) - set(BY_NAME)):
        raise Fault(
            "catalog_invalid",
            f"The catalogue selects streams that do not exist: {', '.join(unknown)}. "
            "Run discover and choose among its streams.",
        )
    return [
        Selection(stream, modes[stream.name] == "incremental")
        for stream in STREAMS
        if stream.name in modes
    ]
