"""The brokerage's partner: a CSV file of what each branch is to earn in a month.

Belongs here: the targets and the file. Does not belong here: when it is written.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections import Counter
from pathlib import Path

from simulator import delivered
from simulator.employees import BROKER_JOB
from simulator.profiles import profile_of
from simulator.randomness import Stream
from simulator.volumes import HISTORY_TRADE_DAYS, SimulationError, date_of

COLUMNS = ("branch", "month", "target_usd")
_SEASONS = 0.1


def targets(landing: Path) -> str:
    """The partner's file for the simulated brokerage in a landing directory.

    It has every branch of a broker in the historical list of employees, and every month from the
    first one with trades to the December after the last batch. Raises SimulationError.
    """
    plan, last = delivered.read(landing)
    draw = Stream(plan.seed, "partner")
    first = date_of(plan.history_end - HISTORY_TRADE_DAYS + 1).replace(day=1)
    count = (last.year - first.year) * 12 + 13 - first.month
    numbers = range(count)
    months = [
        datetime.date(first.year + (first.month - 1 + i) // 12, (first.month - 1 + i) % 12 + 1, 1)
        for i in numbers
    ]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    brokers, target = _brokers(landing), profile_of(plan).target
    for number, branch in enumerate(sorted(brokers)):
        share = brokers[branch] / brokers.total()
        drawn = float(draw["base"].uniform(number)[0])
        seasons = 1 + _SEASONS * (
            2 * draw["season"].uniform([number * 4096 + i for i in numbers]) - 1
        )
        for i, month in enumerate(months):
            expected = target(plan, month, i, share, drawn) * float(seasons[i])
            rows.writerow((branch, month, f"{expected:.2f}"))
    return text.getvalue()


def _brokers(landing: Path) -> Counter[str]:
    """Brokers of each branch: commission is earned there, and nowhere else."""
    path = landing / "Batch1" / "HR.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            return Counter(row[6] for row in rows if row[5] == str(BROKER_JOB) and row[6])
    except (OSError, ValueError, IndexError) as error:
        raise SimulationError(f"{path} is no list of employees ({error}).") from error
