"""What can be wrong with a delivery, each with a stable code. Finding it lives elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

CODES = (
    "landing_missing",
    "config_invalid",
    "catalog_invalid",
    "state_invalid",
    "batch_waits",
    "delivery_changed",
    "file_missing",
    "file_unreadable",
    "file_outside",
    "file_unterminated",
    "file_not_text",
    "file_changed",
    "xml_malformed",
    "batch_date_invalid",
)


@dataclass
class Fault(Exception):  # noqa: N818 (the domain's word)
    """Why a batch, or the whole read, cannot go on.

    `code` is one of `CODES`; `file` is the path below the landing directory, `line` is 1-based.
    `message` says what was found, what was expected and what to do; `found` is the first of it,
    where others go on in words of their own.
    """

    code: str
    message: str
    batch: int | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    found: str = ""

    def __str__(self) -> str:
        return self.message

    def details(self) -> dict[str, str | int | None]:
        """The machine-readable form, as `internal_message` carries it."""
        details: dict[str, str | int | None] = {
            "code": self.code,
            "batch": self.batch,
            "file": self.file,
            "line": self.line,
        }
        return details if self.column is None else details | {"column": self.column}
