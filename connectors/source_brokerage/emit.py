"""Records of the streams that Python renders: CRM, audit, batch date, and malformed files.

Bulk rendering of well-formed files is in `render.py`, whole files are in `transfer.py`.
"""

from __future__ import annotations

from typing import Any

from connectors.source_brokerage import crm
from connectors.source_brokerage.opening import SourceFile, open_file
from connectors.source_brokerage.protocol import Writer
from connectors.source_brokerage.rows import split_rows
from connectors.source_brokerage.streams import Stream


def _metadata(file: SourceFile, delivery: int, line: int, raw_text: str | None) -> dict[str, Any]:
    return {
        "_batch": file.batch,
        "_delivery": delivery,
        "_file": file.relative,
        "_line": line,
        "_raw_text": raw_text,
    }


def emit_rows(writer: Writer, stream: Stream, file: SourceFile, delivery: int) -> None:
    """The file's rows one by one, malformed ones with their text; an audit's header is skipped."""
    columns = stream.file_columns(file.batch)
    is_audit = stream.format == "audit"
    nothing = dict.fromkeys(stream.columns)
    with open_file(file) as lines:
        for row in split_rows(lines, stream.format, len(columns)):
            if is_audit and row.line == 1:
                continue
            data: dict[str, Any] = nothing.copy()
            if row.values is not None:
                data.update(zip(columns, row.values, strict=True))
            writer.running(stream.name)
            writer.record(stream.name, data | _metadata(file, delivery, row.line, row.raw_text))


def emit_crm(writer: Writer, names: set[str], file: SourceFile, delivery: int) -> None:
    """Actions and accounts of the CRM document, those of the streams in `names`."""
    with open_file(file) as stream:
        reader = crm.Reader(stream)
        for actions, accounts in reader.chunks():
            for name, rows in (
                ("customer_mgmt_action", actions),
                ("customer_mgmt_account", accounts),
            ):
                if name not in names or not rows:
                    continue
                writer.running(name)
                for row in rows:
                    data = row.values | _metadata(file, delivery, row.line, row.raw_text)
                    writer.record(name, data)
    for unknown, count in sorted(reader.unknown.items()):
        writer.log("WARN", f"{file.relative}: {unknown} is not known ({count} in quarantine).")
    for ignored, count in sorted(reader.ignored.items()):
        writer.log("INFO", f"{file.relative}: {count} {ignored} left out.")
