"""What a connector offers, asked once and kept until connector or declaration change.

Not here: asking (`connector`) and what is made of the answer (`catalog`).
"""

import hashlib
import importlib.util
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from pydantic import AwareDatetime

from ingestion import json_text
from ingestion.configuration import Configuration
from ingestion.connector import Runner, manifest_path
from ingestion.declarations import (
    CommandConnector,
    Declaration,
    ManifestConnector,
    ModuleConnector,
)
from ingestion.errors import IngestionError
from ingestion.redaction import Redactor
from ingestion.specification import Specification
from tradehouse.home import files


class Kept(files.Kept):
    """`connectors/<source>.catalog.json`: what a connector offered when it was asked."""

    asked_for: str
    discovered_at: AwareDatetime
    streams: list[dict[str, Any]]


class KeptSpecification(files.Kept):
    """`connectors/<source>.spec.json`: what a connector said can be configured."""

    asked_for: str
    specification: dict[str, Any]


class Discovery:
    """The catalogue of one source, kept in the home, readable by its user only.

    It is asked again when the declaration, its configuration or the connector's files changed,
    after `rediscover_after` of the declaration, and after it was forgotten.
    """

    def __init__(
        self,
        declaration: Declaration,
        configuration: Configuration,
        directory: Path,
        redact: Redactor,
    ) -> None:
        self._path = directory / f"{declaration.name}.catalog.json"
        self._limit = declaration.rediscovery_limit()
        self._redact = redact
        asked_for = [
            configuration.declaration_digest,
            configuration.digest,
            _stamps(declaration),
        ]
        self._asked_for = hashlib.sha256(orjson.dumps(asked_for)).hexdigest()

    def streams(self, runner: Runner, *, refresh: bool = False) -> list[dict[str, Any]]:
        """The streams the connector offers, as it said last or as it says now."""
        found = None if refresh else self._kept()
        if found is None:
            found = runner.discover()
            self._keep(found)
        return found

    def forget(self) -> None:
        """Ask again next time."""
        self._path.unlink(missing_ok=True)

    def _kept(self) -> list[dict[str, Any]] | None:
        try:
            kept = files.read(self._path, Kept)
        except files.DamagedError:
            return None  # The connector is asked.
        if kept is None or kept["asked_for"] != self._asked_for:
            return None
        age = datetime.now(UTC) - kept["discovered_at"]
        return list(kept["streams"]) if age < self._limit else None

    def _keep(self, streams: list[dict[str, Any]]) -> None:
        moment = datetime.now(UTC)
        content = {"asked_for": self._asked_for, "discovered_at": moment, "streams": streams}
        text = json_text.dumps(content | {"discovered_at": moment.isoformat()})
        if self._redact(text.decode()) != text.decode():
            return  # The connector put a secret into its catalogue.
        files.write_bytes(self._path, text)


def specification(declaration: Declaration, directory: Path, runner: Runner) -> Specification:
    """The connector's specification, kept while its files are what they were.

    Empty where there is nothing to configure, or where the connector gives none.
    """
    if not declaration.config:
        return Specification({})
    path = directory / f"{declaration.name}.spec.json"
    described = [declaration.connector.model_dump(mode="json"), _stamps(declaration)]
    asked_for = hashlib.sha256(orjson.dumps(described)).hexdigest()
    with suppress(files.DamagedError):  # Then the connector is asked.
        kept = files.read(path, KeptSpecification)
        if kept is not None and kept["asked_for"] == asked_for:
            return Specification(kept["specification"])
    try:
        schema = runner.spec().get("connectionSpecification")
    except IngestionError:
        return Specification({})
    if isinstance(schema, dict):
        files.write(path, KeptSpecification, {"asked_for": asked_for, "specification": schema})
    return Specification(schema)


def _stamps(declaration: Declaration) -> list[Any]:
    """What says that a connector's files are the ones they were.

    A package's version stands in the declaration. Of a command line only the files that it names
    are known.
    """
    connector = declaration.connector
    match connector:
        case ManifestConnector():
            return _of_files([manifest_path(connector)])
        case ModuleConnector():
            module = importlib.util.find_spec(connector.module)
            folders = module.submodule_search_locations if module else None
            found = [path for each in folders or () for path in Path(each).rglob("*")]
            return _of_files([path for path in found if path.suffix in (".py", ".json")])
        case CommandConnector():
            first, *others = connector.command
            return _of_files([Path(shutil.which(first) or first), *map(Path, others)])
    return []


def _of_files(paths: list[Path]) -> list[Any]:
    found = []
    for path in sorted(paths):
        with suppress(OSError):  # An argument of a command may be no path at all.
            if path.is_file():
                found.append((path, path.stat()))
    return [[str(path), stat.st_mtime_ns, stat.st_size] for path, stat in found]
