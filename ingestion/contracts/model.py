"""What a contract may say, read and checked; not what is generated from it.

A column usually takes one line; whatever holds for most columns is stated once at the top.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from ingestion import written
from ingestion.bronze import reserved_words
from ingestion.errors import DeclarationError
from ingestion.written import Text

MADE = "Made from contracts/{source}.yml by `tradehouse contracts generate`: change it there."
CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
Class = Literal["public", "internal", "personal", "sensitive"]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$", max_length=70)]
Delivered = Literal[
    "text",
    "number as text",
    "integer",
    "big integer",
    "number",
    "boolean",
    "date",
    "timestamp",
    "timestamptz",
    "time",
    "timetz",
    "json",
]
"""What a connector may say of a field."""
_TYPE = re.compile(
    r"(?P<name>text|integer|decimal|number|code|date|timestamp|timestamptz|time|timetz|boolean|json)"
    r"(\((?P<size>[^()]+)\))?"
)
WRITTEN = {
    ("date", None): "date",
    ("date", "YYYYMMDD"): "compact_date",
    ("timestamp", None): "timestamp",
    ("timestamp", "YYYY-MM-DDTHH:MM:SS"): "xml_timestamp",
    ("timestamp", "YYYYMMDD-HHMMSS"): "compact_timestamp",
    ("time", None): "time",
    ("boolean", "true/false"): "word",
    ("boolean", "1/0"): "bit",
    ("boolean", None): "word",
}
"""How a source may write a type, and what the macro `typed_value` calls that."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


_WITH_A_DAY = ("date", "timestamp", "timestamptz")


def _is_whole_number(size: str) -> bool:
    return re.fullmatch("[0-9]{1,9}", size) is not None


def _is_decimal(size: str) -> bool:
    digits = re.fullmatch(r"([0-9]{1,2}),([0-9]{1,2})", size)
    return digits is not None and 1 <= int(digits[1]) <= 38 and int(digits[2]) <= int(digits[1])


class Column(_Model):
    """A column of a stream.

    `type` is exact: `text(30)` of at most so many characters, `integer(15)` of so many digits,
    `decimal(8,2)` of so many digits of which so many behind the point, `code(A, B)` one of these
    texts, `number` a finite one of double precision, `date`, `timestamp`, `timestamptz`, `time`,
    `timetz`, `boolean`, `json` whatever was delivered. A text without a size is as the connector
    gives it, an integer without one has 64 bits.
    """

    type: str
    written: str | None = None
    """How the source writes it, where that is not as ISO 8601 has it."""
    required: bool = False
    keeps_empty: bool = False
    """An empty text says something else than an absent one, so the column stays a text."""
    earliest: date | None = None
    """The first day that it may be, where that is another one than 1900-01-01."""
    latest: date | None = None
    """The last day that it may be, where that is another one than 2100-12-31."""
    least: Decimal | None = None
    """The smallest number that it may be."""
    most: Decimal | None = None
    """The largest one."""
    absent: bool = False
    """Nothing may be there: what is says that the record could not be read."""
    class_: Annotated[Class | None, Field(alias="class")] = None
    unit: str | None = None
    at: tuple[int, int] | None = None
    """First character and length in a line of fixed width."""
    path: str | None = None
    """Where it stands in XML, below the element of its stream."""
    from_: Annotated[list[str] | None, Field(alias="from", min_length=1)] = None
    """The field of a record, or a path into one, where that is not what the column is called."""
    stored: str | None = None
    """The column of the raw table, where that is not what the field is called."""
    delivered: Delivered | None = None
    """What the connector says that the field is, where the type here says more."""
    meaning: Text

    @field_validator("from_", mode="before")
    @classmethod
    def _is_a_path(cls, value: Any) -> Any:
        return (
            value
            if value is None or isinstance(value, list)
            else [getattr(value, "written", value)]
        )

    @field_validator("least", "most", mode="before")
    @classmethod
    def _as_written(cls, value: Any) -> Any:
        return getattr(value, "written", value)

    @field_validator("type")
    @classmethod
    def _is_a_type(cls, value: str) -> str:
        found = _TYPE.fullmatch(value)
        name, size = (found["name"], found["size"]) if found else ("", None)
        is_right = {
            "text": size is None or _is_whole_number(size),
            "integer": size is None or (_is_whole_number(size) and 1 <= int(size) <= 39),
            "decimal": size is not None and _is_decimal(size),
            "code": size is not None and all(code.strip() for code in size.split(",")),
        }.get(name, bool(name) and size is None)
        if not is_right:
            raise ValueError(
                f"{value!r} is no type: text(30), integer(15), decimal(8,2), number, code(A, B), "
                f"date, timestamp, timestamptz, time, timetz, boolean and json are"
            )
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> "Column":
        name = self.name_of_type
        known = [way for kind, way in WRITTEN if kind == name]
        if known:
            if self.written not in known:
                ways = ", ".join(str(way) for way in known if way)
                raise ValueError(f"written: a {self.name_of_type} may be written as {ways}")
        elif self.written is not None:
            raise ValueError(f"written: a {self.name_of_type} is written in one way")
        own = {"latest"} if self.name_of_type == "date" else {"earliest", "latest"}
        for word in ("earliest", "latest"):
            if getattr(self, word) is not None and self.name_of_type not in _WITH_A_DAY:
                raise ValueError(f"{word}: only a date or a timestamp has one")
            if word in own and getattr(self, word) and self.written is not None:
                raise ValueError(f"{word}: what is written in a way of its own has none")
        if (self.least, self.most) != (None, None):
            if self.name_of_type not in ("integer", "decimal", "number"):
                raise ValueError("least and most: only a number has them")
            if self.keeps_empty:
                raise ValueError("least and most: what keeps an empty text stays a text")
            if self.least is not None and self.most is not None and self.least > self.most:
                raise ValueError("least: it is more than most")
        if self.absent and (self.required or self.type != "text"):
            raise ValueError("absent: such a column is a text and not required")
        return self

    @property
    def name_of_type(self) -> str:
        """The type without its size."""
        return self.type.partition("(")[0]

    @property
    def size(self) -> str:
        """What stands behind the type, or nothing."""
        return self.type.partition("(")[2].rstrip(")")

    @property
    def bounds(self) -> str:
        """The smallest and the largest number that it may be as macros take them, or nothing."""
        found = ["" if one is None else f"{one:f}" for one in (self.least, self.most)]
        return f"|{'..'.join(found)}" if any(found) else ""

    @property
    def codes(self) -> list[str]:
        """The texts that a code may be."""
        if self.name_of_type != "code":
            return []
        return [code.strip() for code in self.size.split(",")]


