"""Trades of the plausible brokerage: near the market's price, by those who trade much, in season.

Belongs here: volumes, orders, prices, charges and cash of trades. Does not belong here: prices of
securities (`quotes`) and how batches cut trades into files.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from simulator import text
from simulator.crm import Crm
from simulator.customers import Accounts
from simulator.newswire import Newswire
from simulator.plausible import seasons
from simulator.plausible.activity import PlausibleCrm, days_to_come
from simulator.plausible.companies import PlausibleNewswire
from simulator.randomness import Floats, Integers
from simulator.text import Text
from simulator.trades import MAXIMUM_WAIT_DAYS, TradeBook, Trades
from simulator.volumes import HISTORY_TRADE_DAYS, SECONDS_A_DAY, Plan

GROWTH = 0.22
_FEWEST_A_DAY = 4
_HOURS = np.array([0.0, 9.5, 10.5, 12.5, 15.0, 16.0, 24.0])
_CREATED_BY = np.array([0.0, 0.05, 0.25, 0.42, 0.62, 0.8, 1.0])
_CANDIDATES = 3
_OWN_BROKER = 0.9
_LEAST_ORDER, _ORDER_DECADES = 400.0, 1.5
_LEAST_COMMISSION, _MOST_COMMISSION = 495, 0.02
_TRANSFERRED = 0.8
_TO_BANK, _FROM_BANK = "Transfer to bank", "Transfer from bank"


class PlausibleTradeBook(TradeBook):
    """Six of ten orders buy, so that customers' holdings grow."""

    type_edges = (0.36, 0.57, 0.83)
    excess = 0.2

    def __init__(
        self, plan: Plan, newswire: Newswire, crm: Crm, accounts: Accounts, remembered: int = 0
    ) -> None:
        super().__init__(plan, newswire, crm, accounts, remembered)
        assert isinstance(newswire, PlausibleNewswire)
        assert isinstance(crm, PlausibleCrm)
        self._quotes, self._held = newswire.quotes, accounts
        self._opened, self._closed = crm.account_times
        self._created = crm.created_at()
        self._activity = self._random["activity"].uniform(np.arange(len(self._opened)))

    # Volumes -----------------------------------------------------------------------------------

    def first_number(self, days: Integers) -> Integers:
        """Number of the first trade of each day of trading."""
        numbers: Integers = self._first_numbers[days]
        return numbers

    def day_of(self, numbers: Integers) -> Integers:
        """Day of trading on which trades are created."""
        day: Integers = np.searchsorted(self._first_numbers, numbers, side="right") - 1
        return day

    @cached_property
    def _first_numbers(self) -> Integers:
        """As many trades in the history as the official ones, by season; then as busy as the days.

        Days have at least four.
        """
        first = self._plan.first_trade_day
        weight = seasons.weights(self._random["season"], days_to_come(first), first, GROWTH)
        total = self._daily * HISTORY_TRADE_DAYS
        passed = np.cumsum(weight) * (total / weight[:HISTORY_TRADE_DAYS].sum())
        trades = np.diff(np.floor(np.concatenate(([0.0], passed)))).astype(np.int64)
        return np.concatenate(([0], np.cumsum(np.maximum(trades, _FEWEST_A_DAY))))

    def customers_known(self, days: Integers) -> Integers:
        """Customers that watches of a day of trading may name: those who were there before it."""
        midnight = (self._plan.first_trade_day + days) * SECONDS_A_DAY
        known: Integers = np.maximum(np.searchsorted(self._created, midnight), 1)
        return known

    # Orders ------------------------------------------------------------------------------------

    def _seconds(self, ids: Integers) -> Integers:
        """Mostly while the market is open, most at its begin and end."""
        hours = np.interp(self._random["time"].uniform(ids), _CREATED_BY, _HOURS)
        seconds: Integers = (hours * 3600).astype(np.int64)
        return np.minimum(seconds, SECONDS_A_DAY - 1)

    def _waits(self, ids: Integers) -> Integers:
        """Half of the limit orders wait less than 12 days."""
        longest = MAXIMUM_WAIT_DAYS * SECONDS_A_DAY - 60
        return 30 + (self._random["wait"].uniform(ids) ** 3 * longest).astype(np.int64)

    def _popularity(self, ids: Integers) -> Floats:
        """Securities that were listed first are traded most."""
        drawn = self._random["symbol"].uniform(ids)
        return drawn * np.sqrt(drawn)

    def _accounts(self, ids: Integers, days: Integers) -> Integers:
        """Of three accounts the one that trades most; closed ones trade if all three are."""
        midnight = (self._plan.first_trade_day + days) * SECONDS_A_DAY
        known = np.maximum(np.searchsorted(self._opened, midnight), 1)
        chosen, best = np.zeros_like(ids), np.full(len(ids), -2.0)
        for candidate in range(_CANDIDATES):
            account = self._random["account"][str(candidate)].integers(ids, 0, known)
            score = self._activity[account] - (self._closed[account] <= midnight)
            chosen = np.where(score > best, account, chosen)
            best = np.maximum(best, score)
        return chosen

    def _quantities(self, ids: Integers, symbols: Integers, created: Integers) -> Integers:
        """Shares worth 400 to 13,000 dollars, in fives if there are more than fifty."""
        dollars = _LEAST_ORDER * 10 ** (_ORDER_DECADES * self._random["quantity"].uniform(ids))
        price = self._quotes.closes(symbols, created // SECONDS_A_DAY)
        shares = np.maximum(np.rint(dollars * 100 / price).astype(np.int64), 1)
        return np.where(shares > 50, shares // 5 * 5, shares)

    # Prices ------------------------------------------------------------------------------------

    def prices(self, trades: Trades) -> Integers:
        """Prices of completion in cents, between low and high of the day."""
        _, high, low = self._quotes.ranges(trades.symbol, trades.completed // SECONDS_A_DAY)
        drawn = self._random["price"].uniform(trades.number)
        price: Integers = low + np.rint((high - low) * drawn).astype(np.int64)
        return price

    def bids(self, trades: Trades) -> Integers:
        """Limits a little beyond the price of completion; out of reach for cancelled orders."""
        away = np.where(trades.limit, 0.01, 0.002) + 0.15 * trades.cancelled
        away *= self._random["bid"].uniform(trades.number)
        sign = np.where(trades.sell ^ trades.cancelled, -1, 1)
        bid: Integers = np.rint(self.prices(trades) * (1 + sign * away)).astype(np.int64)
        return np.maximum(bid, 1)

    def executors(self, trades: Trades, brokers: Integers) -> Integers:
        """The broker with whom the account was opened, of one in ten any."""
        anyone = super().executors(trades, brokers)
        own = self._random["own broker"].chance(trades.number, _OWN_BROKER)
        return np.where(own, brokers[self._held.first_broker(trades.account)], anyone)

    def _usual_charges(self, trades: Trades, value: Integers) -> tuple[Floats, Floats, Floats]:
        """A commission of 4.95 dollars at least, and tax on sells."""
        draw, ids = self._random, trades.number
        fee = 0.0004 + 0.0008 * draw["fee"].uniform(ids)
        share = 0.002 + 0.004 * draw["commission"].uniform(ids)
        least = np.minimum(_LEAST_COMMISSION / value, _MOST_COMMISSION)
        tax = np.where(trades.sell, 0.01 + 0.03 * draw["tax"].uniform(ids), 0.0)
        return fee, np.maximum(share, least), tax

    def cash(self, trades: Trades, symbols: Text) -> tuple[Integers, Integers, Integers, Text]:
        """What trades cost or bring, and transfers (offset 2): before a buy, after most sells."""
        value = self.prices(trades) * trades.quantity
        fee, commission, tax = self.charges(trades, value)
        amount = np.where(
            trades.sell,
            np.maximum(value - fee - commission - tax, 1),
            -(value + fee + commission + tax),
        )
        moved = np.where(trades.sell, -(amount // 1_000 * 1_000), -(amount // 5_000 * 5_000))
        leaves = self._random["transferred"].chance(trades.number, _TRANSFERRED)
        moved = np.where(trades.sell & ~leaves, 0, moved)
        rows = np.repeat(np.arange(len(moved)), 1 + (moved != 0))
        is_trade = np.append(rows[1:] != rows[:-1], True)[: len(rows)]
        label = text.join(
            text.where(trades.sell, "Sold ", "Bought "),
            text.numbers(trades.quantity),
            " ",
            text.choose(symbols, trades.symbol),
            ", order ",
            text.numbers(trades.number),
        )
        transfer = text.where(trades.sell[rows], _TO_BANK, _FROM_BANK)
        return (
            rows,
            np.where(is_trade, 3, 2),
            np.where(is_trade, amount[rows], moved[rows]),
            text.where(is_trade, text.choose(label, rows), transfer),
        )
