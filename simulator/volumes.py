"""Volumes and dates of one simulated brokerage: everything that follows from scale, seed and start.

Belongs here: how many of what, and when. Does not belong here: any value of a row. The formulas are
the measured profile's; below scale 3 they have minimums, so that every record kind, change and
anomaly still occurs.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simulator.randomness import Stream

HISTORY_TRADE_DAYS = 1827
HISTORY_PRICE_DAYS = 732
HISTORY_CRM_DAYS = 3653
FIRST_NEWSWIRE_YEAR = 1967
CALENDAR_START = datetime.date(1950, 1, 1)
CALENDAR_END = datetime.date(2050, 12, 31)
EARLIEST_START = datetime.date(1985, 1, 1)
NEWSWIRE_MODES = ("continuing", "history")
PLAUSIBLE, OFFICIAL = PROFILES = ("plausible", "official")
DEFAULT_PROFILE = PLAUSIBLE
SECONDS_A_DAY = 86_400


class SimulationError(ValueError):
    """A request that cannot be simulated; the message is one sentence for the user."""


class WriteError(SimulationError):
    """The request was sound, but the disk was full or refused to be written to."""


def day_number(day: datetime.date) -> int:
    """Days since 1970-01-01."""
    return (day - datetime.date(1970, 1, 1)).days


def date_of(day: int) -> datetime.date:
    """The date of a day number."""
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=int(day))


def quarter_start(quarter: int) -> int:
    """Day number of the first day of a quarter, counted from 1967 Q1 = 0."""
    return day_number(datetime.date(FIRST_NEWSWIRE_YEAR + quarter // 4, quarter % 4 * 3 + 1, 1))


def quarter_of(day: int) -> int:
    """Quarter that holds a day number, counted from 1967 Q1 = 0."""
    moment = date_of(day)
    return (moment.year - FIRST_NEWSWIRE_YEAR) * 4 + (moment.month - 1) // 3


@dataclass(frozen=True)
class ChangeSet:
    """How many customer and account changes one set holds; fractions accumulate over sets."""

    new: float
    update: float
    inactivate: float
    add_account: float
    update_account: float
    close_account: float


@dataclass(frozen=True)
class Plan:
    """One simulated brokerage. `start` is the day of the first daily batch."""

    scale: float
    seed: int
    start: datetime.date
    newswire: str = "continuing"
    profile: str = OFFICIAL

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 10_000:
            raise SimulationError(
                f"The scale must lie above 0 and not above 10000, but {self.scale:g} was given; "
                "0.1 is a small and 3 an ordinary brokerage."
            )
        if not EARLIEST_START <= self.start <= CALENDAR_END:
            raise SimulationError(
                f"The start must lie between {EARLIEST_START} and {CALENDAR_END} (the calendar's "
                f"last day), but {self.start} was given."
            )
        if self.newswire not in NEWSWIRE_MODES:
            raise SimulationError(
                f"The newswire must be one of {', '.join(NEWSWIRE_MODES)}, "
                f"but {self.newswire!r} was given."
            )
        if self.profile not in PROFILES:
            raise SimulationError(
                f"The profile must be one of {', '.join(PROFILES)}, but {self.profile!r} was given."
            )

    def parameters(self) -> dict[str, Any]:
        """What makes this brokerage, for the files that remember it.

        The official profile is not named: it is that of files which name none.
        """
        named = {} if self.profile == OFFICIAL else {"profile": self.profile}
        return {
            "scale": self.scale,
            "seed": self.seed,
            "start": self.start.isoformat(),
            "newswire": self.newswire,
            **named,
        }

    @cached_property
    def random(self) -> Stream:
        """The root of all random streams of this brokerage."""
        return Stream(self.seed)

    @cached_property
    def history_end(self) -> int:
        """Day number of the historical batch."""
        return day_number(self.start) - 1

    def batch_day(self, batch: int) -> int:
        """Day number of a batch: 1 is the historical one."""
        return self.history_end + batch - 1

    @property
    def thousands(self) -> float:
        """The `S` of the formulas: 1000 x scale."""
        return 1000 * self.scale

    # People -----------------------------------------------------------------------------------

    @property
    def people_scale(self) -> float:
        """Scale of customers and prospects: floored so that 300 tax names can occur."""
        return max(self.scale, 0.3)

    @cached_property
    def employees(self) -> int:
        """Employees on the historical list."""
        return max(round(5 * self.thousands), 300)

    @cached_property
    def managers(self) -> int:
        """Employees 1..managers have reports."""
        return max(self.employees // 10, 1)

    @cached_property
    def history_sets(self) -> int:
        """Change sets of the ten years of history."""
        if self.scale < 3:
            return 430
        rows = -(-23 * self.scale // 2)
        return int(5 * self.thousands // rows)

    @cached_property
    def initial_customers(self) -> int:
        """Customers before the first change set."""
        if self.scale < 3:
            return 20
        rows = int(-(-23 * self.scale // 2))
        return max(20, round(5 * self.thousands) - self.history_sets * rows)

    @cached_property
    def history_set(self) -> ChangeSet:
        """Composition of a historical change set."""
        if self.scale >= 3:
            return self.daily_set
        size, accounts = 5 * self.people_scale, 10 * self.people_scale
        return ChangeSet(
            0.7 * size, 0.2 * size, 0.1 * size, 0.35 * accounts, 0.2 * accounts, 0.1 * accounts
        )

    @cached_property
    def daily_set(self) -> ChangeSet:
        """Composition of a daily batch: whole numbers, at least one of each kind."""
        size, accounts = max(4, round(5 * self.scale)), max(6, round(10 * self.scale))
        update, inactivate = max(1, size // 5), max(1, size // 10)
        new = size - update - inactivate
        update_account, close_account = max(1, accounts // 5), max(1, accounts // 10)
        add_account = accounts - update_account - close_account - new
        return ChangeSet(new, update, inactivate, add_account, update_account, close_account)

    @cached_property
    def prospects(self) -> int:
        """Candidates of the first marketing list."""
        return round(5000 * self.people_scale)

    @cached_property
    def prospects_replaced(self) -> int:
        """Prospects that vanish from, and are added to, every list."""
        return max(3, round(6 * self.people_scale))

    @cached_property
    def prospects_changed(self) -> int:
        """Prospects whose demographics change in every daily list."""
        return max(3, round(8 * self.people_scale))

    # Newswire ---------------------------------------------------------------------------------

    @cached_property
    def history_quarters(self) -> int:
        """Quarters with an archive file, the running one included."""
        return quarter_of(self.history_end) + 1

    @cached_property
    def companies_a_quarter(self) -> int:
        """Company records of every quarter after the first."""
        return max(2, int(0.5 * self.thousands // self.history_quarters))

    @cached_property
    def first_companies(self) -> int:
        """Company records of the first quarter."""
        rest = round(0.5 * self.thousands) - self.companies_a_quarter * (self.history_quarters - 1)
        return max(20, rest)

    @cached_property
    def securities_a_quarter(self) -> int:
        """Security records of every quarter after the second."""
        return max(2, int(0.8 * self.thousands // (self.history_quarters - 1)))

    @cached_property
    def first_securities(self) -> int:
        """Security records of the second quarter, the first with any."""
        rest = round(0.8 * self.thousands) - self.securities_a_quarter * (self.history_quarters - 2)
        return max(30, rest)

    # Trading ----------------------------------------------------------------------------------

    @cached_property
    def trades_a_day(self) -> int:
        """New trades of every day, history and daily batches alike."""
        return max(4, -int(-130 * self.thousands // 1828))

    @property
    def first_trade_day(self) -> int:
        """Day number of the first trade and watch."""
        return self.history_end - HISTORY_TRADE_DAYS + 1

    @property
    def first_price_day(self) -> int:
        """Day number of the first price."""
        return self.history_end - HISTORY_PRICE_DAYS

    @property
    def first_crm_day(self) -> int:
        """Day number of the first customer."""
        return self.history_end - HISTORY_CRM_DAYS

    @cached_property
    def history_watches(self) -> int:
        """Watches placed before the first daily batch."""
        return round(240 * max(self.thousands, 100))

    @cached_property
    def daily_watches(self) -> int:
        """Watches placed on every daily batch's day."""
        return max(8, round(0.56 * self.thousands))
