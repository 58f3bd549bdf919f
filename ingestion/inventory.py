"""The declared sources and what their connectors say: list, check, discover, add.

Not here: loading (`sync`) and dbt's files for a source (`scaffold`).
"""

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion import catalog, declarations, names, surroundings, written
from ingestion.configuration import Configuration
from ingestion.connector import Runner
from ingestion.database import open_raw
from ingestion.declarations import SOURCES, Declaration
from ingestion.discovery import Discovery, specification
from ingestion.errors import ConnectorError, DeclarationError, IngestionError
from ingestion.names import Names
from ingestion.paths import Paths
from ingestion.protocol import StreamKey
from ingestion.redaction import Redactor
from ingestion.specification import Specification
from ingestion.tables import Table
from tradehouse.errors import TradehouseError
from tradehouse.home import files, ledger_snapshot, switches


@dataclass(frozen=True)
class SourceSummary:
    """A declared source and when it was last loaded."""

    name: str
    description: str
    owner: str
    enabled: bool
    connector: str
    freshness: str | None
    succeeded_at: datetime | None
    is_late: bool | None
    """Whether the last success is longer ago than promised; None where nothing is promised."""


@dataclass(frozen=True)
class OfferedStream:
    """A stream that a connector offers, as it would be loaded."""

    name: str
    namespace: str | None
    table: str
    sync_mode: str
    supported_sync_modes: tuple[str, ...]
    columns: Mapping[str, str]
    key: tuple[tuple[str, ...], ...]
    cursor: tuple[str, ...]


def list_sources(
    home: Path | Paths | None = None, directory: Path = SOURCES
) -> list[SourceSummary]:
    """Every declared source by name, without those whose declaration is wrong (`list_faults`)."""
    found, _ = declarations.read_each(directory)
    if home is None:
        return [_summary(each, None) for each in found]
    paths = _paths(home)
    succeeded = ledger_snapshot.find_successes(ledger_snapshot.read(paths.state))
    switched = switches.read(paths.state)
    return [
        _summary(
            each.model_copy(update={"enabled": switched.get(each.name, each.enabled)}),
            succeeded.get(each.name),
        )
        for each in found
    ]


def list_faults(directory: Path = SOURCES) -> list[str]:
    """What is wrong with declarations that cannot be read."""
    return list(declarations.read_each(directory)[1].values())


def known_tables(declaration: Declaration, paths: Paths) -> dict[str, StreamKey]:
    """Every table of a source by name, with its stream, without asking anybody.

    The declaration says which streams there are; without `streams` in it, the catalogue that the
    connector gave last and the ledger do. A file that cannot be read tells nothing.
    """
    recorded = _recorded_tables(declaration.name, paths)
    names = {stream for _, stream in recorded}
    if declaration.streams is None:
        offered = set(_offered_streams(declaration.name, paths))
        keys = [*recorded, *sorted(offered - set(recorded), key=str)]
    else:
        keys = [key for key in recorded if key[1] in declaration.streams]
        keys += [(None, name) for name in declaration.streams if name not in names]
    called = Names(declaration.name, {key: name for key, name in recorded.items() if name})
    called.add(keys)
    return {called.tables[key]: key for key in keys}


