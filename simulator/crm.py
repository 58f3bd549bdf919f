"""Who becomes a customer, opens, changes and closes what, and when.

Belongs here: the sequence of customer and account actions over history and daily batches, as keys
only. Does not belong here: attribute values (`customers`) and files (`crm_document`, `images`).
The sequence is replayed from the start whenever a brokerage is simulated; it is small (about five
actions a thousand-th of a scale) and gives the state before any day without reading a file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.randomness import Floats, Integers
from simulator.volumes import HISTORY_CRM_DAYS, SECONDS_A_DAY, ChangeSet, Plan

NEW, ADDACCT, UPDACCT, CLOSEACCT, UPDCUST, INACT = range(6)
ACTION_NAMES = ("NEW", "ADDACCT", "UPDACCT", "CLOSEACCT", "UPDCUST", "INACT")


@dataclass(frozen=True)
class Actions:
    """Columns of an action list: kind, customer, account (-1: none), number of the update (-1)."""

    kind: Integers
    customer: Integers
    account: Integers
    update: Integers

    def of(self, *kinds: int) -> Actions:
        """The actions of some kinds, in order."""
        chosen = np.isin(self.kind, kinds)
        return Actions(
            self.kind[chosen], self.customer[chosen], self.account[chosen], self.update[chosen]
        )

    def __len__(self) -> int:
        return len(self.kind)


class Crm:
    """All actions of the history and of the first `days` daily batches."""

    def __init__(self, plan: Plan, days: int) -> None:
        self._plan = plan
        self._random = plan.random["crm"]
        self._set_number = 0
        self._customers = self._accounts = 0
        self._customer_updates = self._account_updates = 0
        room = self._room(days)
        self._owner = np.full(room[1], -1, dtype=np.int64)
        self._inactive = np.zeros(room[0], dtype=bool)
        self._active = np.empty(0, dtype=np.int64)
        self._open = np.empty(0, dtype=np.int64)
        self.daily: list[Actions] = []
        self.customers_after: list[int] = []
        self._replay(days)

    @property
    def owner(self) -> Integers:
        """Customer of every account."""
        return self._owner[: self._accounts]

    def timestamps(self) -> Integers:
        """Seconds since 1970 of the historical actions: strictly ascending, roughly equidistant."""
        count = len(self.history)
        start = self._plan.first_crm_day * SECONDS_A_DAY
        span = (HISTORY_CRM_DAYS + 1) * SECONDS_A_DAY
        position = np.arange(count) + 0.8 * self._random["time"].uniform(np.arange(count))
        moments = start + self._passed(position, span / count).astype(np.int64)
        moments[-1] = start + span - 1
        return moments

    def _passed(self, position: Floats, interval: float) -> Floats:
        """Seconds from the start at which the actions at fractional positions happen: evenly."""
        return position * interval

    def created_at(self) -> Integers:
        """Seconds since 1970 of the creation of every customer; daily ones at their day's start."""
        chosen = self.history.kind == NEW
        moments = [self.timestamps()[chosen]]
        for day, actions in enumerate(self.daily, start=1):
            count = int((actions.kind == NEW).sum())
            moments.append(np.full(count, (self._plan.history_end + day) * SECONDS_A_DAY))
        return np.concatenate(moments)

    def _room(self, days: int) -> tuple[int, int]:
        plan, history, daily = self._plan, self._plan.history_set, self._plan.daily_set
        customers = plan.initial_customers + plan.history_sets * history.new + days * daily.new
        added = plan.history_sets * history.add_account + days * daily.add_account
        return int(customers) + 8, int(customers + added) + 16

    def _replay(self, days: int) -> None:
        plan = self._plan
        parts = [self._initial()]
        for number in range(plan.history_sets):
            parts.append(self._change(_whole(plan.history_set, number), mixed=True))
        self.history = Actions(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("kind", "customer", "account", "update")
            )
        )
        self.customers_after.append(self._customers)
        for day in range(1, days + 1):
            self.daily.append(self._change(_whole(plan.daily_set, 0), reactivate=day == 2))
            self.customers_after.append(self._customers)

    def _initial(self) -> Actions:
        return self._assemble([self._create(self._plan.initial_customers)], mixed=False)

    def _change(self, size: ChangeSet, mixed: bool = False, reactivate: bool = False) -> Actions:
        """One change set. Customers and accounts that exist before it are its targets."""
        number, draw = self._set_number, self._random
        self._set_number += 1
        update, inactivate = int(size.update), int(size.inactivate)
        targets = self._active[
            draw["customer"].sample(len(self._active), update + inactivate, number)
        ]
        updated, inactivated = targets[:update], targets[update:]
        accounts = self._account_targets(size, targets, reactivate)
        changed = accounts[: int(size.update_account)]
        closed = accounts[int(size.update_account) :]
        wanted = int(size.add_account)
        owners = self._active[
            draw["owner"].sample(len(self._active), wanted + len(targets), number)
        ]
        owners = owners[~np.isin(owners, targets)][:wanted]
        self._active = self._active[~np.isin(self._active, inactivated)]
        self._open = self._open[~np.isin(self._open, closed)]
        self._inactive[inactivated] = True
        parts = [self._create(int(size.new))]
        parts.append(_part(UPDCUST, updated, update=self._customer_updates))
        parts.append(_part(INACT, inactivated))
        parts.append(_part(UPDACCT, self._owner[changed], changed, self._account_updates))
        parts.append(_part(CLOSEACCT, self._owner[closed], closed))
        self._customer_updates += len(updated)
        self._account_updates += len(changed)
        added = np.arange(self._accounts, self._accounts + len(owners))
        self._open_accounts(owners)
        parts.append(_part(ADDACCT, owners, added))
        return self._assemble(parts, mixed)

    def _account_targets(self, size: ChangeSet, customers: Integers, reactivate: bool) -> Integers:
        """Open accounts, none of a customer who changes in the same set.

        With `reactivate` the first one belongs to an inactive customer: its update brings the
        account back to life.
        """
        wanted = int(size.update_account) + int(size.close_account)
        number = self._set_number - 1
        spare = 4 * len(customers) + 8
        drawn = self._open[self._random["account"].sample(len(self._open), wanted + spare, number)]
        drawn = drawn[~np.isin(self._owner[drawn], customers)]
        if reactivate:
            asleep = self._open[self._inactive[self._owner[self._open]]]
            if len(asleep):
                chosen = asleep[self._random["asleep"].sample(len(asleep), 1, number)]
                drawn = np.concatenate((chosen, drawn[drawn != chosen[0]]))
        return drawn[:wanted]

    def _create(self, count: int) -> Actions:
        customers = np.arange(self._customers, self._customers + count)
        accounts = np.arange(self._accounts, self._accounts + count)
        self._customers += count
        self._active = np.concatenate((self._active, customers))
        self._open_accounts(customers)
        return _part(NEW, customers, accounts)

    def _open_accounts(self, owners: Integers) -> None:
        accounts = np.arange(self._accounts, self._accounts + len(owners))
        self._owner[accounts] = owners
        self._accounts += len(owners)
        self._open = np.concatenate((self._open, accounts))

    def _assemble(self, parts: list[Actions], mixed: bool) -> Actions:
        """Parts in document order: mixed, but new customers in order and ADDACCT at the end."""
        columns = [
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("kind", "customer", "account", "update")
        ]
        actions = Actions(*columns)
        if not mixed:
            return actions
        counters = np.arange(len(actions)) + (np.int64(self._set_number) << 36)
        key = self._random["order"].uniform(counters)
        order = np.argsort(np.where(actions.kind == ADDACCT, 1 + np.arange(len(key)), key))
        for kind in (NEW, UPDCUST, UPDACCT):  # numbers ascend in document order
            places = np.flatnonzero(actions.kind[order] == kind)
            order[places] = np.sort(order[places])
        return Actions(*(column[order] for column in columns))


def _whole(size: ChangeSet, number: int) -> ChangeSet:
    """The whole numbers of set `number` when fractions accumulate over the sets."""

    def count(rate: float) -> int:
        return int((number + 1) * rate + 1e-9) - int(number * rate + 1e-9)

    return ChangeSet(
        count(size.new),
        count(size.update),
        count(size.inactivate),
        count(size.add_account),
        count(size.update_account),
        count(size.close_account),
    )


def _part(
    kind: int, customers: Integers, accounts: Integers | None = None, update: int = -1
) -> Actions:
    count = len(customers)
    return Actions(
        np.full(count, kind, dtype=np.int64),
        customers.astype(np.int64),
        np.full(count, -1, dtype=np.int64) if accounts is None else accounts.astype(np.int64),
        np.full(count, -1, dtype=np.int64) if update < 0 else update + np.arange(count),
    )
