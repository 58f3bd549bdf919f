"""One sync of one source: what the command line and the orchestration call.

Not here: its steps (`run`), and what follows a sync (dbt, publishing).
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ingestion import declarations
from ingestion.database import open_raw
from ingestion.declarations import Declaration
from ingestion.errors import IngestionError
from ingestion.paths import Paths
from ingestion.results import ProgressCallback, SyncResult
from ingestion.run import Run, words

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
    what was there, when the new rows are complete.
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
    run = Run(declaration, paths, overrides, streams, progress, full_refresh, reset)
    try:
        with open_raw(
            paths.raw_database, tmp=paths.tmp, wait_seconds=wait_seconds, on_wait=on_wait
        ) as connection:
            return run.run(connection)
    except OSError as error:
        raise IngestionError(words(error, paths)) from error
