"""Many daily batches, one after the other, through the whole job: what a day costs as days go by.

Lives here: the campaign (simulate, deliver a batch, run, write down what it took, go on), its table
with the slope, and the comparison of gold with one build over all. Does not live here: the whole
job beside bare SQL (`benchmarks.whole_job`).

    python -m benchmarks.days FOLDER --days 365 --scale 0.1 [--one-process] [--stop-after N]

A campaign that was stopped or killed goes on where it stood when the same command is given again.
FOLDER holds `brokerage/` (all batches), `arriving/` (those delivered so far), `home/` and
`days.csv` of the days one by one, `together/` (home of the one build), at the end `report.md`.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from benchmarks.figures import per_hundred
from benchmarks.whole_job import Measured, run_platform, sizes
from simulator import simulate
from tests.compare_gold import GOLD_TABLES, MARTS, compare_files

SETTINGS, RECORDS, REPORT = "campaign.json", "days.csv", "report.md"
SHOWN_ROWS = 14
Runner = Callable[[Path, Path], Measured]


@dataclass(frozen=True)
class Day:
    """What one batch took; sizes in MB after it. `is_resumed`: an earlier attempt was killed."""

    batch: int
    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float
    raw_megabytes: float
    warehouse_megabytes: float
    release_megabytes: float
    is_resumed: int = 0


def run_here(landing: Path, home: Path) -> Measured:
    """The job in this process: imports are paid once; connectors are processes as always.

    The peak is that of this process over all batches so far.
    """
    from tradehouse.home.paths import Home
    from tradehouse.runs.pipeline import Options, run
    from tradehouse.terminal.progress import Steps

    os.environ["TRADEHOUSE_HOME"] = str(home)
    started, cpu = time.monotonic(), _cpu_seconds()
    outcome = run(Home(home), Options(landing=landing), Steps(quiet=True))
    if outcome.exit_code:
        raise SystemExit(
            f"The run ended with exit code {outcome.exit_code}: {outcome.held or outcome.builds}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(time.monotonic() - started, _cpu_seconds() - cpu, peak)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


class Campaign:
    """A folder in which batches are played one by one; what is done already is not done again."""

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        """Open or begin a campaign.

        Raises:
            SystemExit: when the folder holds a campaign with other settings.
        """
        self.folder = folder
        self.brokerage, self.arriving = folder / "brokerage", folder / "arriving"
        self.home, self.together = folder / "home", folder / "together"
        folder.mkdir(parents=True, exist_ok=True)
        known = folder / SETTINGS
        if known.exists() and json.loads(known.read_text()) != settings:
            raise SystemExit(
                f"{folder} holds another campaign ({known.read_text().strip()}); give its settings "
                "or another folder."
            )
        known.write_text(json.dumps(settings) + "\n")

    def days(self) -> list[Day]:
        """What was measured so far."""
        path = self.folder / RECORDS
        if not path.exists():
            return []
        with path.open(newline="") as file:
            rows = [dict(row) for row in csv.DictReader(file)]
        return [
            Day(int(row.pop("batch")), **{name: float(value) for name, value in row.items()})
            for row in rows
        ]

    def play(self, last_batch: int, stop_after: int | None, take: Runner) -> None:
        """Deliver and load the batches that are not done yet, and say what each took."""
        done = self.days()
        waiting = range(len(done) + 1, last_batch + 1)
        for batch in waiting[:stop_after]:
            is_resumed = deliver(self.brokerage, self.arriving, batch)
            day = self._measured(batch, take(self.arriving, self.home), is_resumed)
            self._write_down([*done, day])
            done.append(day)
            left = sum(one.wall_seconds for one in done[-10:]) / len(done[-10:])
            left *= last_batch - batch
            print(
                f"batch {batch} of {last_batch}: {day.wall_seconds:.1f} s, "
                f"{day.cpu_seconds:.1f} CPU s, warehouse {day.warehouse_megabytes:.0f} MB, "
                f"raw {day.raw_megabytes:.0f} MB; about {left / 60:.0f} min to go",
                flush=True,
            )

    def compare(self) -> list[str]:
        """Build all batches at once in a home of its own, and compare its gold row by row."""
        shutil.rmtree(self.together, ignore_errors=True)
        run_platform(self.brokerage, self.together)
        released = [
            home / "releases" / "current" / "tradehouse.duckdb"
            for home in (self.home, self.together)
        ]
        return [str(one) for one in compare_files(*released, GOLD_TABLES + MARTS)]

    def _measured(self, batch: int, cost: Measured, is_resumed: bool) -> Day:
        megabytes = sizes(self.home)
        return Day(
            batch,
            round(cost.wall_seconds, 2),
            round(cost.cpu_seconds, 2),
            round(cost.peak_megabytes, 1),
            megabytes["raw"],
            megabytes["warehouse"],
            megabytes["release"],
            int(is_resumed),
        )

    def _write_down(self, days: list[Day]) -> None:
        beside = self.folder / f".{RECORDS}.new"
        with beside.open("w", newline="") as file:
            writer = csv.DictWriter(file, [column.name for column in fields(Day)])
            writer.writeheader()
            writer.writerows(asdict(day) for day in days)
        beside.replace(self.folder / RECORDS)


def deliver(brokerage: Path, arriving: Path, batch: int) -> bool:
    """Let a batch of a brokerage arrive; returns whether it had arrived before."""
    arriving.mkdir(exist_ok=True)
    place = arriving / f"Batch{batch}"
    if place.is_dir():
        return True
    beside = {f"Batch{batch}_audit.csv"}
    if batch == 1:
        beside |= {"Generator_audit.csv", "digen_report.txt"}
    for name in (*sorted(beside), place.name):  # the batch comes last
        source, arrived = brokerage / name, arriving / name
        if source.is_file():
            arrived.unlink(missing_ok=True)
            os.link(source, arrived)
        elif source.is_dir():
            begun = arriving / f".{name}"  # A directory appears whole.
            shutil.rmtree(begun, ignore_errors=True)
            shutil.copytree(source, begun, copy_function=os.link)
            begun.rename(arrived)
    return False


def slope(days: list[Day], column: str) -> float:
    """By how much a column grows in a hundred daily batches, by least squares.

    The history and days that were resumed do not count; 0 for fewer than two days.
    """
    chosen = [day for day in days if day.batch > 1 and not day.is_resumed]
    if len(chosen) < 2:
        return 0.0
    return per_hundred([day.batch for day in chosen], [getattr(day, column) for day in chosen])


def report(days: list[Day], settings: dict[str, object], differences: list[str] | None) -> str:
    """A Markdown table of some days, the averages, the slopes, and what the comparison found."""
    columns = [column.name for column in fields(Day)][1:-1]
    heads = ("wall s", "CPU s", "peak MB", "raw MB", "warehouse MB", "release MB")
    step = max(1, -(-len(days) // SHOWN_ROWS))
    shown = sorted({*range(0, len(days), step), len(days) - 1})
    lines = [
        ", ".join(f"{name} {value}" for name, value in settings.items()) + f", batches {len(days)}",
        "",
        "| batch | " + " | ".join(heads) + " |",
        "|---:" * (len(heads) + 1) + "|",
    ]
    for place in shown:
        values = (f"{getattr(days[place], name):,.1f}" for name in columns)
        lines.append(f"| {days[place].batch} | " + " | ".join(values) + " |")
    if daily := days[1:]:
        means = [sum(getattr(day, name) for day in daily) / len(daily) for name in columns]
        lines.append("| mean of the days | " + " | ".join(f"{one:,.1f}" for one in means) + " |")
        slopes = [slope(days, name) for name in columns]
        lines.append(
            "| slope, per 100 days | " + " | ".join(f"{one:+,.2f}" for one in slopes) + " |"
        )
    lines.append("")
    if differences is None:
        lines.append("Gold was not compared.")
    elif differences:
        lines += ["Gold differs from that of one build over all:", *differences]
    else:
        lines.append("Gold equals that of one build over all, row by row, keys included.")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Play, compare and print; returns 1 when gold differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where everything is kept between calls")
    parser.add_argument("--days", type=int, default=365, help="daily batches in all")
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=datetime.date.fromisoformat, default="2017-07-08")
    parser.add_argument(
        "--one-process", action="store_true", help="do not start the command line for every batch"
    )
    parser.add_argument("--stop-after", type=int, help="batches to play in this call")
    parser.add_argument("--no-comparison", action="store_true", help="do not build all at once")
    given = parser.parse_args(arguments)
    settings = {"scale": given.scale, "seed": given.seed, "start": str(given.start)}
    campaign = Campaign(given.folder.resolve(), settings)
    whole = campaign.brokerage
    simulate(given.scale, given.days, given.seed, given.start, whole, profile="official")
    last = given.days + 1
    campaign.play(last, given.stop_after, run_here if given.one_process else run_platform)
    days = campaign.days()
    is_whole = len(days) >= last and not given.no_comparison
    differences = campaign.compare() if is_whole else None
    table = report(days, settings, differences)
    (campaign.folder / REPORT).write_text(table)
    print("\n" + table)
    return int(bool(differences))


if __name__ == "__main__":
    sys.exit(main())
