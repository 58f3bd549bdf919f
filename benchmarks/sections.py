"""What the page of benchmarks shows of each part: tables in Markdown, charts, figures in words.

Each function returns what the page's template shows under its name, and nothing when a part that
it needs was not run. Charts are added to `pictures` by file name.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from benchmarks import charts
from benchmarks.figures import (
    CPU,
    PEAK,
    PHASES,
    WALL,
    Figures,
    day_against_bare,
    further_record,
    growth,
    middle,
    models_against_bare,
    per_round,
    phase,
    scales,
    side,
    slope,
    typical_batches,
    windows,
)
from benchmarks.ingestion import compare
from benchmarks.ingestion.measure import Measured
from benchmarks.tables import DAY_HEADS, bar, day_row, table
from benchmarks.targets import Parts, dagster_ratio

Pictures = dict[str, str]
Shown = dict[str, object]
PROGRAMS = {
    "bare": "bare SQL, landing of raw included",
    "models": "`dbt build`, models alone",
    "models_and_tests": "`dbt build`, all tests",
    "job": "whole job, `tradehouse run`",
}
SHORT = {
    "bare": "bare SQL",
    "models": "dbt, models",
    "models_and_tests": "dbt, models and tests",
    "job": "whole job",
}
DIGITS = ((WALL, 1), (CPU, 1), (PEAK, 0))


def whole_job(parts: Parts, pictures: Pictures) -> Shown:
    """The whole job beside bare SQL and dbt alone."""
    if "whole-job" not in parts:
        return {}
    part = parts["whole-job"]
    rows = []
    for key, name in PROGRAMS.items():
        runs = side(part, key)
        ratios = (per_round(part, key, "bare", figure) for figure in (WALL, CPU))
        peak = max(one[PEAK] for one in runs)
        own = (f"{middle(runs, WALL):.1f}", f"{middle(runs, CPU):.1f}", f"{peak:,.0f}")
        rows.append((name, *own, *(f"{ratio:.2f}" for ratio in ratios)))
    heads = ("", "wall s", "CPU s", "peak MB", "wall, x bare SQL", "CPU, x bare SQL")
    jobs = side(part, "job")
    took = tuple(phase(jobs, name, CPU) for name in PHASES)
    bars = [
        bar(name, took if key == "job" else (*(0.0,) * len(took), middle(side(part, key), CPU)))
        for key, name in SHORT.items()
    ]
    title = "CPU seconds of the whole job, by phase, beside bare SQL and dbt alone"
    pictures["whole-job.svg"] = charts.bars(title, (*PHASES, "all of it"), bars)
    kept, anew = (models_against_bare(part, name) for name in ("models", "models_first"))
    return {
        "is_simulated": part["is_simulated"],
        "records": f"{jobs[-1]['facts']['records']:,}",
        "rounds": len(part["rounds"]),
        "comparison": "; ".join(part["differences"]) or "equal, row by row, keys included",
        "programs": table(heads, rows),
        "models": f"{kept:.2f} x its wall time, {anew:.2f} x with a full reparse",
        "phases": table(
            ("phase", "wall s", "CPU s"),
            [
                (name, f"{phase(jobs, name, WALL):.1f}", f"{phase(jobs, name, CPU):.1f}")
                for name in PHASES
            ],
        ),
        "sizes": _sizes(jobs[-1]),
    }


def of_scales(parts: Parts, pictures: Pictures) -> Shown:
    """History and days at several scales."""
    history, phases, days, bars = [], [], [], []
    for size, part in scales(parts).items():
        (first, *later), bare = part["batches"], part["bare"]
        name, records = f"{size:g}", first["facts"]["records"]
        ratios = (f"{first[figure] / bare[figure]:.2f}" for figure in (WALL, CPU))
        own = (f"{first[WALL]:.1f}", f"{first[CPU]:.1f}", f"{records / first[WALL]:,.0f}")
        peaks = (f"{first[PEAK]:,.0f}", f"{bare[PEAK]:,.0f}")
        history.append((name, f"{records:,}", *own, *ratios, *peaks))
        disk = (f"{one:,.0f}" for one in first["facts"]["megabytes"].values())
        took = [phase([first], one, CPU) for one in PHASES]
        phases.append((name, *(f"{one:.1f}" for one in took), *disk))
        bars.append(bar(f"scale {name}", tuple(one / records * 1e6 for one in took)))
        days += [(name, day["batch"] - 1, *day_row(day)) for day in later]
    if not history:
        return {}
    title = "CPU seconds per million records of the historical load"
    pictures["scales.svg"] = charts.bars(title, PHASES, bars)
    heads = (
        *("scale", "records", "wall s", "CPU s", "records/s"),
        *("wall, x bare SQL", "CPU, x bare SQL", "peak MB", "bare SQL's peak MB"),
    )
    on_disk = ("raw MB", "warehouse MB", "release MB")
    return {
        "history": table(heads, history),
        "phases": table(("scale", *PHASES, *on_disk), phases),
        "days": table(("scale", "day", *DAY_HEADS), days),
        "further": _further(list(scales(parts).values())),
    }


def one_day(parts: Parts, pictures: Pictures) -> Shown:
    """A day's batch of the sample by phase; commands with nothing to do."""
    if "day" not in parts:
        return {}
    part = parts["day"]
    batches, bare = typical_batches(part), [one["bare"] for one in part["rounds"]]
    rows = [
        (name, *(f"{phase([one], name, figure):.1f}" for one in batches for figure in (WALL, CPU)))
        for name in PHASES
    ]
    rows.append(("all", *(f"{one[figure]:.1f}" for one in batches for figure in (WALL, CPU))))
    names = ("history", *(f"day {one['batch'] - 1}" for one in batches[1:]))
    commands = {"status": "`tradehouse status`", "idle": "`tradehouse run`, nothing to do"}
    return {
        "is_simulated": part["is_simulated"],
        "rounds": len(part["rounds"]),
        "bare": f"{middle(bare, WALL):.1f} s and {middle(bare, CPU):.1f} CPU s",
        "against_bare": f"{day_against_bare(part, WALL):.2f} x its wall time and "
        f"{day_against_bare(part, CPU):.2f} x its CPU time",
        "phases": table(
            ("phase", *(f"{name}, {unit}" for name in names for unit in ("wall s", "CPU s"))), rows
        ),
        "days": table(
            ("", *DAY_HEADS),
            [(f"day {one['batch'] - 1}", *day_row(one)) for one in batches[1:]],
        ),
        "commands": table(
            ("command", "wall s", "CPU s"),
            [
                (name, f"{middle(part[key], WALL):.2f}", f"{middle(part[key], CPU):.2f}")
                for key, name in commands.items()
            ],
        ),
    }