class Format(_Model):
    """What a file of the stream is: lines of fields, lines as they are, or elements of XML."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quote: Annotated[str, Field(pattern=r"^[!-~]$")] | None = None
    header: bool = False
    lines: Literal["whole"] | None = None
    xml: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Format":
        if sum(one is not None for one in (self.delimiter, self.lines, self.xml)) != 1:
            raise ValueError("say one of delimiter, lines: whole, and xml")
        return self


class Freshness(_Model):
    """How old the newest row may be before it is reported."""

    warn: Annotated[str, Field(pattern=r"^\d+ (minute|hour|day)s?$")]
    error: Annotated[str, Field(pattern=r"^\d+ (minute|hour|day)s?$")]


class _Keyed(_Model):
    description: Text
    key: list[Name] = []
    unique_in: Literal["source", "batch"] = "source"
    """Whether a key may never come again, or only once a batch (full lists and archives)."""
    key_is_tested: bool = True
    """Whether a test looks for repeated keys; what repeats is quarantined in any case."""
    columns: dict[Name, Column]

    @model_validator(mode="after")
    def _has_its_key(self) -> "_Keyed":
        unknown = [name for name in self.key if name not in self.columns]
        if unknown:
            raise ValueError(f"key: there is no column {', '.join(unknown)}")
        return self


class Mark(_Model):
    """How lines of one kind are distinguished from others: by the text at one place."""

    at: tuple[int, int]
    text: str


class Record(_Keyed):
    """One kind of line in a stream of several."""

    is_: Annotated[Mark, Field(alias="is")]
    line_lengths: list[int] = []


class Stream(_Keyed):
    """A stream: what a file or table of the source is, and its columns."""

    stream: str | None = None
    """What the connector calls it, where that is not its name here."""
    namespace: str | None = None
    stored: str | None = None
    """The raw table, where that is not what the connector calls the stream."""
    cursor: list[str] = []
    """The path of the field that says which record is newest, where the connector names one."""
    incremental: bool = True
    """Whether the connector can send only what is new."""
    file: str | None = None
    format: Format | None = None
    class_: Annotated[Class | None, Field(alias="class")] = None
    owner: str | None = None
    batches: Literal["every", "first", "later"] = "every"
    optional: bool = False
    optional_later: bool = False
    beside_batches: bool = False
    """Files beside the batches' directories (batch 0) belong to the stream as well."""
    commits_last: bool = False
    expected_from_batch: int | None = None
    """The first batch in which rows have to come."""
    bad_share: Share | None = None
    freshness: Freshness | None = None
    layouts: dict[str, list[Name]] = {}
    """Columns that only files of a layout have, in front."""
    uncompressed: list[Name] = []
    records: dict[Name, Record] = {}

    @model_validator(mode="after")
    def _has_its_columns(self) -> "Stream":
        named = [*self.uncompressed, *(name for names in self.layouts.values() for name in names)]
        unknown = [name for name in named if name not in self.columns]
        if unknown:
            raise ValueError(f"there is no column {', '.join(unknown)}")
        return self


