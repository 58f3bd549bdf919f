"""A contract as a document of the Open Data Contract Standard, for tools that read that.

The document says less than the contract: only ours has places in files and layouts.
"""

from collections.abc import Iterator
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard

from ingestion.contracts.model import Column, Contract, Record, Stream

VERSION = "v3.1.0"
LOGICAL = {
    "text": "string",
    "code": "string",
    "integer": "integer",
    "decimal": "number",
    "date": "date",
    "timestamp": "timestamp",
    "time": "time",
    "boolean": "boolean",
    "number": "number",
    "timestamptz": "timestamp",
    "timetz": "time",
    "json": "object",
}


def document(contract: Contract) -> OpenDataContractStandard:
    """The contract as the standard's own model has it."""
    return OpenDataContractStandard.model_validate(
        {
            "apiVersion": VERSION,
            "kind": "DataContract",
            "id": f"tradehouse-{contract.source}",
            "name": contract.source,
            "version": contract.version,
            "status": "active",
            "description": {"purpose": contract.description.strip()},
            "team": {"name": contract.owner},
            "schema": [
                _table(contract, name, stream, typed) for name, stream, typed in contract.typed()
            ],
            "slaProperties": list(_promises(contract)),
        }
    )


def _table(contract: Contract, name: str, stream: Stream, typed: Stream | Record) -> dict[str, Any]:
    unit = "load's records" if contract.delivers == "records" else "file's rows"
    share = contract.bad_share if stream.bad_share is None else stream.bad_share
    return {
        "name": name,
        "physicalName": f"bronze_{contract.source}__{name}",
        "physicalType": "table",
        "logicalType": "object",
        "description": typed.description,
        "properties": [
            _property(contract, stream, typed, one, column) for one, column in typed.columns.items()
        ],
        "quality": [
            {
                "type": "text",
                "name": "bad_share",
                "description": f"At most {share:.0%} of a {unit} break this contract.",
            }
        ],
    }


def _property(
    contract: Contract, stream: Stream, typed: Stream | Record, name: str, column: Column
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "logicalType": LOGICAL[column.name_of_type],
        "physicalType": column.type,
        "description": column.meaning,
        "required": column.required,
        "classification": column.class_ or stream.class_ or contract.class_,
    }
    if name in typed.key:
        found |= {"primaryKey": True, "primaryKeyPosition": typed.key.index(name) + 1}
    if column.codes:
        found["enum"] = [{"value": code} for code in column.codes]
    bounds = {"minimum": column.least, "maximum": column.most}
    if options := {key: float(one) for key, one in bounds.items() if one is not None}:
        found["logicalTypeOptions"] = options
    own = {"unit": column.unit, "written": column.written, "path": column.path}
    listed = [{"property": key, "value": value} for key, value in own.items() if value]
    if listed:
        found["customProperties"] = listed
    return found


def _promises(contract: Contract) -> Iterator[dict[str, Any]]:
    for name, stream in contract.streams.items():
        if stream.freshness is not None:
            value, unit = stream.freshness.error.split()
            yield {
                "property": "latency",
                "value": int(value),
                "unit": unit.rstrip("s"),
                "element": name,
            }
