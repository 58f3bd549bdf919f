"""What a simulated brokerage has delivered so far, according to its landing directory.

Belongs here: reading it, for the brokerage's partners (`bank`, `partner`). Does not belong here:
writing it (`delivery_directory`).
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from simulator.volumes import OFFICIAL, Plan, SimulationError, date_of

STATE_FILE = "simulation.json"


def read(landing: Path) -> tuple[Plan, datetime.date]:
    """The brokerage of a landing directory, and the day of its last batch.

    Raises SimulationError when there is none.
    """
    path = landing / STATE_FILE
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        start = datetime.date.fromisoformat(state["start"])
        profile = state.get("profile", OFFICIAL)
        plan = Plan(state["scale"], state["seed"], start, state["newswire"], profile)
        last = max(int(batch) for batch in state["records"])
    except FileNotFoundError:
        raise SimulationError(
            f"{landing} holds no simulated brokerage, which {path.name} would tell of; `tradehouse "
            "run` in a home without deliveries makes one."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SimulationError(f"{path} does not tell of a simulated brokerage: {error}") from error
    return plan, date_of(plan.batch_day(last))
