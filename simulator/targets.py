"""What a branch of the official brokerage is to earn in a month.

Belongs here: the size of a target. Does not belong here: the partner's file (`partner`).
"""

from __future__ import annotations

import datetime

from simulator.volumes import Plan

_LEAST, _MOST = 80, 260  # US dollars of commission a month; a simulated branch earns some 150.
_GROWTH = 0.03  # A year.


def target(plan: Plan, month: datetime.date, number: int, share: float, drawn: float) -> float:
    """US dollars of commission in a month, the `number`-th since the first one of trading.

    `share` is the branch's part of all brokers, `drawn` a number of its own between 0 and 1.
    """
    del plan, month, share  # every branch has about one broker, at any scale
    growth: float = (1 + _GROWTH) ** (number / 12)
    return (_LEAST + (_MOST - _LEAST) * drawn) * growth
