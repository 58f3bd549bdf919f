"""The errors of ingestion. Each says what was expected, what was found and what to do."""

from collections.abc import Callable
from pathlib import Path

Redact = Callable[[str], str]


class IngestionError(Exception):
    """A sync cannot start or go on; the message is one for people.

    `is_corrupt` says that raw seems to hold what the database did not write.
    """

    is_corrupt = False

    def hide(self, redact: Redact) -> None:
        """Replace in it what is secret."""
        self.args = tuple(redact(each) if isinstance(each, str) else each for each in self.args)


class DeclarationError(IngestionError):
    """A source's declaration is wrong; the message names file and key."""


class SchemaVersionError(IngestionError):
    """The raw database was written by a newer Tradehouse."""


class ProtocolError(IngestionError):
    """The connector broke the Airbyte protocol; `excerpt` is where, from its beginning on.

    `is_noise` says that it is nothing of the protocol.
    """

    SHOWN = 200
    KEPT = 1024 * 1024
    """More than a secret is long: what is shown is cut from what is kept after redacting it."""

    def __init__(self, message: str, excerpt: bytes = b"", *, is_noise: bool = False) -> None:
        super().__init__(message)
        self.is_noise = is_noise
        self.message = message
        self.excerpt = excerpt[: self.KEPT].decode("utf-8", "backslashreplace")
        self.bytes = len(excerpt)

    def __str__(self) -> str:
        return self.told(lambda text: text)

    def hide(self, redact: Redact) -> None:
        """Replace in it what is secret."""
        super().hide(redact)
        self.message, self.excerpt = redact(self.message), redact(self.excerpt)

    def told(self, redact: Redact) -> str:
        """The message and the excerpt's beginning; redacted before it is cut."""
        if not self.excerpt:
            return redact(self.message)
        beginning = redact(self.excerpt)[: self.SHOWN]
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in beginning)
        return f"{redact(self.message)}: {shown[: self.SHOWN]}"

    def located(self, redact: Redact, log: Path) -> str:
        """The message, and where the excerpt is: a record's values are not for everybody's eyes."""
        is_harmless = self.is_noise and not may_hold_values(self.excerpt)
        if not self.excerpt or is_harmless:
            return self.told(redact)
        return redact(f"{self.message}: {self.bytes:,} bytes, whose beginning is in {log}")


def may_hold_values(text: str) -> bool:
    """Whether what a connector printed may be what a record holds: an object, or a list."""
    return any(mark in text for mark in "{[")


class TooLargeError(IngestionError):
    """Records take more memory than loading may take."""


class ConnectorError(IngestionError):
    """The connector failed to start, died, or took longer than allowed."""


class ServerError(IngestionError):
    """The Airbyte server refused, failed, or could not be reached; says so in its own words.

    `status` is the HTTP status where there was an answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
