"""Loads killed at random moments, run again, and compared with an undisturbed load.

    python -m benchmarks.ingestion.kills [--rounds 200] [--seed N]

Three rounds of four load a source that counts (records, a state after every 125), the others a
small simulated brokerage (whole files). In every round one or two loads into a new home are killed,
the loader or its connector with SIGKILL, at a moment drawn from the length of an undisturbed load;
the next one has to end with the same tables. Prints Markdown, and fails at the first difference.
"""

import argparse
import datetime as dt
import multiprocessing
import multiprocessing.context
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import duckdb

import ingestion.reader
from ingestion import SyncResult, declarations, sync
from ingestion.declarations import Declaration
from ingestion.errors import IngestionError

HERE = Path(__file__).parent
TOTAL, EVERY = 2000, 125
SEGMENT_BYTES = 16 * 1024
# Forked from a process that has imported everything: a load begins at once.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["duckdb", "ingestion.sync_steps", "ingestion.sync"])

Load = multiprocessing.context.ForkServerProcess


@dataclass(frozen=True)
class Subject:
    """A source that is loaded again and again; `landing` is None for the one that counts."""

    name: str
    landing: Path | None = None

    def declaration(self) -> Declaration:
        """The source's declaration."""
        if self.landing is not None:
            return declarations.read("brokerage")
        command = [sys.executable, str(HERE / "counting_source.py"), str(TOTAL), str(EVERY)]
        return Declaration.model_validate(
            {
                "name": "counting",
                "description": "Counts.",
                "owner": "benchmarks",
                "connector": {"command": command},
            }
        )

    def load(self, home: Path) -> SyncResult:
        """One load in this process, in many small segments."""
        sizes = dict.fromkeys(("SPOOL_SEGMENT_BYTES", "FILE_SEGMENT_BYTES"), SEGMENT_BYTES)
        with patch.multiple(ingestion.reader, **sizes):
            return sync(self.declaration(), home, landing=self.landing)

    def start(self, home: Path) -> Load:
        """One load in a process of its own."""
        process = PROCESSES.Process(target=_load, args=(self, home))
        process.start()
        return process


def _load(subject: Subject, home: Path) -> None:
    try:
        sys.exit(0 if subject.load(home).status == "succeeded" else 1)
    except IngestionError:
        sys.exit(1)  # Its connector was killed before it had read anything.


@dataclass
class Tally:
    """What the kills met."""

    outcomes: Counter[str] = field(default_factory=Counter)
    homes: Counter[str] = field(default_factory=Counter)

    @property
    def killed(self) -> int:
        """Kills that met a running load."""
        return self.outcomes["loader killed"] + self.outcomes["connector killed"]


