"""What a branch of the plausible brokerage is to earn in a month.

Belongs here: the size of a target. Does not belong here: the partner's file (`simulator.partner`).
"""

from __future__ import annotations

import datetime

import numpy as np

from simulator.plausible import seasons
from simulator.plausible.trades import GROWTH
from simulator.volumes import Plan

_COMMISSION = 13.5  # US dollars that an average order brings, cancelled ones included.
_DAYS, _YEARS = 365.2425 / 12, 5
_EASIEST, _HARDEST = 0.8, 1.3


def target(plan: Plan, month: datetime.date, number: int, share: float, drawn: float) -> float:
    """US dollars of commission in a month, the `number`-th since the first one of trading.

    `share` is the branch's part of all brokers, `drawn` says how much is asked of the branch.
    """
    first = plan.trades_a_day / (1 + GROWTH * _YEARS / 2) * _DAYS * _COMMISSION
    season = float(seasons.month_weights(np.array([month.month - 1]))[0])
    wanted = _EASIEST + (_HARDEST - _EASIEST) * drawn
    return first * (1 + GROWTH * number / 12) * season * share * wanted
