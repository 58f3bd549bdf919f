"""The simulator's one entrance: parameters in, landing directory out.

Belongs here: checking the request and calling the rest.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from simulator.landing import Landing
from simulator.plan import CALENDAR_END, Plan, SimulationError


def simulate(
    scale: float,
    days: int,
    seed: int,
    start: datetime.date,
    out: Path | str,
    *,
    newswire: str = "continuing",
    workers: int = 2,
    chunk_rows: int = 60_000,
) -> list[int]:
    """Write the historical batch and `days` daily batches of a brokerage into a landing directory.

    `start` is the day of the first daily batch (`Batch2`); the historical one (`Batch1`) is the day
    before. Batches that are there already stay as they are, so a second call with more days writes
    what is missing. The bytes depend on scale, seed, start and newswire only. Returns the numbers
    of the batches written. Raises `SimulationError` with one sentence for a bad request.
    """
    plan = Plan(scale=float(scale), seed=seed, start=start, newswire=newswire)
    if days < 0:
        raise SimulationError(f"The days must be 0 or more, but {days} was given.")
    last = start + datetime.timedelta(days=max(days - 1, 0))
    if last > CALENDAR_END:
        raise SimulationError(
            f"The last daily batch would be on {last}, but the calendar ends on {CALENDAR_END}."
        )
    if workers < 1 or chunk_rows < 1:
        raise SimulationError("Workers and rows a chunk must be 1 or more.")
    return Landing(plan, Path(out)).write(days, workers, chunk_rows)
