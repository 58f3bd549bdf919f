"""All benchmarks of the platform in one command: runs the parts, keeps figures, writes a page.

    python -m benchmarks [--sample DIRECTORY] [--only PART ...] [--output docs/benchmarks.md]

Parts that were run before keep their figures in the work folder, so that a page can be made of
parts run one after the other on the same machine; `--only page` makes the page and runs nothing.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import platformdirs

from benchmarks import page, parts
from benchmarks.records import Records, load_now

PAGE, SCALES = "page", "scales"
NAMES = ("whole-job", "day", "dagster", "ingestion", SCALES, "memory", "history", PAGE)
OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def chosen_parts(
    bench: parts.Bench, names: list[str], scales: list[float]
) -> dict[str, Callable[[], parts.Figures]]:
    """The parts to run, in order, by the name of their record."""
    found: dict[str, Callable[[], parts.Figures]] = {}
    plain = {
        "whole-job": parts.whole_job,
        "day": parts.day,
        "dagster": parts.dagster,
        "ingestion": parts.ingestion,
        "history": parts.history,
    }
    for name in names:
        if name in plain:
            found[name] = functools.partial(plain[name], bench)
        elif name == SCALES:
            for size in scales:
                found[f"scale-{size:g}"] = functools.partial(parts.scale, bench, size)
        elif name == "memory":
            found[name] = functools.partial(parts.memory, bench, max(scales))
    return found


def say(words: str) -> None:
    """Print with the time of day."""
    print(f"{datetime.now().astimezone():%H:%M:%S} {words}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Run what was asked for and write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--sample",
        type=Path,
        help="landing directory of a real brokerage; default: one of scale 3 is simulated",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=NAMES,
        default=list(NAMES),
        metavar="PART",
        help=f"some of {', '.join(NAMES)}; default: all",
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="page to write")
    parser.add_argument("--scales", nargs="+", type=float, default=[1.0, 3.0, 10.0, 30.0])
    parser.add_argument("--rounds", type=int, default=3, help="of what takes less than a minute")
    parser.add_argument(
        "--folder",
        type=Path,
        default=platformdirs.user_cache_path("tradehouse") / "benchmarks" / "work",
        help="where figures are kept; scale 30 needs 20 GB in it while it runs",
    )
    given = parser.parse_args(arguments)
    folder = given.folder.resolve()
    sample = given.sample.resolve() if given.sample else None
    bench = parts.Bench(folder, sample, given.rounds, say)
    records = Records(folder / "records")
    for name, take in chosen_parts(bench, given.only, given.scales).items():
        load = load_now()
        say(f"{name}, load {load:.1f}")
        records.write(name, take(), load)
    page.write(given.output, records.read())
    say(f"wrote {given.output}")


if __name__ == "__main__":
    main()