def _recorded_tables(source: str, paths: Paths) -> dict[StreamKey, str | None]:
    try:
        found = ledger_snapshot.read(paths.state)["streams"]
        return {
            (one.get("namespace"), str(one["stream"])): one.get("table_name")
            for one in found
            if one["source"] == source and one.get("stream") is not None
        }
    except (TradehouseError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _offered_streams(source: str, paths: Paths) -> list[StreamKey]:
    try:
        kept = files.read_json(paths.connectors / f"{source}.catalog.json") or {}
        return [(one.get("namespace"), str(one["name"])) for one in kept["streams"]]
    except (TradehouseError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _summary(declaration: Declaration, succeeded_at: datetime | None) -> SourceSummary:
    limit = declaration.freshness_limit()
    late = None
    if limit is not None and declaration.enabled:
        late = ledger_snapshot.is_late(succeeded_at, limit, datetime.now(UTC))
    return SourceSummary(
        name=declaration.name,
        description=declaration.description,
        owner=declaration.owner,
        enabled=declaration.enabled,
        connector=declaration.connector.label,
        freshness=declaration.freshness,
        succeeded_at=succeeded_at,
        is_late=late,
    )


def check(source: str | Declaration, home: Path | Paths, **config: Any) -> tuple[bool, str]:
    """Whether the connector reaches its source, and what it says. Raises ConnectorError."""
    with _runner(_declaration(source), _paths(home), config) as runner:
        return runner.check()


def discover(source: str | Declaration, home: Path | Paths, **config: Any) -> list[OfferedStream]:
    """What the connector offers, with the tables it would be loaded into. Raises ConnectorError."""
    return [_offered(table) for table in discover_tables(source, home, **config)]


def discover_tables(source: str | Declaration, home: Path | Paths, **config: Any) -> list[Table]:
    """The tables of every stream that the declaration selects; asks the connector again."""
    return _discover(_declaration(source), _paths(home), config)[0]


def project_tables(source: str | Declaration, home: Path | Paths) -> list[Table]:
    """The same for files of the project, which are shared: without what is secret.

    Raises DeclarationError for a stream or a field whose name holds a secret.
    """
    declaration = _declaration(source)
    found, redact = _discover(declaration, _paths(home), {})
    for table in found:
        for name in (table.key[0] or "", table.key[1], *(each.field for each in table.columns)):
            if redact(name) != name:
                raise DeclarationError(
                    f"{declaration.name}: the name {redact(name)} of a stream or a field holds "
                    f"what the configuration keeps secret, and a project's files are shared. Where "
                    f"that is no secret, write it into the declaration instead of a variable."
                )
    return [replace(table, discovered=_masked(table.discovered, redact)) for table in found]


def _masked(discovered: dict[str, Any], redact: Redactor) -> dict[str, Any]:
    """What a connector says of a stream, its fields' descriptions redacted."""
    schema = discovered.get("json_schema") or {}
    fields = {
        name: of | {"description": redact(str(of["description"]))}
        if isinstance(of, dict) and of.get("description")
        else of
        for name, of in (schema.get("properties") or {}).items()
    }
    return discovered | {"json_schema": schema | {"properties": fields}}


def _discover(
    declaration: Declaration, paths: Paths, config: Mapping[str, Any]
) -> tuple[list[Table], Redactor]:
    """The tables of what is offered, and what replaces secrets in it."""
    if declaration.runner == "server":
        from ingestion.server import inventory as server_inventory

        return server_inventory.tables(declaration, paths)
    with _runner(declaration, paths, config) as runner:
        settings = Configuration(declaration, paths.connectors, config, home=paths.home)
        discovery = Discovery(declaration, settings, paths.connectors, runner.redact)
        offered = discovery.streams(runner, refresh=True)
        selected = catalog.select(declaration, offered, None)
        known = _names(declaration.name, paths)
        known.add(catalog.keys(offered))
        return list(catalog.plan(declaration, selected, known).values()), runner.redact


def _names(source: str, paths: Paths) -> Names:
    """The names that tables and columns have; none are recorded before the first sync."""
    if not paths.raw_database.exists():
        return Names(source)
    with open_raw(paths.raw_database, tmp=paths.tmp) as connection:
        return names.read(connection, source)


def _offered(table: Table) -> OfferedStream:
    return OfferedStream(
        name=table.key[1],
        namespace=table.key[0],
        table=table.sql_name,
        sync_mode=table.declared.sync_mode,
        supported_sync_modes=tuple(table.discovered.get("supported_sync_modes") or ()),
        columns={column.name: column.type for column in table.columns},
        key=tuple(tuple(path) for path in table.merge_key),
        cursor=tuple(table.merge_cursor),
    )


def add(
    name: str,
    connector: Mapping[str, Any],
    home: Path | Paths,
    *,
    owner: str,
    directory: Path = SOURCES,
) -> Path:
    """Write a declaration for a connector from what its specification wants; returns its path.

    Required settings stand in it as `${NAME_SETTING}`, to be given in the environment or `.env`;
    optional ones are left to the connector. Raises DeclarationError where the source exists.
    """
    path = directory / f"{name}.yml"
    if path.exists():
        raise DeclarationError(f"{path} exists already: change it, or choose another name.")
    content = {"description": f"Loaded from {name}.", "owner": owner, "connector": dict(connector)}
    declaration = Declaration.model_validate(content | {"name": name})
    with _runner(declaration, _paths(home), {}) as runner:
        spec = runner.spec()
    settings = Specification(spec.get("connectionSpecification")).example(name)
    document = {
        "description": _title(spec) or content["description"],
        "owner": owner,
        "enabled": False,
        "freshness": "36 hours",
        "connector": dict(connector),
        "config": settings,
    }
    with files.replacing(path) as begun:
        begun.write_text(written.dump(document) + _STREAMS_NOTE, encoding="utf-8")
    return path


_STREAMS_NOTE = """\
# Without `streams` every stream is loaded: incremental_append where the connector can, which keeps
# all history, else full_refresh_overwrite, which keeps only what the source has now. To choose:
#
# streams:
#   orders:
#     sync_mode: incremental_deduplicated  # keeps the newest row of a key, loses older versions
#     cursor: updated_at
#     key: id
"""


def _title(spec: Mapping[str, Any]) -> str | None:
    schema = spec.get("connectionSpecification")
    title = schema.get("title") if isinstance(schema, dict) else None
    return f"{title}." if isinstance(title, str) and title else None


def _declaration(source: str | Declaration) -> Declaration:
    return source if isinstance(source, Declaration) else declarations.read(source)


def _paths(home: Path | Paths) -> Paths:
    return home if isinstance(home, Paths) else Paths.below(home)


@contextmanager
def _runner(
    declaration: Declaration, paths: Paths, overrides: Mapping[str, Any]
) -> Iterator[Runner]:
    """The source's connector, outside a sync."""
    paths.make()
    surroundings.remove_leftovers(paths.tmp)
    settings = Configuration(declaration, paths.connectors, overrides, home=paths.home)
    redact = Redactor(settings.secrets)
    work = paths.tmp / f"ask-{secrets.token_hex(4)}-{os.getpid()}"
    work.mkdir(mode=0o700)
    try:
        runner = Runner(
            declaration,
            settings,
            work=work,
            log=paths.logs / f"connector-{declaration.name}.log",
            redact=redact,
            environments=paths.connectors,
        )
        runner.command()  # What cannot be installed is said once, by whatever asks first.
        settings.settle(specification(declaration, paths.connectors, runner))
        redact.add(settings.secrets)
        yield runner
    except IngestionError as error:
        error.hide(redact)
        raise
    except OSError as error:
        raise ConnectorError(f"{declaration.name}: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
