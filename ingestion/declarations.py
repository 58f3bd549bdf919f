"""Sources as declarations: the models of `sources/<name>.yml` and how they are read.

Not here: what is done with a declaration (`sync`), and how a connector is installed (`connector`).
"""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from cronsim import CronSim, CronSimError
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from ingestion import written
from ingestion.errors import DeclarationError, IngestionError
from ingestion.names import OWN_SCHEMAS, Columns
from ingestion.server.settings import ServerRun
from ingestion.written import Text

SOURCES = Path(__file__).parent / "sources"
SUFFIX = ".yml"
PROVENANCE = {
    "_batch": "INTEGER",
    "_delivery": "INTEGER",
    "_file": "VARCHAR",
    "_line": "BIGINT",
    "_raw_text": "VARCHAR",
}
"""Columns that say where a record of a delivered file comes from, with their DuckDB types."""

SyncMode = Literal[
    "incremental_append",
    "incremental_deduplicated",
    "full_refresh_append",
    "full_refresh_overwrite",
]
BESIDE = re.compile(r"(?<!\$)\$\{beside\.([A-Za-z_][A-Za-z0-9_]*)\}")
"""Stands in `config` for what the program beside the connector says (`ingestion.beside`)."""
ON_DELIVERY = "on delivery"
_DURATION = re.compile(r"^([0-9]{1,5})\s*(minute|hour|day)s?$")


