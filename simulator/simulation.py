"""The simulator's one entry point: parameters in, landing directory out.

Belongs here: checking the request and calling the rest.
"""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from simulator.delivery_directory import Landing
from simulator.steps import FAULT_LIST, STEPS, Steps, chosen_faults, schedule
from simulator.volumes import CALENDAR_END, DEFAULT_PROFILE, Plan, SimulationError, WriteError


def simulate(
    scale: float,
    days: int,
    seed: int,
    start: datetime.date,
    out: Path | str,
    *,
    newswire: str = "continuing",
    profile: str = DEFAULT_PROFILE,
    faults: Sequence[str] = (),
    workers: int = 2,
    chunk_rows: int = 60_000,
) -> list[int]:
    """Write the historical batch and `days` daily batches of a brokerage into a landing directory.

    `start` is the day of the first daily batch (`Batch2`); the historical one (`Batch1`) is the day
    before. Batches that are there already stay as they are, so a second call with more days writes
    what is missing. `profile` is `plausible` or `official`. The bytes depend on scale, seed, start,
    newswire and profile only. Returns the numbers of the batches written.

    With `faults` (names of `steps.FAULTS`, or `all`) the deliveries are written as numbered steps
    with the machine-readable list `faults.json` beside, into a new directory. Raises
    `SimulationError` with one sentence for a bad request.
    """
    plan = Plan(scale=float(scale), seed=seed, start=start, newswire=newswire, profile=profile)
    if days < 0:
        raise SimulationError(f"The days must be 0 or more, but {days} was given.")
    possible = (CALENDAR_END - start).days + 1
    if days > possible:
        raise SimulationError(
            f"{days} daily batches were asked for, but the calendar ends on {CALENDAR_END}: from "
            f"{start} on, {possible} are possible."
        )
    if workers < 1 or chunk_rows < 1:
        raise SimulationError("Workers and rows a chunk must be 1 or more.")
    if chosen := chosen_faults(faults):
        return _with_faults(plan, Path(out), days, chosen, (workers, chunk_rows))
    return Landing(plan, Path(out)).write(days, workers, chunk_rows)


def _with_faults(
    plan: Plan, out: Path, days: int, faults: tuple[str, ...], effort: tuple[int, int]
) -> list[int]:
    """Write beside the clean batches, then the steps made of them; rename when all is there."""
    schedule(faults, days)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SimulationError(
            f"Deliveries with faults need a directory of their own, but {out} holds something; "
            "choose an empty or a new one."
        )
    beside = out.parent / f".{out.name}.partial"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        clean, made = beside / "clean", beside / "made"
        written = Landing(plan, clean).write(days, *effort)
        (made / STEPS).mkdir(parents=True)
        content = Steps(clean, made / STEPS, days, faults).write()
        brokerage = plan.parameters() | {"days": days}
        listed = json.dumps({"format": 1, "brokerage": brokerage, **content}, indent=1)
        (made / FAULT_LIST).write_text(listed + "\n")
        if out.exists():
            out.rmdir()
        made.rename(out)
    except OSError as error:
        raise WriteError(
            f"The steps cannot be written beside {out} ({error.strerror}); nothing is left of them."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return written