def connector_of(process: Load) -> int | None:
    """The process id of a load's running connector."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:
        found = children.read_text().split()
    except OSError:
        return None
    return int(found[0]) if found else None


def kill_once(subject: Subject, home: Path, delay: float, *, connector: bool) -> str:
    """One load that is killed after a delay, itself or its connector; returns how it ended."""
    process = subject.start(home)
    process.join(delay)
    victim = None if connector else process.pid
    while process.is_alive() and victim is None:
        victim = connector_of(process)
        time.sleep(0.002)
    if victim is not None and process.is_alive():
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            victim = None
    else:
        victim = None
    process.join(120)
    if process.exitcode is None:
        raise SystemExit("the load did not end within 120 seconds")
    if connector and process.exitcode == -signal.SIGKILL:
        raise SystemExit("the load died with its connector")
    if victim is None:
        return "ended before"
    return "connector killed" if connector else "loader killed"


def rows(home: Path) -> int:
    """How many rows the tables of a home hold."""
    path = home / "raw.duckdb"
    if not path.exists():
        return 0
    with duckdb.connect(str(path), read_only=True) as connection:
        counts = [
            connection.execute(f'select count(*) from {schema}."{table}"').fetchone()
            for schema, table in _tables(connection, path.stem)
        ]
    return sum(count[0] for count in counts if count)


def differences(home: Path, whole: Path) -> list[str]:
    """Tables of which a row is missing, doubled or another, in words."""
    # They differ from load to load.
    left_out = ("_airbyte_raw_id", "_airbyte_extracted_at", "_load")
    wrong = []
    with duckdb.connect() as connection:
        for name, path in (("found", home), ("expected", whole)):
            connection.execute(f"attach '{path / 'raw.duckdb'}' as {name} (read_only)")
        expected = _tables(connection, "expected")
        if _tables(connection, "found") != expected:
            wrong.append(f"other tables: {_tables(connection, 'found')} instead of {expected}")
            return wrong
        for schema, table in expected:
            found, other = (
                f"(select columns(lambda one: one not in {left_out})"
                f' from {name}.{schema}."{table}")'
                for name in ("found", "expected")
            )
            sums = [
                connection.execute(
                    f"select count(*), sum(hash(each)::hugeint) from {rows_of} as each"
                ).fetchone()
                for rows_of in (found, other)
            ]
            if sums[0] == sums[1]:
                continue
            counts = connection.execute(
                f"""select (select count(*) from (from {found} except all from {other})),
                    (select count(*) from (from {other} except all from {found}))"""
            ).fetchone()
            wrong.append(f"{schema}.{table}: {counts} rows too many and missing")
    return wrong


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, str]]:
    return connection.execute(
        "select schema_name, table_name from duckdb_tables()"
        " where database_name = ? and not starts_with(schema_name, '_') order by all",
        [database],
    ).fetchall()


def how_full(found: int, whole: int) -> str:
    """How much of a load a killed one left."""
    return "nothing" if not found else "everything" if found == whole else "a part"


def _measure(subject: Subject, home: Path) -> float:
    """The seconds of a load that nobody kills."""
    started = time.monotonic()
    process = subject.start(home)
    process.join(300)
    if process.exitcode != 0:
        raise SystemExit("an undisturbed load failed")
    return time.monotonic() - started


def rounds(subject: Subject, folder: Path, count: int, chance: random.Random) -> Tally:
    """The rounds of one subject. Raises SystemExit at the first difference."""
    undisturbed = folder / f"{subject.name}-undisturbed"
    subject.load(folder / f"{subject.name}-first")  # What starts once is not to be measured.
    seconds = min(
        _measure(subject, home) for home in (folder / f"{subject.name}-second", undisturbed)
    )
    whole = rows(undisturbed)
    tally = Tally()
    for number in range(count):
        home = folder / f"{subject.name}-{number}"
        for _ in range(chance.randint(1, 2)):
            delay, connector = chance.uniform(0, seconds), chance.random() < 0.5
            tally.outcomes[kill_once(subject, home, delay, connector=connector)] += 1
        tally.homes[how_full(rows(home), whole)] += 1
        result = subject.load(home)
        left = list((home / "tmp").iterdir())
        wrong = differences(home, undisturbed)
        if result.status != "succeeded" or wrong or left:
            raise SystemExit(f"{subject.name}, {home}: {result.errors} {wrong} {left}")
        shutil.rmtree(home)
    return tally


def table(tallies: dict[str, Tally]) -> str:
    """What the rounds met, in Markdown."""
    outcomes = ("loader killed", "connector killed", "ended before")
    homes = ("nothing", "a part", "everything")
    lines = [
        f"| source | rounds | {' | '.join(outcomes)} | {' | '.join(f'left {h}' for h in homes)} |",
        f"|---|{'---:|' * (1 + len(outcomes) + len(homes))}",
    ]
    for name, tally in tallies.items():
        counts = [
            sum(tally.homes.values()),
            *(tally.outcomes[each] for each in outcomes),
            *(tally.homes[each] for each in homes),
        ]
        lines.append(f"| {name} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def main() -> None:
    """Kill, run again, compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subjects = [Subject("counting"), Subject("brokerage", _small_brokerage(folder))]
        files = arguments.rounds // 4
        counts = [arguments.rounds - files, files]
        tallies = {}
        for subject, count in zip(subjects, counts, strict=True):
            tallies[subject.name] = rounds(subject, folder, count, chance)
            print(f"{subject.name}: {count} rounds done", file=sys.stderr, flush=True)
    print(f"seed {arguments.seed}: every round ended as an undisturbed load\n\n{table(tallies)}")


def _small_brokerage(folder: Path) -> Path:
    from simulator import simulate

    simulate(0.02, 2, 1, dt.date(2017, 7, 8), folder / "landing", profile="official")
    return folder / "landing"


if __name__ == "__main__":
    main()
