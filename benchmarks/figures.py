"""Figures out of the records of parts: medians, sums and ratios. Knows nothing of Markdown."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.phases import PARSE, START
from benchmarks.whole_job import MODELS, TESTS

Figures = dict[str, Any]
WALL, CPU, PEAK = "wall_seconds", "cpu_seconds", "peak_megabytes"
PHASES = (START, "sync", PARSE, MODELS, TESTS, "docs", "publish")
PUBLISH = "publish"
SCALE = "scale-"


def middle(runs: list[Figures], name: str) -> float:
    """The median of one figure."""
    return median(float(run[name]) for run in runs)


def phase(runs: list[Figures], name: str, figure: str) -> float:
    """The median of what a phase took; a phase that a run did not need took nothing."""
    return median(float(run["facts"]["phases"].get(name, {}).get(figure, 0.0)) for run in runs)


def side(whole_job: Figures, name: str) -> list[Figures]:
    """The runs of one program in all rounds of the whole job."""
    return [dict(one[name]) for one in whole_job["rounds"]]


def per_round(whole_job: Figures, above: str, below: str, figure: str) -> float:
    """The median of the ratios of two programs, each ratio within one round."""
    return median(float(one[above][figure] / one[below][figure]) for one in whole_job["rounds"])


def models_against_bare(whole_job: Figures, name: str) -> float:
    """Wall seconds of dbt's models to those of bare SQL without the landing of raw."""
    return median(
        float(one[name][WALL] / one["bare"]["facts"]["transformation_wall_seconds"])
        for one in whole_job["rounds"]
    )


def typical_batches(day: Figures) -> list[Figures]:
    """Each batch of the part that takes days singly, by the medians of its rounds."""
    return [
        {
            **runs[0],
            **{name: middle(list(runs), name) for name in (WALL, CPU)},
            PEAK: max(run[PEAK] for run in runs),
            "facts": {
                **runs[0]["facts"],
                "phases": {
                    name: {figure: phase(list(runs), name, figure) for figure in (WALL, CPU)}
                    for name in PHASES
                },
            },
        }
        for runs in zip(*(one["batches"] for one in day["rounds"]), strict=True)
    ]


def day_against_bare(day: Figures, figure: str) -> float:
    """The median of days to bare SQL over all batches, each ratio within one round."""
    return median(
        float(batch[figure] / one["bare"][figure])
        for one in day["rounds"]
        for batch in one["batches"][1:]
    )


def scales(figures: dict[str, Figures]) -> dict[float, Figures]:
    """The parts of single scales, smallest first."""
    found = [one for name, one in figures.items() if name.startswith(SCALE)]
    return {one["scale"]: one for one in sorted(found, key=lambda one: float(one["scale"]))}


def cpu_beyond_start(run: Figures) -> float:
    """CPU seconds of a run without start-up, parsing and the release."""
    phases = run["facts"]["phases"]
    return float(
        sum(one[CPU] for name, one in phases.items() if name not in (START, PARSE, PUBLISH))
    )


def daily_cpu_per_record(part: Figures) -> float:
    """CPU seconds beyond start-up for a record of a daily batch, over all days of a scale."""
    days = part["batches"][1:]
    records = sum(int(one["facts"]["records"]) for one in days)
    return sum(map(cpu_beyond_start, days)) / records


def further_record(small: Figures, large: Figures) -> float:
    """CPU seconds of a record more in a daily batch, from the days of two scales.

    What every batch costs at any scale, such as dbt's work for each model, falls out of it.
    """
    (less, few), (more, many) = (
        (
            sum(map(cpu_beyond_start, part["batches"][1:])),
            sum(int(day["facts"]["records"]) for day in part["batches"][1:]),
        )
        for part in (small, large)
    )
    return (more - less) / (many - few)


def windows(history: Figures) -> list[list[Figures]]:
    """The days that were loaded singly, divided into those that followed one another."""
    found: list[list[Figures]] = []
    for run in history["runs"]:
        if run["batch"] == 1 or run["batches"] > 1 or run["is_resumed"]:
            continue
        if not found or run["batch"] > found[-1][-1]["batch"] + 1:
            found.append([])
        found[-1].append(run)
    return found


def growth(history: Figures, figure: str) -> float:
    """The last days' median against that of days of a young home, taken in turn with them."""
    old, young = _in_turn(history)
    return middle(old, figure) / middle(young, figure)


def slope(history: Figures, figure: str) -> float:
    """By how much a day's figure grows in a hundred days, from days taken in turn."""
    old, young = _in_turn(history)
    days = int(old[0]["batch"]) - int(young[0]["batch"])
    return (middle(old, figure) - middle(young, figure)) / days * 100


def _in_turn(history: Figures) -> tuple[list[Figures], list[Figures]]:
    old = [run for window in windows(history) for run in window if "young" in run]
    if not old:
        raise KeyError("young")
    return old, [run["young"] for run in old]


def per_hundred(numbers: list[int], values: list[float]) -> float:
    """By how much values grow with a hundred of their numbers, by least squares; two at least."""
    import numpy as np

    return float(np.polyfit(numbers, values, 1)[0]) * 100
