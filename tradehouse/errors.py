"""Errors, each with the exit code the command line ends with.

The codes are documented in `docs/command-line.md` and in `tradehouse --help`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_HELD = 3
EXIT_TESTS_FAILED = 4
EXIT_BUSY = 5
EXIT_OTHER_BROKERAGE = 6


class TradehouseError(Exception):
    """An error whose message says what was expected, what was found and what to do.

    `is_transient` says that it may be gone when the same is tried again.
    """

    exit_code = EXIT_ERROR
    is_transient = True


class UsageError(TradehouseError):
    """The command was called with something that cannot be meant."""

    exit_code = EXIT_USAGE
    is_transient = False


class LandingError(UsageError):
    """The landing directory is not there, or holds no batch."""


class BusyError(TradehouseError):
    """Somebody else holds a lock or has a file open; `holder` says who, as far as is known."""

    exit_code = EXIT_BUSY

    def __init__(self, message: str, holder: str = "") -> None:
        """`message` is for people and names the holder too."""
        super().__init__(message)
        self.holder = holder


class OtherBrokerageError(TradehouseError):
    """The landing directory is not that of the brokerage the home belongs to."""

    exit_code = EXIT_OTHER_BROKERAGE
    is_transient = False


@contextmanager
def plain_errors() -> Iterator[None]:
    """Errors of ingestion as the command line's own, with their exit codes."""
    from pydantic import ValidationError

    from ingestion.errors import DeclarationError, IngestionError

    try:
        yield
    except ValidationError as error:
        found = error.errors(include_url=False)
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
        raise UsageError(f"This cannot be declared: {wrong}. See docs/ingestion.md.") from error
    except DeclarationError as error:
        raise UsageError(str(error)) from error
    except IngestionError as error:
        raise TradehouseError(str(error)) from error