def history(parts: Parts, pictures: Pictures) -> Shown:
    """Seconds against the number of the day."""
    if "history" not in parts:
        return {}
    part = parts["history"]
    divided = windows(part)
    rows = []
    for days in divided:
        disk = (f"{one:,.0f}" for one in days[-1]["facts"]["megabytes"].values())
        own = (f"{middle(days, figure):,.{digits}f}" for figure, digits in DIGITS)
        rows.append((f"{days[0]['batch'] - 1} to {days[-1]['batch'] - 1}", *own, *disk))
    singles = [day for days in divided for day in days]
    series = [
        charts.Series(name, tuple((day["batch"] - 1, day[figure]) for day in singles))
        for name, figure in (("wall seconds", WALL), ("CPU seconds", CPU))
    ]
    title = f"A day's batch at scale {part['scale']:g}"
    pictures["days.svg"] = charts.points(title, "day", "seconds", series)
    heads = ("days", "wall s", "CPU s", "peak MB", "raw MB", "warehouse MB", "release MB")
    has_pairs = any("young" in run for run in part["runs"])
    return {
        "scale": f"{part['scale']:g}",
        "days": part["days"],
        "windows": table(heads, rows),
        "growth": has_pairs and f"{growth(part, CPU):.2f} x CPU, {growth(part, WALL):.2f} x wall",
        "slope": has_pairs and f"{slope(part, CPU):+.2f} CPU s, {slope(part, WALL):+.2f} s wall",
    }


def memory(parts: Parts, pictures: Pictures) -> Shown:
    """The largest scale with little memory."""
    if "memory" not in parts:
        return {}
    part = parts["memory"]
    usual = {one["batch"]: one for one in scales(parts).get(part["scale"], {}).get("batches", [])}
    rows = []
    for one in part["batches"]:
        name = "history" if one["batch"] == 1 else f"day {one['batch'] - 1}"
        own, other = (f"{one[WALL]:.1f}", f"{one[PEAK]:,.0f}"), usual.get(one["batch"])
        beside = (f"{one[WALL] / other[WALL]:.2f}", f"{other[PEAK]:,.0f}") if other else ("", "")
        rows.append((name, *own, *beside))
    return {
        "scale": f"{part['scale']:g}",
        "limit": part["limit"],
        "error": " ".join(part["error"].split())[-300:],
        "batches": table(("", "wall s", "peak MB", "x the usual time", "usual peak MB"), rows),
    }


def ingestion(parts: Parts, pictures: Pictures) -> Shown:
    """Own loads, PyAirbyte's and DuckDB's own reader."""
    if "ingestion" not in parts:
        return {}
    loads = {
        name: [Measured(**one) for one in runs]
        for name, runs in parts["ingestion"]["loads"].items()
    }
    records = next(iter(loads.values()))[0].records
    return {
        "records": f"{records:,}",
        "loads": compare.table(loads),
        "ratios": compare.ratios(loads),
    }


def dagster(parts: Parts, pictures: Pictures) -> Shown:
    """The job in Dagster beside the command line."""
    if "dagster" not in parts:
        return {}
    part = parts["dagster"]
    seconds = {name: f"{part[f'{name}_seconds']:.1f} s" for name in ("plain", "steps", "start")}
    return {**seconds, "ratio": f"{dagster_ratio(parts):.2f} x"}


def _further(found: list[Figures]) -> str:
    pairs = [
        f"{further_record(small, large) * 1000:.3f} ms from scale {small['scale']:g} to "
        f"{large['scale']:g}"
        for small, large in itertools.pairwise(found)
    ]
    return ", ".join(pairs)


def _sizes(run: Figures) -> str:
    return ", ".join(f"{name} {size:,.0f} MB" for name, size in run["facts"]["megabytes"].items())


ALL: dict[str, Callable[[Parts, Pictures], Shown]] = {
    "whole_job": whole_job,
    "scales": of_scales,
    "day": one_day,
    "history": history,
    "memory": memory,
    "ingestion": ingestion,
    "dagster": dagster,
}
