"""Whom to call, and why: rules over what is known of customers on the last day.

A customer stands there once, by number, for the reason with the most money in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from exposition.stories import sentences
from exposition.stories.asking import Asking
from exposition.stories.pages import Section, Table
from exposition.stories.sentences import amount

MOST = 20
LEAST_USD = Decimal(10_000)
LEAST_SHARE = Decimal("0.05")
IDLE_USD = Decimal(50_000)
IDLE_SHARE = Decimal("0.5")
IDLE_DAYS = 365
FALL_SHARE = Decimal("0.1")


@dataclass(frozen=True)
class Customer:
    """What the rules look at; amounts in USD, `worth_before` None on a customer's first day."""

    number: int
    branch: str | None
    broker: int | None
    worth: Decimal
    worth_before: Decimal | None
    cash: Decimal
    net_new_money: Decimal
    last_trade: date | None
    since: date | None


@dataclass(frozen=True)
class Call:
    """A customer to call: the reason, and how much money is in it."""

    customer: Customer
    reason: str
    usd: Decimal


def find_call(customer: Customer, day: date) -> Call | None:
    """Return why to call a customer, or None."""
    found = [*_reasons(customer, day)]
    return max(found, key=lambda one: one.usd, default=None)


def _reasons(customer: Customer, day: date) -> Sequence[Call]:
    found = []
    before, flow = customer.worth_before, customer.net_new_money
    if flow <= -LEAST_USD and before is not None and -flow >= before * LEAST_SHARE:
        share = f", {-flow / before * 100:.0f} % of what was there" if before > 0 else ""
        found.append(Call(customer, f"Took {amount(-flow, 'USD')} out{share}.", -flow))
    if flow >= LEAST_USD and flow >= customer.cash * IDLE_SHARE > 0:
        reason = f"Brought {amount(flow, 'USD')} in; {amount(customer.cash, 'USD')} is cash."
        found.append(Call(customer, reason, flow))
    if before is not None and before > 0:
        fall = before + flow - customer.worth
        if fall >= LEAST_USD and fall >= before * FALL_SHARE:
            reason = f"Worth fell by {amount(fall, 'USD')} ({fall / before * 100:.0f} %) by prices."
            found.append(Call(customer, reason, fall))
    quiet = customer.last_trade is None or day - customer.last_trade > timedelta(IDLE_DAYS)
    if quiet and customer.cash >= IDLE_USD and customer.cash >= customer.worth * IDLE_SHARE:
        since = (
            f"no trade since {sentences.day(customer.last_trade)}"
            if customer.last_trade
            else "never traded"
        )
        reason = f"Holds {amount(customer.cash, 'USD')} in cash, {since}."
        found.append(Call(customer, reason, customer.cash))
    if customer.since == day:
        found.append(
            Call(customer, "Customer since this day: welcome.", max(customer.worth, Decimal(0)))
        )
    return found


def section(asking: Asking) -> Section:
    """Return whom to call, those with the most money in it first."""
    heading = "Whom to call, and why"
    if asking.day is None or not asking.has("mart_customers", "mart_customer_days"):
        return Section("calls", heading, ["What is known of customers is not in this release."])
    found = [find_call(one, asking.day) for one in _customers(asking, asking.day)]
    calls = sorted((one for one in found if one), key=lambda one: (-one.usd, one.customer.number))
    rows = [
        (
            str(one.customer.number),
            one.customer.branch or "none",
            "none" if one.customer.broker is None else str(one.customer.broker),
            one.reason,
        )
        for one in calls[:MOST]
    ]
    table = Table("Customers to call", ("Customer", "Branch", "Broker", "Why"), rows)
    return Section("calls", heading, [describe(len(calls))], tables=[table] if rows else [])


def describe(count: int) -> str:
    """Return how many customers there are to call, in a sentence."""
    if not count:
        return "Nobody: no large withdrawal or deposit, no large loss, no idle cash, nobody new."
    which = f"; the {MOST} with the most money in it are below" if count > MOST else ""
    return f"{sentences.total(count, 'customers', '')} with a reason to call{which}."


def _customers(asking: Asking, day: date) -> list[Customer]:
    """Return the active customers, with what they had the day before."""
    rows = asking.rows(
        """
        select
            customers.customer_id,
            customers.branch,
            customers.broker_id,
            days.worth_usd,
            earlier.worth_usd as worth_before_usd,
            days.cash_usd,
            coalesce(days.net_new_money_usd, 0) as net_new_money_usd,
            customers.last_trade_date,
            customers.customer_since
        from gold.mart_customers as customers
        inner join gold.mart_customer_days as days
            on customers.customer_id = days.customer_id and days.as_of_date = $day
        left join gold.mart_customer_days as earlier
            on customers.customer_id = earlier.customer_id and earlier.as_of_date = $before
        where customers.status = 'Active'
        """,
        {"day": day, "before": day - timedelta(1)},
    )
    return [Customer(*row) for row in rows]
