"""One delivery of a batch under construction: clean files, edited rows, and the faults put in.

Belongs here: editing rows and keeping track of which line carries which fault. Does not belong
here: which faults there are (`row_faults`, `file_faults`) and the order of deliveries (`steps`).
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.layouts import columns_of

LINE_END = b"\r\n"


@dataclass(frozen=True)
class Fault:
    """One injected fault and what the platform promises for it.

    `outcome`: absorbed, quarantined, held, refused or waiting; `reason` is the quarantine's word.
    """

    fault: str
    outcome: str
    detail: str
    reason: str | None = None


@dataclass
class Row:
    """One line without its end."""

    content: bytes
    fault: Fault | None = None

    def fields(self, delimiter: bytes = b"|") -> list[bytes]:
        """The row's fields."""
        return self.content.split(delimiter)


@dataclass
class Delivery:
    """The files of one batch; edits do not touch the clean directory."""

    batch: int
    clean: Path
    rows_of: dict[str, list[Row]] = field(default_factory=dict)
    tails: dict[str, bytes] = field(default_factory=dict)
    contents: dict[str, bytes | None] = field(default_factory=dict)
    file_faults: list[tuple[str | None, Fault]] = field(default_factory=list)
    audit_changes: dict[tuple[str, str], int] = field(default_factory=dict)

    def rows(self, name: str) -> list[Row]:
        """The rows of a file, to be edited in place."""
        if name not in self.rows_of:
            *lines, tail = (self.clean / name).read_bytes().split(LINE_END)
            self.rows_of[name] = [Row(line) for line in lines]
            self.tails[name] = tail  # what follows the last line end: an XML document's end
        return self.rows_of[name]

    def content(self, name: str) -> bytes:
        """A file's content as it would be delivered now."""
        if name in self.contents:
            return self.contents[name] or b""
        if name in self.rows_of:
            lines = b"".join(row.content + LINE_END for row in self.rows_of[name])
            return lines + self.tails[name]
        return (self.clean / name).read_bytes()

    def replace(self, name: str, content: bytes | None, fault: Fault) -> None:
        """Deliver other bytes, or None for no file at all."""
        self.contents[name] = content
        self.file_faults.append((name, fault))

    def change_audit(self, name: str, attribute: str, by: int) -> None:
        """Let an expected count follow the edited rows."""
        key = (f"{Path(name).stem}_audit.csv", attribute)
        self.audit_changes[key] = self.audit_changes.get(key, 0) + by

    def column(self, name: str, column: str) -> int:
        """Position of a column in this batch's file."""
        return columns_of(name, self.batch).index(column)

    def with_values(self, name: str, row: Row, **values: str) -> bytes:
        """A row's content with other values in some columns."""
        delimiter = b"," if name.endswith(".csv") else b"|"
        fields = row.fields(delimiter)
        for column, value in values.items():
            fields[self.column(name, column)] = value.encode()
        return delimiter.join(fields)

    def value(self, name: str, row: Row, column: str) -> str:
        """One value of a row."""
        delimiter = b"," if name.endswith(".csv") else b"|"
        return row.fields(delimiter)[self.column(name, column)].decode()

    def write(self, directory: Path) -> list[dict[str, Any]]:
        """Write the delivery; returns its faults with file and line."""
        directory.mkdir(parents=True)
        for path in sorted(self.clean.iterdir()):
            name = path.name
            if name in self.contents:
                content = self.contents[name]
                if content is not None:
                    (directory / name).write_bytes(content)
            elif name in self.rows_of:
                (directory / name).write_bytes(self.content(name))
            elif any(key[0] == name for key in self.audit_changes):
                (directory / name).write_bytes(self._changed_audit(path))
            else:
                link_or_copy(path, directory / name)
        return self._records()

    def _changed_audit(self, path: Path) -> bytes:
        lines = path.read_text().split("\n")
        for position, line in enumerate(lines):
            fields = line.split(",")
            change = self.audit_changes.get((path.name, fields[3] if len(fields) > 3 else ""))
            if change:
                fields[4] = str(int(fields[4]) + change)
                lines[position] = ",".join(fields)
        return "\r\n".join(lines).encode()

    def _records(self) -> list[dict[str, Any]]:
        records = [
            _record(fault, None if name is None else f"Batch{self.batch}/{name}", None)
            for name, fault in self.file_faults
        ]
        for name, rows in self.rows_of.items():
            if name in self.contents:
                continue
            for line, row in enumerate(rows, start=1):
                if row.fault is not None:
                    records.append(_record(row.fault, f"Batch{self.batch}/{name}", line))
        return records


def link_or_copy(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _record(fault: Fault, file: str | None, line: int | None) -> dict[str, Any]:
    return {
        "fault": fault.fault,
        "outcome": fault.outcome,
        "file": file,
        "line": line,
        "reason": fault.reason,
        "detail": fault.detail,
    }