def _fault_of_schedule(value: str) -> str | None:
    if _DURATION.match(value):
        return None if _duration(value) else "no time at all"
    if len(value.split()) != 5:
        return "not five fields"
    try:
        CronSim(value, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        return str(error)
    return None


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileFormat(_Model):
    """How the lines of a stream's files are split into columns.

    `delimiter` null means that a line is one column. `leading_columns` gives, by layout, columns
    that stand before `columns` in files of that layout; files of other layouts have NULL there.
    `header` says that the first line names the columns; a file with other names is refused.
    `uncompressed` names columns whose values hardly repeat: compressing them takes longer than
    everything else, and halves their size at best.
    """

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None
    quote: Annotated[str, Field(pattern=r"^[!-~]$")] | None = None
    columns: Annotated[list[str], Field(min_length=1)]
    leading_columns: dict[str, list[str]] = {}
    uncompressed: list[str] = []
    header: bool = False

    @model_validator(mode="after")
    def _hangs_together(self) -> "FileFormat":
        if self.delimiter is None and (len(self.columns) > 1 or self.leading_columns):
            raise ValueError("a file without delimiter has exactly one column")
        if self.delimiter is None and self.quote is not None:
            raise ValueError("a file without delimiter has no quotes")
        names = self.table_columns()
        doubled = sorted({n for n in names if names.count(n) > 1})
        if doubled:
            raise ValueError(f"columns listed twice: {', '.join(doubled)}")
        self.require_own_names()
        unknown = sorted(set(self.uncompressed) - set(names))
        if unknown:
            raise ValueError(f"uncompressed names no columns of the file: {', '.join(unknown)}")
        return self

    def require_own_names(self, reserved: Iterable[str] = ()) -> None:
        """Check that no column is called like another one or like one that is not the file's.

        Raises:
            ValueError: when one is; it names all.
        """
        given = Columns()
        refused = [
            name for name in self.table_columns() if given.of(name, reserved=reserved) != name
        ]
        if refused:
            raise ValueError(
                f"columns that are called like another one, or like one of the loader's or the "
                f"database's own: {', '.join(refused)}"
            )

    def layout_columns(self, layout: str | None) -> list[str]:
        """The columns of a file of this layout, in file order."""
        return [*self.leading_columns.get(layout or "", []), *self.columns]

    def table_columns(self) -> list[str]:
        """The columns of every layout, in the order of the table."""
        leading = [name for names in self.leading_columns.values() for name in names]
        return [*dict.fromkeys(leading), *self.columns]


class Stream(_Model):
    """One stream of a source and how it is loaded."""

    sync_mode: SyncMode = "incremental_append"
    cursor: list[str] | None = None
    key: list[Annotated[list[str], Field(min_length=1)]] | None = None
    on_type_change: Literal["fail", "widen", "new_column"] = "widen"
    allow_empty_overwrite: bool = False
    file: FileFormat | None = None
    commits_last: bool = False
    """Its records are committed after everything the connector sent before them."""

    @field_validator("cursor", mode="before")
    @classmethod
    def _cursor_path(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("key", mode="before")
    @classmethod
    def _key_paths(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [[value]]
        if isinstance(value, list):
            return [[part] if isinstance(part, str) else part for part in value]
        return value


class PackageConnector(_Model):
    """A connector of the package registry, installed into an environment of its own."""

    package: Text
    version: Text
    python: Text | None = None
    executable: str | None = None

    @property
    def label(self) -> str:
        """The connector in a word."""
        return self.package


class ModuleConnector(_Model):
    """A connector that is part of this project, run as `python -m <module>`."""

    module: str

    @property
    def label(self) -> str:
        """The connector in a word."""
        return self.module


class ManifestConnector(_Model):
    """A declarative low-code manifest, run by airbyte-cdk's `source-declarative-manifest`."""

    manifest: str
    cdk_version: Text = "7.39.1"
    python: Text | None = ">=3.10,<3.15"

    @property
    def label(self) -> str:
        """The connector in a word."""
        return self.manifest


class CommandConnector(_Model):
    """Any command line that speaks the Airbyte protocol."""

    command: Annotated[list[Text], Field(min_length=1)]

    @property
    def label(self) -> str:
        """The connector in a word."""
        return " ".join(self.command)


_CONNECTORS = ("package", "module", "manifest", "command")


def _kind_of(connector: Any) -> str | None:
    """Which connector is meant, so that what is wrong with it is said of that kind only."""
    is_written = isinstance(connector, dict)
    known = connector if is_written else getattr(connector, "model_fields_set", ())
    return next((kind for kind in _CONNECTORS if kind in known), None)


Connector = Annotated[
    Annotated[PackageConnector, Tag("package")]
    | Annotated[ModuleConnector, Tag("module")]
    | Annotated[ManifestConnector, Tag("manifest")]
    | Annotated[CommandConnector, Tag("command")],
    Discriminator(
        _kind_of,
        custom_error_type="connector",
        custom_error_message="say which one: package and version, module, manifest, or command",
    ),
]


_Seconds = Annotated[float, Field(gt=0, le=1_000_000)]
"""More than eleven days is no limit, and nothing waits for an infinite time."""


class Limits(_Model):
    """How long a connector may take, in seconds."""

    start_seconds: _Seconds = 300
    silence_seconds: _Seconds = 3600
    stop_seconds: _Seconds = 10


class Declaration(_Model):
    """A source: connector, configuration, streams, promises, owner."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]
    description: Text
    owner: Text
    enabled: bool = True
    connector: Connector
    runner: Literal["embedded", "server"] = "embedded"
    server: ServerRun = ServerRun()
    """How an Airbyte server runs it; read where `runner` says so."""
    config: dict[str, Any] = {}
    beside: Annotated[list[Text], Field(min_length=1)] | None = None
    """A program that runs beside each process of the connector that gets a configuration.

    What it says on its first line, an object of names and values, is `${beside.NAME}` in `config`
    (`ingestion.beside`). `{python}` as its first word is the interpreter of this project.
    """
    provenance: bool = False
    """Records carry `_batch`, `_delivery`, `_file`, `_line` and `_raw_text`."""
    freshness: str | None = None
    schedule: str | None = None
    """When a source is asked for more: an interval from the beginning of its last sync
    (`6 hours`), times in UTC as cron has them (`30 5 * * 1-5`), or `on delivery`: with every run.
    Null: with every run, and by the asset page every morning."""
    streams: dict[str, Stream] | None = None
    """The streams to load; null loads every stream the connector offers, by its defaults."""
    rediscover_after: str = "0 minutes"
    """How old the connector's answer may be to what it offers; it is asked again after that.

    Longer than nothing only where fields do not come without a new version of the connector: a
    field that the answer does not have yet is not loaded.
    """
    completion: Literal["stream_status", "exit_code"] = "stream_status"
    """What says that streams are complete: their own status, or that the connector ended with 0.

    `exit_code` is for connectors that never send a status: a stream that one of them cut short
    without an error counts as complete.
    """
    environment: list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]] = []
    """Variables of the environment that the connector gets beside the usual few."""
    limits: Limits = Limits()

    @field_validator("name")
    @classmethod
    def _is_free(cls, value: str) -> str:
        if value in OWN_SCHEMAS:
            raise ValueError(
                f"a source cannot be called {value}, which DuckDB, dbt or a home uses itself: "
                f"choose another name"
            )
        return value

    @field_validator("schedule")
    @classmethod
    def _is_a_schedule(cls, value: str | None) -> str | None:
        if value is None or value == ON_DELIVERY:
            return value
        fault = _fault_of_schedule(value)
        if fault is not None:
            raise ValueError(
                f"{value!r} is no schedule ({fault}): write an interval such as '6 hours', times "
                f"in UTC as cron has them such as '30 5 * * 1-5', or '{ON_DELIVERY}'"
            )
        return value

    @field_validator("freshness", "rediscover_after")
    @classmethod
    def _is_a_duration(cls, value: str | None) -> str | None:
        if value is not None and not _DURATION.match(value):
            raise ValueError('expected a duration such as "36 hours" or "2 days"')
        return value

    @field_validator("freshness")
    @classmethod
    def _is_some_time(cls, value: str | None) -> str | None:
        if value is not None and _duration(value) == timedelta(0):
            raise ValueError("nothing is that fresh: expected some minutes, hours or days")
        return value

    @model_validator(mode="after")
    def _has_somebody_beside(self) -> "Declaration":
        if self.beside is None and (named := BESIDE.search(str(self.config))):
            raise ValueError(f"config: {named[0]} stands there, and there is no program `beside`")
        if self.beside is not None and self.runner == "server":
            raise ValueError("beside: an Airbyte server starts no program beside a connector")
        return self

    @model_validator(mode="after")
    def _is_scheduled_as_it_is_loaded(self) -> "Declaration":
        if self.provenance and self.schedule not in (None, ON_DELIVERY):
            raise ValueError(
                "schedule: a source that delivers batches is loaded when a delivery is complete. "
                "Leave it out; for a time of day, start `tradehouse run` by cron"
            )
        return self

    @model_validator(mode="after")
    def _keeps_provenance_apart(self) -> "Declaration":
        for stream in (self.streams or {}).values():
            if self.provenance and stream.file is not None:
                stream.file.require_own_names(PROVENANCE)
        return self

    def freshness_limit(self) -> timedelta | None:
        """The longest time between two syncs that is promised."""
        return _duration(self.freshness)

    def schedule_interval(self) -> timedelta | None:
        """The time from the beginning of a sync to when the next one is due, where that counts."""
        is_interval = self.schedule is not None and _DURATION.match(self.schedule)
        return _duration(self.schedule) if is_interval else None

    def rediscovery_limit(self) -> timedelta:
        """The age from which on the connector is asked again what it offers."""
        return _duration(self.rediscover_after) or timedelta(0)


def _duration(text: str | None) -> timedelta | None:
    match = _DURATION.match(text or "")
    return timedelta(**{f"{match[2]}s": int(match[1])}) if match else None


def read(name: str, directory: Path = SOURCES) -> Declaration:
    """Read and validate `<directory>/<name>.yml`.

    Raises DeclarationError that names the file and the key.
    """
    path = directory / f"{name}.yml"
    if "/" in name or not path.is_file():
        stems = (each.stem for each in paths(directory) if each.is_file())
        known = ", ".join(sorted(stems)) or "none"
        raise DeclarationError(
            f"There is no source {name!r}: {path} does not exist. Known: {known}."
        )
    return read_file(path)


def read_file(path: Path) -> Declaration:
    """Read and validate one declaration file. Raises DeclarationError."""
    content = written.read(path)
    if not isinstance(content, dict):
        raise DeclarationError(f"{path}: expected keys and values at the top, found {content!r}")
    if content.setdefault("name", path.stem) != path.stem:
        raise DeclarationError(
            f"{path}: name: {content['name']!r} is not what the file is called, and what two files "
            f"say of one name would be one source: leave it out, or rename the file."
        )
    try:
        return Declaration.model_validate(content)
    except ValidationError as error:
        raise DeclarationError(_explain(path, error)) from None


def paths(directory: Path = SOURCES, suffixes: Collection[str] = (SUFFIX,)) -> list[Path]:
    """The declarations' files, by name; hidden ones are none.

    Raises DeclarationError when they cannot be listed.
    """
    try:
        found = (path for path in directory.iterdir() if not path.name.startswith("."))
        return sorted(path for path in found if path.suffix in suffixes)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DeclarationError(
            f"{directory} cannot be listed ({error.strerror}): let it be read, then run again."
        ) from None


def read_all(directory: Path = SOURCES) -> list[Declaration]:
    """Every declaration of the directory, by name. Raises DeclarationError."""
    return [read_file(path) for path in paths(directory)]


def read_each(directory: Path = SOURCES) -> tuple[list[Declaration], dict[str, str]]:
    """Every declaration that can be read, by name; of every other file what is wrong, by stem.

    What is wrong with the directory itself stands under its name.
    """
    found, faults = [], {}
    try:
        every = paths(directory, (SUFFIX, ".yaml"))
    except DeclarationError as error:
        return [], {directory.name: str(error)}
    for path in every:
        if path.suffix != SUFFIX:
            faults[path.name] = f"{path} is not read: a declaration's name ends with {SUFFIX}."
            continue
        try:
            one = read_file(path)
            one.freshness_limit()
        except (IngestionError, OSError, ValueError, OverflowError, RecursionError) as error:
            faults[path.stem] = str(error)
        else:
            found.append(one)
    return found, faults


def _explain(path: Path, error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        place = problem["loc"]
        if place[:1] == ("connector",):
            place = place[:1] + place[2:]  # Behind it stands which kind of connector was meant.
        key = ".".join(map(str, place))
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{path}: {key or 'top level'}: {message}")
    return "\n".join(lines)
