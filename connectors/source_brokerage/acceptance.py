"""Faults that keep a batch out: it is checked completely before anything of it is emitted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from contextlib import suppress
from xml.parsers import expat

from connectors.source_brokerage.batches import MARK, Batch, Content, scan
from connectors.source_brokerage.config import Config
from connectors.source_brokerage.document import DocumentError, check_document
from connectors.source_brokerage.faults import Fault
from connectors.source_brokerage.opening import SourceFile, open_file, unreadable
from connectors.source_brokerage.streams import BY_NAME, Stream

DATE_FILE_LIMIT = 1000
FIRST_DAY, LAST_DAY = "1900-01-01", "2100-12-31"
"""What a business day lies between; bronze holds every other date against the same two."""


class Scanner:
    """Reads every file at most once in a run."""

    def __init__(self) -> None:
        self._contents: dict[str, Content] = {}

    def content(self, file: SourceFile) -> Content:
        """What one pass over the file tells; `Fault` when it cannot be read."""
        if file.path not in self._contents:
            self._contents[file.path] = scan(file)
        return self._contents[file.path]


def check_batch(batch: Batch, streams: Iterable[Stream], scanner: Scanner) -> None:
    """Raise the first `Fault` of the batch's files of these streams."""
    streams = list(streams)
    for stream in streams:
        if stream.is_required(batch.number) and not batch.of(stream.name):
            raise _missing(batch, stream)
    for stream in streams:
        for file in batch.of(stream.name):
            content = scanner.content(file)
            if content.problem:
                raise _no_text(file, content.problem)
            if stream.format != "xml" and not content.is_terminated:
                raise _unterminated(file, content)
    documents = {f.path: f for s in streams if s.format == "xml" for f in batch.of(s.name)}
    for document in documents.values():
        check_xml(document)


def _missing(batch: Batch, stream: Stream) -> Fault:
    relative = f"Batch{batch.number}/{stream.pattern}"
    return Fault(
        "file_missing",
        f"{relative} is missing. Expected it in {batch.directory}; deliver it and run again.",
        batch=batch.number,
        file=relative,
    )


def _unterminated(file: SourceFile, content: Content) -> Fault:
    return Fault(
        "file_unterminated",
        f"{file.relative}, line {content.lines}: the last line has no line end, so the file may "
        "be cut off. Expected CR LF or LF after every line; deliver the file again.",
        batch=file.batch,
        file=file.relative,
        line=content.lines,
    )


def _no_text(file: SourceFile, problem: str) -> Fault:
    return Fault(
        "file_not_text",
        f"{file.relative} has {problem}. Expected lines of text in UTF-8; deliver the file again.",
        batch=file.batch,
        file=file.relative,
    )


def check_xml(file: SourceFile) -> None:
    """Raise `Fault` (`xml_malformed`) with line and column when the document cannot be parsed."""
    try:
        with open_file(file) as stream:
            check_document(stream)
    except OSError as error:
        raise unreadable(file, error) from None
    except expat.ExpatError as error:
        problem = DocumentError(expat.ErrorString(error.code), error.lineno, error.offset + 1)
    except DocumentError as error:
        problem = error
    else:
        return
    raise Fault(
        "xml_malformed",
        f"{file.relative}, line {problem.line}, column {problem.column}: {problem}. Expected a "
        "well-formed document of actions; deliver the file again.",
        batch=file.batch,
        file=file.relative,
        line=problem.line,
        column=problem.column,
    )


def check_date(batch: Batch, dates: Mapping[int, str], config: Config) -> str:
    """The batch's date as delivered, checked against the neighbours' `dates` by batch number.

    It is at most `config.longest_gap_days` from the batch before it and the one after it. Raises
    `Fault`: `file_missing`, `file_unreadable`, `file_not_text`, `file_unterminated` or
    `batch_date_invalid`.
    """
    stream = BY_NAME["batch_date"]
    if not batch.of(stream.name):
        raise _missing(batch, stream)
    file = batch.of(stream.name)[0]
    text = date_text(file)
    earlier = max((number for number in dates if number < batch.number), default=None)
    later = min((number for number in dates if number > batch.number), default=None)
    if earlier is not None and text <= dates[earlier]:
        raise _date_fault(file, f"{text} is not later than Batch{earlier}'s date {dates[earlier]}")
    if later is not None and text >= dates[later]:
        raise _date_fault(file, f"{text} is not earlier than Batch{later}'s date {dates[later]}")
    for number in (earlier, later):
        if number is not None and _days_between(text, dates[number]) > config.longest_gap_days:
            raise _date_fault(
                file,
                f"{text} is more than {config.longest_gap_days} days from Batch{number}'s date "
                f"{dates[number]} (if it is right, set TRADEHOUSE_LONGEST_GAP_DAYS)",
            )
    return text


def _days_between(one: str, other: str) -> int:
    return abs((dt.date.fromisoformat(one) - dt.date.fromisoformat(other)).days)


def date_text(file: SourceFile) -> str:
    """The date that a `BatchDate.txt` holds, between `FIRST_DAY` and `LAST_DAY`: `2024-12-31`.

    Raises `Fault`: `file_unreadable`, `file_not_text`, `file_unterminated`, `batch_date_invalid`.
    """
    try:
        with open_file(file) as stream:
            content = stream.read(DATE_FILE_LIMIT)
    except OSError as error:
        raise unreadable(file, error) from None
    if not content.endswith(b"\n"):
        raise _unterminated(file, Content("", content.count(b"\n") + 1, False, True))
    line = content.removeprefix(MARK).removesuffix(b"\n").removesuffix(b"\r")
    text = line.decode("utf-8", "backslashreplace")
    with suppress(ValueError):
        if dt.date.fromisoformat(text).isoformat() == text:
            if FIRST_DAY <= text <= LAST_DAY:
                return text
            raise _date_fault(file, f"{text} is not between {FIRST_DAY} and {LAST_DAY}")
    raise _date_fault(file, f"found {text!r}, expected one line with a date such as 2024-12-31")


def _date_fault(file: SourceFile, problem: str) -> Fault:
    return Fault(
        "batch_date_invalid",
        f"{file.relative}, line 1: {problem}. Correct the file and run again.",
        batch=file.batch,
        file=file.relative,
        line=1,
    )
