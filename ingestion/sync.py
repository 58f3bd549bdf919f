"""One sync of one source: what the command line and the orchestration call.

Not here: its steps (`sync_steps`), and what follows a sync (dbt, publishing).
"""

import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion import declarations, ledger
from ingestion.database import open_raw
from ingestion.declarations import Declaration
from ingestion.errors import DeclarationError, IngestionError, Redact, SchemaVersionError
from ingestion.paths import Paths
from ingestion.results import ProgressCallback, SyncResult
from ingestion.sync_steps import Run, words
from tradehouse.errors import TradehouseError
from tradehouse.terminal import duckdb_messages

WAIT_SECONDS = 60.0


def sync(
    source: str | Declaration,
    home: Path | Paths,
    *,
    landing: Path | None = None,
    replace_batches: Collection[int] = (),
    allow_gap: bool = False,
    config: Mapping[str, Any] | None = None,
    streams: Collection[str] | None = None,
    full_refresh: bool = False,
    reset: bool = False,
    progress: ProgressCallback | None = None,
    on_wait: Callable[[str], None] | None = None,
    wait_seconds: float = WAIT_SECONDS,
) -> SyncResult:
    """Read a source through its connector into `raw.duckdb`.

    `landing`, `replace_batches` and `allow_gap` go into the configuration of sources that deliver
    files; `config` overrides any of its keys. `streams` selects some of the declared streams.
    `full_refresh` reads them from the start, in addition to what is there; `reset` also removes
    what was there, when the new rows are complete. A source declared `runner: server` is run by its
    Airbyte server; it is synced whole.
    A connector that fails gives a result with status failed and its errors; what was committed
    before stays, and the next sync goes on from there. Raises IngestionError when the sync cannot
    start, KeyboardInterrupt after a clean stop.
    """
    declaration = source if isinstance(source, Declaration) else declarations.read(source)
    paths = home if isinstance(home, Paths) else Paths.below(home)
    paths.make()
    overrides = dict(config or {})
    if landing is not None:
        overrides["landing"] = str(landing.resolve())
    if replace_batches:
        overrides["replace_batches"] = sorted(replace_batches)
    if allow_gap:
        overrides["allow_gap"] = True
    started_at = ledger.now()
    try:
        if declaration.runner == "server":
            from ingestion.server.sync import ServerSync

            _require_whole(declaration, overrides, streams, full_refresh)
            with _plain_errors(paths, str):
                return ServerSync(
                    declaration,
                    paths,
                    reset=reset,
                    progress=progress,
                    on_wait=on_wait,
                    wait_seconds=wait_seconds,
                ).run()
        run = Run(declaration, paths, overrides, streams, progress, full_refresh, reset)
        with (
            _plain_errors(paths, run.redact),
            _signals_interrupt(),
            open_raw(
                paths.raw_database, tmp=paths.tmp, wait_seconds=wait_seconds, on_wait=on_wait
            ) as connection,
        ):
            return run.run(connection)
    except SchemaVersionError:
        raise  # Nobody could write down that it failed, and whoever called is told.
    except IngestionError as error:
        if not streams:  # Whoever asks for some streams by hand is told; the source may be well.
            _keep_failure(declaration, paths, started_at, str(error))
        raise


@contextmanager
def _plain_errors(paths: Paths, redact: Redact) -> Iterator[None]:
    """Errors of the database and the disk as IngestionError, without what is secret."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        failure = IngestionError(redact(words(error, paths)))
        failure.is_corrupt = duckdb_messages.means_corrupt(str(error))
        raise failure from None
    except IngestionError as error:
        error.hide(redact)
        raise


def _keep_failure(
    declaration: Declaration, paths: Paths, started_at: datetime, message: str
) -> None:
    """Record in the ledger a sync that failed before it read, so that it can be seen later."""
    if not paths.raw_database.exists():
        return
    with (
        suppress(duckdb.Error, OSError, IngestionError, TradehouseError),
        open_raw(paths.raw_database, tmp=paths.tmp, wait_seconds=0) as connection,
    ):
        ledger.fail_sync(connection, declaration.name, started_at, message)
        ledger.write_snapshot(connection, paths)


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """A polite signal, or a terminal that goes away, stops a sync as Ctrl-C does: cleanly.

    Only in the main thread, and only where nobody else listens for the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    wanted = (signal.SIGTERM, signal.SIGHUP)
    taken = [number for number in wanted if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _require_whole(
    declaration: Declaration,
    overrides: Mapping[str, Any],
    streams: Collection[str] | None,
    full_refresh: bool,
) -> None:
    """A server runs a connection as it is. Raises DeclarationError for what it cannot do."""
    given = [
        name
        for name, value in (
            ("--stream", streams),
            ("--full-refresh", full_refresh),
            (", ".join(overrides) or "config", overrides),
        )
        if value
    ]
    if given:
        raise DeclarationError(
            f"{declaration.name} is run by a server, which syncs it whole and as it is declared: "
            f"{', '.join(given)} cannot be given. To read everything anew: --reset."
        )
