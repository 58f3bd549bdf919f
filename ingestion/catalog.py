"""From a discovered catalogue and a declaration to tables and the configured catalogue.

Not here: asking the connector (`connector`) and creating the tables (`tables`).
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingestion.declarations import Declaration, Stream
from ingestion.errors import ConnectorError, DeclarationError, IngestionError
from ingestion.names import Names
from ingestion.protocol import StreamKey
from ingestion.tables import Table, columns_of

Discovered = dict[str, Any]

_MODES = {
    "incremental_append": ("incremental", "append"),
    "incremental_deduplicated": ("incremental", "append_dedup"),
    "full_refresh_append": ("full_refresh", "append"),
    "full_refresh_overwrite": ("full_refresh", "overwrite"),
}


class _Schema(BaseModel):
    model_config = ConfigDict(strict=True)

    properties: dict[str, dict[str, Any] | bool] | None = None


class _Offered(BaseModel):
    """The shape of an offered stream, as far as anything here depends on it."""

    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(min_length=1)]
    namespace: str | None = None
    json_schema: _Schema | None = None
    supported_sync_modes: list[str] | None = None
    source_defined_cursor: bool | None = None
    default_cursor_field: list[str] | None = None
    source_defined_primary_key: list[list[str]] | None = None


def checked(source: str, catalog: Mapping[str, Any]) -> list[Discovered]:
    """The streams of a connector's catalogue. Raises ConnectorError that says what is odd."""
    streams = catalog.get("streams")
    if not isinstance(streams, list):
        raise ConnectorError(f"{source}: the connector's catalogue has no list `streams`.")
    found: dict[StreamKey, Discovered] = {}
    for number, stream in enumerate(streams, start=1):
        try:
            offered = _Offered.model_validate(stream)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, problem["loc"])) or "it"
            raise ConnectorError(
                f"{source}: stream {number} of the connector's catalogue is not understood: "
                f"{where}: {problem['msg']}."
            ) from None
        key = (offered.namespace, offered.name)
        if found.setdefault(key, stream) != stream:
            raise ConnectorError(f"{source}: the connector offers stream {key[1]} twice.")
    return list(found.values())


def select(
    declaration: Declaration, discovered: list[Discovered], only: Collection[str] | None
) -> dict[StreamKey, tuple[Discovered, Stream]]:
    """The streams to read, each with what the connector and what the declaration says of it.

    Raises IngestionError for a stream that the connector does not offer.
    """
    offered = {(each.get("namespace"), str(each["name"])): each for each in discovered}
    declared = declaration.streams
    if declared is None:
        declared = {name: default_stream(each) for (_, name), each in offered.items()}
    wanted = set(declared) if only is None else set(only)
    unknown = sorted(wanted - set(declared))
    if unknown:
        raise DeclarationError(
            f"{declaration.name}: no stream {', '.join(unknown)}; "
            f"declared are {', '.join(sorted(declared))}."
        )
    missing = sorted(wanted - {name for _, name in offered})
    if missing:
        raise IngestionError(
            f"{declaration.name}: the connector does not offer {', '.join(missing)}; "
            f"it offers {', '.join(sorted(name for _, name in offered)) or 'nothing'}."
        )
    return {key: (each, declared[key[1]]) for key, each in offered.items() if key[1] in wanted}


def keys(discovered: list[Discovered]) -> list[StreamKey]:
    """The streams that a connector offers."""
    return [(each.get("namespace"), str(each["name"])) for each in discovered]


def default_stream(discovered: Discovered) -> Stream:
    """How a stream is loaded that no declaration speaks of."""
    modes = discovered.get("supported_sync_modes") or ["full_refresh"]
    mode = "incremental_append" if "incremental" in modes else "full_refresh_overwrite"
    return Stream.model_validate({"sync_mode": mode})


def plan(
    declaration: Declaration,
    selected: Mapping[StreamKey, tuple[Discovered, Stream]],
    names: Names,
) -> dict[StreamKey, Table]:
    """The table of every selected stream, called as `names` has it.

    Raises DeclarationError for a sync mode that the connector or the declaration does not carry.
    """
    tables = {
        key: Table(
            source=declaration.name,
            key=key,
            name=names.tables[key],
            columns=columns_of(
                discovered.get("json_schema") or {},
                declared.file,
                provenance=declaration.provenance,
                names=names.of(key),
            ),
            names=names.of(key),
            provenance=declaration.provenance,
            file_format=declared.file,
            declared=declared,
            discovered=discovered,
        )
        for key, (discovered, declared) in selected.items()
    }
    for table in tables.values():
        _check_mode(table)
    return tables


def _check_mode(table: Table) -> None:
    mode = _MODES[table.declared.sync_mode][0]
    supported = table.discovered.get("supported_sync_modes") or ["full_refresh"]
    if mode not in supported:
        raise DeclarationError(
            f"{table.source}: stream {table.key[1]} is declared {table.declared.sync_mode}; the "
            f"connector supports only {', '.join(supported)}. Choose another sync_mode."
        )
    if table.is_staged and not table.merge_key:
        raise DeclarationError(
            f"{table.source}: stream {table.key[1]} is declared incremental_deduplicated, which "
            f"needs a key; the declaration gives none and the source defines none."
        )
    if table.is_staged:
        _require_fields(table)


def _require_fields(table: Table) -> None:
    """Rows are merged by columns: a key, and a cursor that is declared, have to be some."""
    fields = {column.field for column in table.columns}
    for word, paths in (("key", table.merge_key), ("cursor", [table.declared.cursor or []])):
        missing = sorted({path[0] for path in paths if path and path[0] not in fields})
        if missing:
            raise DeclarationError(
                f"{table.source}: stream {table.key[1]} has no field {', '.join(missing)}, which "
                f"its {word} names; it has {', '.join(sorted(fields)) or 'none'}."
            )


def configured(tables: Mapping[StreamKey, Table], sync_id: str) -> dict[str, Any]:
    """The configured catalogue for the connector."""
    number = int.from_bytes(sync_id.encode()[-6:], "big")
    return {"streams": [_configured(table, number) for table in tables.values()]}


def _configured(table: Table, sync_number: int) -> dict[str, Any]:
    discovered, declared = table.discovered, table.declared
    source_mode, destination_mode = _MODES[declared.sync_mode]
    return {
        "stream": discovered,
        "sync_mode": source_mode,
        "destination_sync_mode": destination_mode,
        "cursor_field": table.merge_cursor,
        "primary_key": table.merge_key,
        "generation_id": table.generation_id,
        "minimum_generation_id": table.minimum_generation_id,
        "sync_id": sync_number,
        **({"include_files": True} if discovered.get("is_file_based") else {}),
    }


def is_held(table: Table) -> bool:
    """Whether a stream's rows become visible only when the stream is complete.

    A full copy that was cut off has no use: the next sync starts anew.
    """
    return table.minimum_generation_id > 0 or table.declared.sync_mode == "full_refresh_append"


def labels(keys: Collection[StreamKey]) -> dict[StreamKey, str]:
    """What people read of a stream: its name, with the namespace where two have the same."""
    said = [name for _, name in keys]
    found = {
        key: f"{key[0]}.{key[1]}" if key[0] and said.count(key[1]) > 1 else key[1] for key in keys
    }
    all_found = list(found.values())
    return {
        key: f"{key[1]} of {key[0] or 'an empty namespace'}"
        if key[0] is not None and all_found.count(label) > 1
        else label
        for key, label in found.items()
    }
