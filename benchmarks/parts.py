"""The parts of `python -m benchmarks`: what is run on what, and what is kept of it as JSON.

Each part starts from nothing in the work folder and returns its figures. How a process is started
and measured is in `benchmarks.whole_job`, what the figures say is in `benchmarks.page`.
"""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.days import deliver
from benchmarks.whole_job import (
    Measured,
    run_bare_sql,
    run_command,
    run_dbt,
    run_platform,
)
from simulator import simulate
from tests.compare_gold import compare_files

START = datetime.date(2017, 7, 8)
SEED = 1
REFERENCE_SCALE, REFERENCE_DAYS = 3, 2
SCALE_DAYS = 3
LOW_MEMORY = "1GB"
HISTORY_SCALE, HISTORY_DAYS, WINDOW_DAYS = 1, 365, 10
WINDOWS_BEGIN = (0, 90, 180, 270, 355)
Figures = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """What was asked for; `sample` None lets a simulated brokerage of scale 3 stand in for it."""

    folder: Path
    sample: Path | None
    rounds: int
    say: Say

    def simulated(self, scale: float, days: int) -> Path:
        """A simulated landing directory, made once."""
        landing = self.folder / "simulated" / f"scale-{scale:g}-days-{days}"
        self.say(f"simulates scale {scale:g}, {days} days")
        simulate(scale, days, SEED, START, landing, profile="official")
        return landing

    def landing(self) -> Path:
        """The sample, or what stands in for it."""
        return self.sample or self.simulated(REFERENCE_SCALE, REFERENCE_DAYS)

    @contextmanager
    def space(self, name: str) -> Iterator[Path]:
        """A new directory that is removed at the end."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, name: str, measured: Measured) -> Figures:
        """Say what something took, and return it as it is written down."""
        self.say(f"{name}: {measured.wall_seconds:.1f} s, {measured.cpu_seconds:.1f} CPU s")
        return measured.record()


def whole_job(bench: Bench) -> Figures:
    """Bare SQL, the whole job, and dbt alone, one after the other in every round."""
    landing = bench.landing()
    rounds: list[Figures] = []
    differences: list[str] = []
    for _ in range(bench.rounds):
        with bench.space("whole-job") as folder:
            bare, home = folder / "bare.duckdb", folder / "home"
            figures = {
                "bare": bench.keep("bare SQL", run_bare_sql(landing, bare)),
                "job": bench.keep("whole job", run_platform(landing, home)),
            }
            if not rounds:
                release = home / "releases" / "current" / "tradehouse.duckdb"
                differences = [str(one) for one in compare_files(bare, release)]
            for name, tests, parsed in (
                ("models_first", False, False),
                ("models", False, True),
                ("models_and_tests", True, True),
            ):
                built = run_dbt(home / "raw.duckdb", folder / "dbt", tests=tests, parsed=parsed)
                figures[name] = bench.keep(f"dbt, {name}", built)
            rounds.append(figures)
    return {"is_simulated": bench.sample is None, "rounds": rounds, "differences": differences}


def dagster(bench: Bench) -> Figures:
    """The same deliveries through `tradehouse run` and through Dagster's job."""
    from benchmarks.orchestration import measure_command_line, measure_job

    landing = bench.landing()
    with bench.space("dagster") as folder:
        plain = measure_command_line(folder / "plain", landing)
        steps, start = measure_job(folder / "dagster", landing)
    bench.say(f"tradehouse run {plain:.1f} s, Dagster's job {steps:.1f} s after {start:.1f} s")
    return {"plain_seconds": plain, "steps_seconds": steps, "start_seconds": start}


def ingestion(bench: Bench) -> Figures:
    """Trades and holdings of the historical batch, loaded by this project and by PyAirbyte."""
    import platformdirs

    from benchmarks.ingestion import compare

    cached = platformdirs.user_cache_path("tradehouse") / "benchmarks"
    with bench.space("ingestion") as folder:
        found = compare.loads(bench.landing().resolve(), folder, cached, pyairbyte=True)
        measured = compare.run(found, bench.rounds, folder)
    return {"loads": {name: [asdict(one) for one in runs] for name, runs in measured.items()}}


