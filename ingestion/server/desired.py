"""What declarations require on the server: sources, destinations, connections.

Not here: what exists there now, and what differs (`reconciliation`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion import declarations
from ingestion.declarations import Declaration, PackageConnector, Stream
from ingestion.errors import DeclarationError
from ingestion.server.settings import Destination, Server
from ingestion.server.units import plain
from ingestion.specification import Specification
from ingestion.tables import usable_key
from ingestion.variables import resolve

PREFIX = "tradehouse-"
_PATH_START = "${NAMESPACE}/${STREAM_NAME}/"
SYNC_MODES = {
    "incremental_append": "incremental_append",
    # The newest row of a key is found when the data lands: S3 cannot, and history stays here.
    "incremental_deduplicated": "incremental_append",
    "full_refresh_append": "full_refresh_append",
    "full_refresh_overwrite": "full_refresh_overwrite",
}


@dataclass(frozen=True)
class Actor:
    """A source or destination as it should be; `secrets` are values that nobody should see."""

    kind: str
    name: str
    type: str | None
    definition_id: str | None
    config: dict[str, Any]
    secrets: frozenset[str]


@dataclass(frozen=True)
class Wanted:
    """What one declared source needs on the server."""

    declaration: Declaration
    source: Actor
    destination: Actor
    destination_settings: Destination
    connection_name: str
    schedule: dict[str, Any]


def wanted(declaration: Declaration, server: Server, server_secrets: frozenset[str]) -> Wanted:
    """What a declaration needs. Raises DeclarationError where a server cannot do it."""
    run, name = declaration.server, declaration.name
    destination_name = run.destination or _only(server, name)
    settings = server.destinations.get(destination_name)
    if settings is None:
        raise DeclarationError(
            f"{name}: server.destination is {destination_name!r}; ingestion/airbyte.yml has "
            f"{', '.join(sorted(server.destinations))}."
        )
    _check_destination(destination_name, settings)
    _check_streams(declaration)
    config, secrets = resolve({**declaration.config, **run.config})
    config = Specification({}).settled(declaration.name, {}, config)  # Its numbers are plain.
    source = Actor(
        "source", f"{PREFIX}{name}", _source_type(declaration), run.definition_id, config, secrets
    )
    destination = Actor(
        "destination",
        f"{PREFIX}{destination_name}",
        settings.type,
        None,
        _without_empty(settings.config),
        server_secrets,
    )
    schedule: dict[str, Any] = {"scheduleType": "manual"}
    if run.cron is not None:
        schedule = {"scheduleType": "cron", "cronExpression": run.cron}
    return Wanted(
        declaration, source, destination, settings, f"{PREFIX}{name}-{destination_name}", schedule
    )


def _only(server: Server, name: str) -> str:
    if len(server.destinations) == 1:
        return next(iter(server.destinations))
    raise DeclarationError(
        f"{name}: ingestion/airbyte.yml has several destinations "
        f"({', '.join(sorted(server.destinations))}): name one as server.destination."
    )


def _source_type(declaration: Declaration) -> str | None:
    run, connector = declaration.server, declaration.connector
    if run.source_type or run.definition_id:
        return run.source_type
    if isinstance(connector, PackageConnector) and connector.package.startswith("airbyte-source-"):
        return connector.package.removeprefix("airbyte-source-")
    raise DeclarationError(
        f"{declaration.name}: what is its connector called on the server? Give server.source_type "
        f"(such as faker), or server.definition_id for a connector of your own."
    )


def _check_destination(name: str, settings: Destination) -> None:
    where, config = f"ingestion/airbyte.yml: destinations.{name}", settings.config
    if settings.type == "postgres":
        if config.get("unconstrained_number") is not True:
            raise DeclarationError(
                f"{where}: set unconstrained_number: true, else numbers are cut to nine decimals."
            )
        return
    form = (config.get("format") or {}).get("format_type")
    if form != "Parquet":
        raise DeclarationError(f"{where}: format.format_type must be Parquet, not {form!r}.")
    path_format = config.get("s3_path_format")
    if path_format and not str(path_format).startswith(_PATH_START):
        raise DeclarationError(
            f"{where}: s3_path_format must begin with {_PATH_START}, so that every stream has a "
            f"directory of its own; it is {path_format!r}."
        )


def _check_streams(declaration: Declaration) -> None:
    files = [name for name, stream in (declaration.streams or {}).items() if stream.file]
    if files or declaration.provenance:
        raise DeclarationError(
            f"{declaration.name}: streams that hand over whole files ({', '.join(files) or 'all'}) "
            f"are loaded with runner: embedded; a server would write their bytes, not their rows."
        )


def _without_empty(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if value not in ("", None)}


def stream_configuration(name: str, stream: Stream, namespace: str | None) -> dict[str, Any]:
    """One stream of a connection, as the server gets it."""
    found: dict[str, Any] = {"name": name, "syncMode": SYNC_MODES[stream.sync_mode]}
    if namespace:
        found["namespace"] = namespace
    if stream.cursor and stream.sync_mode.startswith("incremental"):
        found["cursorField"] = stream.cursor
    if stream.key:
        found["primaryKey"] = stream.key
    return found


def server_sources(directory: Path | None = None) -> list[Declaration]:
    """The declared sources that the server runs."""
    every = declarations.read_all() if directory is None else declarations.read_all(directory)
    return [each for each in every if each.runner == "server"]


def select_streams(
    declaration: Declaration, offered: list[dict[str, Any]]
) -> dict[str, tuple[Stream, dict[str, Any]]]:
    """The streams to sync by name, each with its declaration and the server's properties of it.

    `offered` are stream properties as the server gives them. Raises DeclarationError for a stream
    the source does not have, or has in two namespaces.
    """
    by_name: dict[str, list[dict[str, Any]]] = {}
    for each in offered:
        by_name.setdefault(str(each.get("streamName")), []).append(each)
    declared = declaration.streams
    if declared is None:
        declared = {name: _default(found[0]) for name, found in by_name.items()}
    unknown = sorted(set(declared) - set(by_name))
    if unknown:
        raise DeclarationError(
            f"{declaration.name}: the source does not offer {', '.join(unknown)}; it offers "
            f"{', '.join(sorted(by_name)) or 'nothing'}."
        )
    folders = [plain(name) for name in by_name]
    doubled = sorted(
        name for name in declared if len(by_name[name]) > 1 or folders.count(plain(name)) > 1
    )
    if doubled:
        raise DeclarationError(
            f"{declaration.name}: {', '.join(doubled)} occur in several namespaces, or with names "
            f"that a destination writes alike, which would land in one directory: use runner: "
            f"embedded for this source."
        )
    for name, stream in declared.items():
        _check_stream(declaration, name, stream, by_name[name][0])
    return {name: (stream, by_name[name][0]) for name, stream in declared.items()}


def _default(offered: dict[str, Any]) -> Stream:
    modes = offered.get("syncModes") or []
    incremental = "incremental_append" in modes and (
        offered.get("sourceDefinedCursorField") or offered.get("defaultCursorField")
    )
    mode = "incremental_append" if incremental else "full_refresh_overwrite"
    return Stream.model_validate({"sync_mode": mode})


def _check_stream(
    declaration: Declaration, name: str, stream: Stream, offered: dict[str, Any]
) -> None:
    modes = offered.get("syncModes") or []
    mode = SYNC_MODES[stream.sync_mode]
    if modes and mode not in modes:
        raise DeclarationError(
            f"{declaration.name}: stream {name} is declared {stream.sync_mode}; on the server it "
            f"has only {', '.join(modes)}. Choose another sync_mode."
        )
    key = stream.key or usable_key(offered.get("sourceDefinedPrimaryKey"))
    if stream.sync_mode == "incremental_deduplicated" and not key:
        raise DeclarationError(
            f"{declaration.name}: stream {name} is declared incremental_deduplicated, which needs "
            f"a key; the declaration gives none and the source defines none."
        )
