"""What the destinations of an Airbyte server write: Parquet on S3, typed tables in PostgreSQL.

Names, columns and types as the destinations' documentation gives them: S3 writes files
`<path>/<namespace>/<stream>/<date>_<epoch>_<part>.parquet`, PostgreSQL a table a stream.
"""

import io
import itertools
import json
import uuid
from datetime import UTC, date, datetime
from datetime import time as clock
from typing import Any

import duckdb
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from ingestion.server.postgres import attach

_PARTS = itertools.count()
_CHANGES = pa.list_(
    pa.struct([("field", pa.string()), ("change", pa.string()), ("reason", pa.string())])
)
_META = pa.struct([("sync_id", pa.int64()), ("changes", _CHANGES)])


def write(
    configuration: dict[str, Any],
    *,
    namespace: str,
    stream: str,
    properties: dict[str, Any],
    records: list[dict[str, Any]],
    sync_id: int,
    generation: int,
    overwrite: bool,
) -> int:
    """Write one stream's records of one sync; returns the bytes."""
    rows = [
        {
            "_airbyte_raw_id": str(uuid.uuid4()),
            "_airbyte_extracted_at": datetime.now(UTC).replace(microsecond=0),
            "_airbyte_meta": {"sync_id": sync_id, "changes": []},
            "_airbyte_generation_id": generation,
        }
        | {name: record.get(name) for name in properties}
        for record in records
    ]
    if configuration["destinationType"] == "s3":
        return _write_parquet(configuration, namespace, stream, properties, rows, overwrite)
    _write_table(configuration, namespace, stream, properties, rows, overwrite)
    return sum(len(json.dumps(record)) for record in records)


def bucket_of(configuration: dict[str, Any]) -> fs.S3FileSystem:
    return fs.S3FileSystem(
        endpoint_override=configuration["s3_endpoint"].removeprefix("http://"),
        scheme="http",
        access_key="id-of-tests",
        secret_key="a-long-secret",
        region=configuration["s3_bucket_region"],
        allow_bucket_creation=True,
    )


def put(address: str, content: bytes) -> None:
    """Write an object whole, as the destination's last step does."""
    httpx.put(address, content=content, timeout=30).raise_for_status()


def _write_parquet(
    configuration: dict[str, Any],
    namespace: str,
    stream: str,
    properties: dict[str, Any],
    rows: list[dict[str, Any]],
    overwrite: bool,
) -> int:
    s3 = bucket_of(configuration)
    folder = f"{configuration['s3_bucket_name']}/{configuration['s3_bucket_path']}/{namespace}"
    folder += f"/{stream}"
    old = s3.get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True))
    size = 0
    half = (len(rows) + 1) // 2 or 1
    for part in [rows[at : at + half] for at in range(0, len(rows), half)]:
        content = _parquet(properties, part)
        now = datetime.now(UTC)
        name = f"{now:%Y_%m_%d}_{now.timestamp() * 1000:.0f}_{next(_PARTS)}.parquet"
        put(f"{configuration['s3_endpoint']}/{folder}/{name}", content)
        size += len(content)
    if overwrite:
        for each in old:
            if each.type == fs.FileType.File:
                s3.delete_file(each.path)
    return size


def _parquet(properties: dict[str, Any], rows: list[dict[str, Any]]) -> bytes:
    schema = pa.schema(
        [
            ("_airbyte_raw_id", pa.string()),
            ("_airbyte_extracted_at", pa.timestamp("ms", tz="UTC")),
            ("_airbyte_meta", _META),
            ("_airbyte_generation_id", pa.int64()),
            *((name, _arrow_type(of)) for name, of in properties.items()),
        ]
    )
    typed = [
        row | {name: _value(of, row[name], arrow=True) for name, of in properties.items()}
        for row in rows
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(typed, schema=schema), sink, compression="snappy")
    return sink.getvalue()


def _kind(of: Any) -> str:
    kinds = of["type"] if isinstance(of, dict) else of
    kind = next(k for k in ([kinds] if isinstance(kinds, str) else kinds) if k != "null")
    return {"date": "date", "date-time": "timestamp", "time": "time"}.get(
        of.get("format") if isinstance(of, dict) else None, kind
    )


def _arrow_type(of: Any) -> Any:
    kind = _kind(of)
    if kind == "object" and of.get("properties"):
        return pa.struct([(name, _arrow_type(inner)) for name, inner in of["properties"].items()])
    if kind == "array":
        return pa.list_(pa.string())
    if kind == "timestamp" and of.get("airbyte_type") == "timestamp_without_timezone":
        return pa.timestamp("us")
    return {
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "time": pa.time64("us"),
    }.get(kind, pa.string())


def _value(of: Any, value: Any, *, arrow: bool) -> Any:
    if value is None:
        return None
    kind = _kind(of)
    if kind == "date":
        return date.fromisoformat(value)
    if kind == "timestamp":
        return datetime.fromisoformat(value)
    if kind == "time":
        return clock.fromisoformat(value)
    if kind == "object" and not (arrow and of.get("properties")):
        return json.dumps(value)
    return json.dumps(value) if kind == "array" and not arrow else value


_POSTGRES = {
    "integer": "bigint",
    "number": "decimal",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
    "time": "time",
    "object": "jsonb",
    "array": "jsonb",
}


def _write_table(
    configuration: dict[str, Any],
    namespace: str,
    stream: str,
    properties: dict[str, Any],
    rows: list[dict[str, Any]],
    overwrite: bool,
) -> None:
    columns = [f'"{name}" {_POSTGRES.get(_kind(of), "varchar")}' for name, of in properties.items()]
    name = f'"{namespace}"."{stream}"'
    meta = "_airbyte_raw_id varchar, _airbyte_extracted_at timestamptz, _airbyte_meta jsonb,"
    statements = [
        f'create schema if not exists "{namespace}"',
        f"create table if not exists {name} ({meta} _airbyte_generation_id bigint,"
        f" {', '.join(columns)})",
    ]
    if overwrite:
        statements.append(f"delete from {name}")
    names = ", ".join(f'"{each}"' for each in properties)
    for row in rows:
        values = [_value(of, row[each], arrow=False) for each, of in properties.items()]
        values = [
            row["_airbyte_raw_id"],
            row["_airbyte_extracted_at"],
            json.dumps(row["_airbyte_meta"]),
            row["_airbyte_generation_id"],
            *values,
        ]
        statements.append(
            f"insert into {name} (_airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta,"
            f" _airbyte_generation_id, {names}) values ({', '.join(map(_literal, values))})"
        )
    with duckdb.connect() as connection:
        attach(connection, configuration, "lake", read_only=False)
        connection.execute("call postgres_execute('lake', ?)", ["; ".join(statements)])


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