def day(bench: Bench) -> Figures:
    """Bare SQL, then batch after batch as they come; commands that have nothing to do."""
    landing = bench.landing()
    rounds, idle, status = [], [], []
    for _ in range(bench.rounds):
        with bench.space("day") as folder:
            bare = bench.keep("bare SQL", run_bare_sql(landing, folder / "bare.duckdb"))
            batches = list(_batches(bench, landing, folder, 1 + REFERENCE_DAYS))
            rounds.append({"bare": bare, "batches": batches})
            home, arriving = folder / "home", folder / "arriving"
            idle.append(bench.keep("run, nothing new", run_platform(arriving, home)))
            status.append(bench.keep("status", run_command(home, "status")))
    is_simulated = bench.sample is None
    return {"is_simulated": is_simulated, "rounds": rounds, "idle": idle, "status": status}


def scale(bench: Bench, size: float) -> Figures:
    """A simulated brokerage: bare SQL and the whole job on its history, then day after day."""
    landing = bench.simulated(size, SCALE_DAYS)
    with bench.space(f"scale-{size:g}") as folder:
        bare = folder / "bare.duckdb"
        limit = bench.keep("bare SQL", run_bare_sql(landing, bare, "--batches", "1"))
        bare.unlink()
        batches = list(_batches(bench, landing, folder, 1 + SCALE_DAYS))
    return {"scale": size, "megabytes": _size(landing), "bare": limit, "batches": batches}


def memory(bench: Bench, size: float) -> Figures:
    """History and one day at the largest scale, with little memory for DuckDB."""
    landing = bench.simulated(size, SCALE_DAYS)
    batches, error = [], ""
    with bench.space("memory") as folder:
        try:
            for one in _batches(bench, landing, folder, 2, TRADEHOUSE_MEMORY_LIMIT=LOW_MEMORY):
                batches.append(one)
        except SystemExit as failure:
            error = str(failure)
            bench.say(error)
    return {"scale": size, "limit": LOW_MEMORY, "batches": batches, "error": error}


def history(bench: Bench) -> Figures:
    """A year of daily batches: ten single days at a time, the days between them in one build.

    Before each of the last ten a day of a home that is as young as its number says, so that the
    two meet the same machine. Goes on where it stood when it was stopped.
    """
    landing = bench.simulated(HISTORY_SCALE, HISTORY_DAYS)
    folder = bench.folder / "history"
    arriving, home, notes = folder / "arriving", folder / "home", folder / "runs.json"
    folder.mkdir(exist_ok=True)
    taken: list[Figures] = json.loads(notes.read_text()) if notes.exists() else []
    single = {first + 2 + day for first in WINDOWS_BEGIN for day in range(WINDOW_DAYS)}
    last = HISTORY_DAYS + 1
    before = taken[-1]["batch"] if taken else 0
    for batch in range(before + 1, last + 1):
        had_arrived = deliver(landing, arriving, batch)
        if batch in single or batch + 1 in single or batch == last:
            run: Figures = {"batch": batch, "batches": batch - before, "is_resumed": had_arrived}
            number = batch - WINDOWS_BEGIN[-1]
            if batch in single and number > 1:
                run["young"] = _young_day(bench, landing, folder / "young", number)
                run["is_resumed"] |= run["young"]["is_resumed"]
            measured = bench.keep(f"batch {batch}", run_platform(arriving, home))
            taken.append({**run, **measured})
            notes.write_text(json.dumps(taken))
            before = batch
    shutil.rmtree(folder)
    return {"scale": HISTORY_SCALE, "days": HISTORY_DAYS, "runs": taken}


def _young_day(bench: Bench, landing: Path, folder: Path, number: int) -> Figures:
    """One of the first days of another home; the history comes before the first of them."""
    folder.mkdir(exist_ok=True)
    arriving, home = folder / "arriving", folder / "home"
    if not deliver(landing, arriving, 1):
        bench.keep("batch 1 of a young home", run_platform(arriving, home))
    had_arrived = deliver(landing, arriving, number)
    measured = run_platform(arriving, home)
    taken = bench.keep(f"batch {number} of a young home", measured)
    return {"batch": number, "is_resumed": had_arrived, **taken}


def _batches(
    bench: Bench, landing: Path, folder: Path, number: int, **settings: str
) -> Iterator[Figures]:
    """Deliver the first batches one by one, and load each."""
    arriving, home = folder / "arriving", folder / "home"
    for batch in range(1, number + 1):
        deliver(landing, arriving, batch)
        measured = run_platform(arriving, home, **settings)
        yield {"batch": batch, **bench.keep(f"batch {batch}", measured)}


def _size(landing: Path) -> float:
    return sum(path.stat().st_size for path in landing.rglob("*") if path.is_file()) / 1e6
