"""What the platform promises of its speed, and whether the records keep it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import (
    CPU,
    PEAK,
    WALL,
    Figures,
    daily_cpu_per_record,
    growth,
    middle,
    models_against_bare,
    per_round,
    scales,
    side,
)
from benchmarks.ingestion.compare import FILES, WITH_PYAIRBYTE

Parts = dict[str, Figures]
SMALL, LARGE = 3.0, 30.0


@dataclass(frozen=True)
class Found:
    """What a target's figure is, in words, and whether it is met."""

    words: str
    is_met: bool


@dataclass(frozen=True)
class Target:
    """A promise; `find` raises KeyError when a part that it needs was not run."""

    what: str
    goal: str
    find: Callable[[Parts], Found]


def _whole(parts: Parts) -> Found:
    wall, cpu = (per_round(parts["whole-job"], "job", "bare", one) for one in (WALL, CPU))
    return Found(f"{wall:.2f} x wall, {cpu:.2f} x CPU", wall <= 3.0)


def _models(parts: Parts) -> Found:
    kept, anew = (models_against_bare(parts["whole-job"], x) for x in ("models", "models_first"))
    return Found(f"{kept:.2f} x; {anew:.2f} x with a full reparse", kept <= 2.5)


def _day(parts: Parts) -> Found:
    days = [batch for one in parts["day"]["rounds"] for batch in one["batches"][1:]]
    wall, cpu = middle(days, WALL), middle(days, CPU)
    return Found(f"{wall:.1f} s, {cpu:.1f} CPU s", wall <= 10 and cpu <= 8)


def _day_at_scale(parts: Parts) -> Found:
    found = scales(parts)
    ratio = daily_cpu_per_record(found[LARGE]) / daily_cpu_per_record(found[SMALL])
    return Found(f"{ratio:.2f} x", ratio <= 1.2)


def _last_day(parts: Parts) -> Found:
    wall, cpu = (growth(parts["history"], one) for one in (WALL, CPU))
    return Found(f"{cpu:.2f} x CPU, {wall:.2f} x wall", cpu <= 1.15)


def _history_at_scale(parts: Parts) -> Found:
    found = scales(parts)
    ratio = found[LARGE]["batches"][0][CPU] / found[SMALL]["batches"][0][CPU]
    return Found(f"{ratio:.1f} x", ratio <= 10)


def _memory(parts: Parts) -> Found:
    largest = max(one[PEAK] for one in scales(parts)[LARGE]["batches"])
    return Found(f"{largest / 1000:.1f} GB", largest <= 4000)


def _low_memory(parts: Parts) -> Found:
    part = parts["memory"]
    if part["scale"] != LARGE:
        raise KeyError(LARGE)
    if part["error"]:
        return Found("fails", False)
    batches, usual = part["batches"], scales(parts)[LARGE]["batches"]
    ratio = batches[0][WALL] / usual[0][WALL]
    largest = max(one[PEAK] for one in batches) / 1000
    return Found(f"does not fail; history {ratio:.1f} x the time, {largest:.1f} GB", True)


def _ingestion(parts: Parts) -> Found:
    loads = parts["ingestion"]["loads"]
    ratio = middle(loads[WITH_PYAIRBYTE], WALL) / middle(loads[FILES], WALL)
    return Found(f"{ratio:.1f} x", ratio >= 25)


def _status(parts: Parts) -> Found:
    seconds = middle(parts["day"]["status"], WALL)
    return Found(f"{seconds:.2f} s", seconds <= 1)


def _idle(parts: Parts) -> Found:
    seconds = middle(parts["day"]["idle"], WALL)
    return Found(f"{seconds:.2f} s", seconds <= 4)


def dagster_ratio(parts: Parts) -> float:
    """Seconds of Dagster's job, first step to last, to those of the command line."""
    part = parts["dagster"]
    return float(part["steps_seconds"] / part["plain_seconds"])


def bare_median(parts: Parts, figure: str) -> float:
    """Bare SQL's median in the rounds of the whole job."""
    return middle(side(parts["whole-job"], "bare"), figure)


TARGETS = (
    Target("whole job: three batches, tests, docs, release", "≤ 3.0 x bare SQL", _whole),
    Target("models alone, start-up included", "≤ 2.5 x bare SQL's transformations", _models),
    Target("one day's batch, whole job", "≤ 10 s and ≤ 8 CPU s", _day),
    Target("a day at scale 30 to scale 3, CPU per record", "≤ 1.2 x", _day_at_scale),
    Target("days 356 to 365 against days 1 to 10", "≤ 1.15 x", _last_day),
    Target("history at scale 30 to scale 3, CPU", "≤ 10 x", _history_at_scale),
    Target("peak memory at scale 30", "≤ 4 GB", _memory),
    Target("scale 30 with a memory limit of 1 GB", "does not fail", _low_memory),
    Target("PyAirbyte to own ingestion", "≥ 25 x", _ingestion),
    Target("`tradehouse status`", "≤ 1 s", _status),
    Target("`tradehouse run` with nothing to do", "≤ 4 s", _idle),
)
