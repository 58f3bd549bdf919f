"""Bare SQL from the source files to gold in one DuckDB process: the honest speed limit.

``python -m benchmarks.bare_sql.run LANDING --database OUT.duckdb`` lands every row of the source
in a schema per batch (``raw_1``, ...), then transforms into schema ``gold``: the historical batch
first, then each daily batch incrementally and in order, alerts, validation and phase records
included. The SQL is in ``sql/``, one file a step. It shares no code with the
platform, so that its gold is also a second opinion on dbt's, table by table and keys included.

Newswire and HR files of daily batches are taken where they come. Left out on purpose: faults in
the files (the run stops) and replaced or missing deliveries; the platform handles these, the
limit need not.
"""

import argparse
import json
import re
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from benchmarks.bare_sql import source_files as raw

STEPS = Path(__file__).parent / "sql"
HISTORICAL_STEPS = {
    "dimensions": (
        "reference",
        "newswire_records",
        "newswire_historical",
        "earnings",
        "prospects",
        "customers_historical",
        "prospect_customers",
    ),
    "facts": ("trades_historical", "holdings", "market_history_historical"),
    "messages": ("market_alerts", "validation"),
}
# Steps that a daily batch takes first if it brings the file.
LATE_STEPS = {
    "HR.csv": ("brokers_daily",),
    "FINWIRE????Q?": ("newswire_daily", "earnings"),
}
DAILY_STEPS = {
    "dimensions": ("prospects", "customers_daily", "prospect_customers"),
    "facts": ("trades_daily", "holdings", "market_history_daily"),
    "messages": ("market_alerts", "validation"),
}


@dataclass(frozen=True)
class Phase:
    """What one phase of one batch took; batch 0 is the empty schema."""

    batch: int
    name: str
    wall_seconds: float
    cpu_seconds: float


class BareSQL:
    """One run into a new database file; collects the time of its phases.

    Raises ``FileExistsError`` if the file exists and ``FileNotFoundError`` if the landing
    directory holds no ``Batch1``.
    """

    def __init__(
        self, landing: Path, database: Path, threads: int = 2, memory_limit: str | None = None
    ) -> None:
        if database.exists():
            raise FileExistsError(f"{database} exists; name a new file or remove this one")
        self.landing = landing
        self.directories = _batch_directories(landing)
        self.database = database
        self.phases: list[Phase] = []
        # Nothing is checkpointed on the way: a benchmark that is killed starts anew.
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "checkpoint_threshold": "1TB",
        }
        if memory_limit:
            config["memory_limit"] = memory_limit
        self.connection = duckdb.connect(str(database), config=config)

    def run(self, batches: int | None = None) -> None:
        """Run the first ``batches`` batches (all of them by default) and close the file."""
        directories = self.directories[:batches]
        with self.connection:
            with self._phase(0, "schema"):
                self._execute("schema")
                self._set("batch_id", 0)
                self._execute("validation")
            for number, directory in enumerate(directories, start=1):
                self._run_batch(number, directory)
            with self._phase(len(directories), "audit"):
                raw.land_audit(self.connection, self.landing, directories)
                self._execute("audit")
            with self._phase(len(directories), "checkpoint"):
                self.connection.execute("checkpoint")

    def _run_batch(self, number: int, directory: Path) -> None:
        with self._phase(number, "landing"):
            if number == 1:
                self._land_historical(directory)
            else:
                raw.land_batch(self.connection, directory, number)
            self._set("batch_id", number)
            # The steps read a batch's tables by their bare names: a batch sees its own alone.
            self.connection.execute(f"set search_path = 'raw_{number}'")
            self._set("batch_date", "(select batch_date from batch_date)")
        late = [
            step
            for pattern, steps in LATE_STEPS.items()
            if number > 1 and any(directory.glob(pattern))
            for step in steps
        ]
        for phase, steps in (HISTORICAL_STEPS if number == 1 else DAILY_STEPS).items():
            with self._phase(number, phase):
                for step in (*late, *steps) if phase == "dimensions" else steps:
                    self._execute(step)

    def _land_historical(self, directory: Path) -> None:
        self.connection.execute("create schema raw_1")
        # The XML is Python's, the text files are DuckDB's: side by side.
        with ThreadPoolExecutor(max_workers=1) as executor:
            parsing = executor.submit(
                raw.land_customer_management, self.connection.cursor(), directory
            )
            raw.land_batch(self.connection, directory, 1)
            parsing.result()

    def _set(self, variable: str, expression: object) -> None:
        self.connection.execute(f"set variable {variable} = {expression}")

    def _execute(self, step: str) -> None:
        self.connection.execute((STEPS / f"{step}.sql").read_text(encoding="utf-8"))

    @contextmanager
    def _phase(self, batch: int, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.phases.append(
            Phase(batch, name, time.perf_counter() - wall, time.process_time() - cpu)
        )


def _batch_directories(landing: Path) -> list[Path]:
    numbers = sorted(
        int(found[1])
        for path in landing.glob("Batch*")
        if path.is_dir() and (found := re.fullmatch(r"Batch(\d+)", path.name))
    )
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise FileNotFoundError(
            f"expected Batch1, Batch2, ... without a gap in {landing}, found {numbers}"
        )
    return [landing / f"Batch{number}" for number in numbers]


def _report(run: BareSQL, wall: float, cpu: float) -> dict[str, object]:
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "landing": str(run.landing),
        "duckdb": duckdb.__version__,
        "phases": [asdict(phase) for phase in run.phases],
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        # Everything after the raw landing, the writing of the file included.
        "transformation_wall_seconds": wall
        - sum(phase.wall_seconds for phase in run.phases if phase.name == "landing"),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        "database_bytes": run.database.stat().st_size,
    }


def _print(run: BareSQL, report: dict[str, object]) -> None:
    print(f"{'batch':>5}  {'phase':<12}{'wall s':>8}{'cpu s':>8}")
    for phase in run.phases:
        print(
            f"{phase.batch:>5}  {phase.name:<12}{phase.wall_seconds:>8.2f}{phase.cpu_seconds:>8.2f}"
        )
    print(f"{'':>5}  {'all':<12}{report['wall_seconds']:>8.2f}{report['cpu_seconds']:>8.2f}")
    print(
        f"peak memory {int(str(report['peak_memory_bytes'])) / 1e6:.0f} MB,"
        f" database {int(str(report['database_bytes'])) / 1e6:.0f} MB"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; prints a table, or JSON with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landing", type=Path, help="directory that holds Batch1, Batch2, ...")
    parser.add_argument("--database", type=Path, required=True, help="file to write (new)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-limit", help="DuckDB's, such as 300MB (default: its own)")
    parser.add_argument("--batches", type=int, help="only the first so many batches")
    parser.add_argument("--json", action="store_true", help="print the measurements as JSON")
    options = parser.parse_args(arguments)
    wall, cpu = time.perf_counter(), time.process_time()
    run = BareSQL(options.landing, options.database, options.threads, options.memory_limit)
    run.run(options.batches)
    report = _report(run, time.perf_counter() - wall, time.process_time() - cpu)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _print(run, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
