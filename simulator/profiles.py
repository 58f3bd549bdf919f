"""The two kinds of simulated brokerages: the one object with what differs between them.

Belongs here: which class makes what. Does not belong here: how two landing directories are compared
(`profile`). The `official` brokerage has the distributions of the reference profile; its names mean
nothing and its prices are independent of each other. The plausible one (`plausible`) is made to
be looked at. Everything else (keys, volumes, formats, audits, faults) is the same code for both.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from simulator import targets
from simulator.crm import Crm
from simulator.customers import Accounts, Customers
from simulator.employees import Employees
from simulator.markets import Markets
from simulator.newswire import Newswire
from simulator.newswire_files import NewswireFiles
from simulator.plausible import targets as plausible_targets
from simulator.plausible.activity import PlausibleCrm, PlausibleWatches
from simulator.plausible.announcements import PlausibleNewswireFiles
from simulator.plausible.companies import PlausibleNewswire
from simulator.plausible.markets import PlausibleMarkets
from simulator.plausible.people import PlausibleAccounts, PlausibleCustomers, PlausibleEmployees
from simulator.plausible.prospects import PlausibleProspects
from simulator.plausible.trades import PlausibleTradeBook
from simulator.prospects import Prospects
from simulator.trades import TradeBook
from simulator.volumes import OFFICIAL, PLAUSIBLE, Plan
from simulator.watches import Watches


@dataclass(frozen=True)
class Profile:
    """The classes whose values differ between profiles, and the targets of branches."""

    crm: type[Crm] = Crm
    employees: type[Employees] = Employees
    customers: type[Customers] = Customers
    accounts: type[Accounts] = Accounts
    prospects: type[Prospects] = Prospects
    newswire: type[Newswire] = Newswire
    newswire_files: type[NewswireFiles] = NewswireFiles
    markets: type[Markets] = Markets
    book: type[TradeBook] = TradeBook
    watches: type[Watches] = Watches
    target: Callable[[Plan, datetime.date, int, float, float], float] = targets.target


_PROFILES = {
    OFFICIAL: Profile(),
    PLAUSIBLE: Profile(
        crm=PlausibleCrm,
        employees=PlausibleEmployees,
        customers=PlausibleCustomers,
        accounts=PlausibleAccounts,
        prospects=PlausibleProspects,
        newswire=PlausibleNewswire,
        newswire_files=PlausibleNewswireFiles,
        markets=PlausibleMarkets,
        book=PlausibleTradeBook,
        watches=PlausibleWatches,
        target=plausible_targets.target,
    ),
}


def profile_of(plan: Plan) -> Profile:
    """The profile of a brokerage."""
    return _PROFILES[plan.profile]
