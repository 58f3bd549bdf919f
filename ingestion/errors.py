"""The errors of ingestion. Each says what was expected, what was found and what to do."""


class IngestionError(Exception):
    """A sync cannot start or go on; the message is one for people."""


class DeclarationError(IngestionError):
    """A source's declaration is wrong; the message names file and key."""


class DatabaseBusyError(IngestionError):
    """Another process has the raw database open."""


class SchemaVersionError(IngestionError):
    """The raw database was written by a newer Tradehouse."""


class ProtocolError(IngestionError):
    """The connector broke the Airbyte protocol."""


class ConnectorError(IngestionError):
    """The connector failed to start, died, or took longer than allowed."""


class ServerError(IngestionError):
    """The Airbyte server refused, failed, or could not be reached; says so in its own words.

    `status` is the HTTP status where there was an answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
