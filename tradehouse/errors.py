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
    """An error whose message says what was expected, what was found and what to do."""

    exit_code = EXIT_ERROR


class UsageError(TradehouseError):
    """The command was called with something that cannot be meant."""

    exit_code = EXIT_USAGE


class LandingError(UsageError):
    """The landing directory is not there, or holds no batch."""


class BusyError(TradehouseError):
    """Another process is writing into the home."""

    exit_code = EXIT_BUSY


class OtherBrokerageError(TradehouseError):
    """The landing directory is not that of the brokerage the home belongs to."""

    exit_code = EXIT_OTHER_BROKERAGE


@contextmanager
def plain_errors() -> Iterator[None]:
    """Errors of ingestion as the command line's own, with their exit codes."""
    from pydantic import ValidationError

    from ingestion.errors import DatabaseBusyError, DeclarationError, IngestionError

    try:
        yield
    except ValidationError as error:
        found = error.errors(include_url=False)
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
        raise UsageError(f"This cannot be declared: {wrong}. See docs/ingestion.md.") from error
    except DatabaseBusyError as error:
        raise BusyError(str(error)) from error
    except DeclarationError as error:
        raise UsageError(str(error)) from error
    except IngestionError as error:
        raise TradehouseError(str(error)) from error