class Contract(_Model):
    """What is declared about every stream and column of a source."""

    source: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]
    version: Text = "1.0.0"
    delivers: Literal["records", "batches"] = "records"
    """Whether it delivers files by batches, or records of a connector."""
    owner: Text
    description: Text
    class_: Annotated[Class, Field(alias="class")] = "internal"
    bad_share: Share = 0.05
    """The share of rows of a file that may be bound for quarantine before its load is held."""
    streams: Annotated[dict[Name, Stream], Field(min_length=1)]

    @model_validator(mode="after")
    def _says_what_counts(self) -> "Contract":
        """Words and names that mean nothing in a contract of this kind are refused."""
        for name, stream in self.streams.items():
            odd = sorted(stream.model_fields_set & _OF_STREAM[self.delivers])
            for own, column in stream.columns.items():
                odd += [
                    f"columns.{own}.{word.rstrip('_')}"
                    for word in sorted(column.model_fields_set & _OF_COLUMN[self.delivers])
                ]
                if self.delivers == "records" and own in {*OWN_COLUMNS, *reserved_words()}:
                    raise ValueError(
                        f"streams.{name}: a column cannot be called {own}, as others or words of "
                        f"SQL are: call it {own}_ and say from: {own}"
                    )
                if self.delivers == "batches" and column.name_of_type in _RECORD_TYPES:
                    raise ValueError(f"streams.{name}.columns.{own}: no file has a {column.type}")
                if self.delivers == "batches" and column.earliest and column.type != "date":
                    raise ValueError(f"streams.{name}.columns.{own}: only a date has earliest")
            if odd:
                raise ValueError(
                    f"streams.{name}: {', '.join(odd)} means nothing where a source delivers "
                    f"{self.delivers}"
                )
        if self.delivers == "records" and "quarantine" in self.streams:
            raise ValueError("streams: a stream cannot be called quarantine: say stream")
        return self

    def typed(self) -> Iterator[tuple[str, Stream, Stream | Record]]:
        """Every model that is made: its name, the stream it is read from, and what it is."""
        for name, stream in self.streams.items():
            if not stream.records:
                yield name, stream, stream
            for kind, record in stream.records.items():
                yield kind, stream, record


_FILE = re.compile(r"[a-z][a-z0-9_]*")
OWN_COLUMNS = ("raw_id", "extracted_at", "_load")
"""Columns that every model of records has."""
_RECORD_TYPES = ("number", "timestamptz", "timetz", "json")
_OF_STREAM = {
    "records": {
        *("file", "format", "batches", "optional", "optional_later", "beside_batches", "layouts"),
        *(
            "commits_last",
            "expected_from_batch",
            "freshness",
            "uncompressed",
            "records",
            "unique_in",
        ),
    },
    "batches": {"stream", "namespace", "stored", "cursor", "incremental"},
}
_OF_COLUMN = {
    "records": {"at", "path", "keeps_empty"},
    "batches": {"from_", "stored", "delivered", "latest", "absent"},
}
"""Words that say nothing, by what a source delivers."""


def read(source: str, directory: Path = CONTRACTS) -> Contract:
    """Read and check `<directory>/<source>.yml`. Raises DeclarationError, which names the key."""
    path = directory / f"{source}.yml"
    if not path.is_file():
        known = ", ".join(names(directory)) or "none"
        raise DeclarationError(f"There is no contract {path}. Known: {known}.")
    return _read(path, path.stat().st_mtime_ns, path.stat().st_size)


@lru_cache
def _read(path: Path, _changed_at: int, _size: int) -> Contract:
    content: Any = written.read(path)
    try:
        contract = Contract.model_validate(content)
    except ValidationError as error:
        raise DeclarationError(_explain(path, error)) from None
    if contract.source != path.stem:
        raise DeclarationError(f"{path}: source: {contract.source} is not what the file is called")
    return contract


def names(directory: Path = CONTRACTS) -> list[str]:
    """The sources that have a contract: `<name>.yml`, and nothing else that lies there."""
    return sorted(
        path.stem
        for path in directory.glob("*.yml")
        if _FILE.fullmatch(path.stem) and path.is_file()
    )


def strays(directory: Path = CONTRACTS) -> list[Path]:
    """What lies beside contracts and is none: copies, other endings, directories."""
    known = {f"{name}.yml" for name in names(directory)}
    return sorted(path for path in directory.glob("[!.]*") if path.name not in known)


def _explain(path: Path, error: ValidationError) -> str:
    found = error.errors(include_url=False)
    return "\n".join(
        f"{path}: {'.'.join(map(str, one['loc'])) or 'top level'}: "
        f"{one['msg'].removeprefix('Value error, ')}"
        for one in found
    )
