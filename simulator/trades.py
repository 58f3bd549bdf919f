"""Trades as pure functions of their number: orders, fills, lots and settlements.

Belongs here: times, types, accounts, prices and which lot a sell closes. Does not belong here: how
a batch cuts them into files (`trade_files`).

`n` trades are created on every day, so a number tells its day. Days are taken in groups of about
1000 trades; the completing sells of a group are matched, first in first out by time of completion,
with the completing buys of the group `lag` groups before. A sell that finds no lot is a buy. So a
group needs one other group at most, and any day can be made without the days before it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from simulator.crm import Crm
from simulator.customers import Accounts
from simulator.newswire import Newswire
from simulator.randomness import Booleans, Floats, Integers
from simulator.text import RandomText, Text
from simulator.volumes import HISTORY_TRADE_DAYS, SECONDS_A_DAY, Plan

LIMIT_BUY, LIMIT_SELL, MARKET_BUY, MARKET_SELL = range(4)
TYPE_CODES = ("TLB", "TLS", "TMB", "TMS")
MAXIMUM_WAIT_DAYS = 90
MAXIMUM_SETTLEMENT_DAYS = 5
OPEN_DAYS = MAXIMUM_WAIT_DAYS + MAXIMUM_SETTLEMENT_DAYS + 2
_GROUP_TRADES, _GROUP_DAYS, _LAG_DAYS = 1000, 32, 20
_OPEN_TRADES = 50
_ASSURED_BY = 80_000
_CANCELLED_SHARE = 0.0965
_INVALID_SHARE = 0.0001


@dataclass(frozen=True)
class Trades:
    """Columns of some trades, ascending by number. Times are seconds since 1970.

    `submitted` is the time of submission or, for cancelled orders, of cancellation; `opener` the
    trade whose lot a completion changes (its own number for a buy).
    """

    number: Integers
    kind: Integers
    created: Integers
    submitted: Integers
    completed: Integers
    settled: Integers
    cancelled: Booleans
    opener: Integers
    account: Integers
    symbol: Integers
    quantity: Integers

    @property
    def limit(self) -> Booleans:
        """Limit orders wait before they are submitted."""
        return np.asarray(self.kind <= LIMIT_SELL, dtype=np.bool_)

    @property
    def sell(self) -> Booleans:
        """Sells, market or limit."""
        return np.asarray(self.kind & 1, dtype=np.bool_)

    @property
    def closed(self) -> Integers:
        """When the last state was entered: completion or cancellation."""
        return np.where(self.cancelled, self.submitted, self.completed)

    def take(self, chosen: Booleans | Integers) -> Trades:
        """Some of the trades."""
        return Trades(*(getattr(self, column.name)[chosen] for column in fields(self)))


def joined(parts: list[Trades]) -> Trades:
    """Trades of several groups in order."""
    return Trades(
        *(
            np.concatenate([getattr(part, column.name) for part in parts])
            for column in fields(Trades)
        )
    )


def group_days(plan: Plan) -> int:
    """Days whose trades are made together."""
    return max(1, min(_GROUP_DAYS, -(-_GROUP_TRADES // plan.trades_a_day)))


class TradeBook:
    """All trades of a brokerage, made group by group on demand.

    `type_edges` are the shares at which limit sells, market buys and market sells begin; `excess`
    says how far a wrong fee or commission may exceed the trade's value.
    """

    type_edges = (0.3, 0.6, 0.8)
    excess = 8.9

    def __init__(
        self, plan: Plan, newswire: Newswire, crm: Crm, accounts: Accounts, remembered: int = 0
    ) -> None:
        self._plan, self._newswire = plan, newswire
        self._random = plan.random["trade"]
        self._crm = crm
        self._customers_after = np.array(crm.customers_after, dtype=np.int64)
        self._daily = plan.trades_a_day
        self.group_days = group_days(plan)
        self._open_step = max(1, -(-_OPEN_TRADES // self._daily))
        self._lag = max(1, round(_LAG_DAYS / self.group_days))
        self._raw_groups: OrderedDict[int, Trades] = OrderedDict()
        self._groups: OrderedDict[int, Trades] = OrderedDict()
        self._remembered = max(remembered, self._lag + 2)

    def group(self, number: int) -> Trades:
        """The trades created on the days of a group; day 0 is the first day of trading."""
        if number not in self._groups:
            self._groups[number] = self._matched(number)
            if len(self._groups) > self._remembered:
                self._groups.popitem(last=False)
        return self._groups[number]

    def created_between(self, first_day: int, last_day: int) -> Trades:
        """Trades created on days first..last of trading, both inclusive."""
        first_day = max(first_day, 0)
        groups = range(first_day // self.group_days, last_day // self.group_days + 1)
        trades = joined([self.group(number) for number in groups])
        low, high = self.first_number(np.array([first_day, last_day + 1]))
        return trades.take((trades.number >= low) & (trades.number < high))

    def first_number(self, days: Integers) -> Integers:
        """Number of the first trade of each day of trading."""
        return days * self._daily

    def day_of(self, numbers: Integers) -> Integers:
        """Day of trading on which trades are created."""
        return numbers // self._daily

    def _raw(self, number: int) -> Trades:
        """A group before its sells are matched."""
        if number not in self._raw_groups:
            self._raw_groups[number] = self._drawn(number)
            if len(self._raw_groups) > self._lag + 2:
                self._raw_groups.popitem(last=False)
        return self._raw_groups[number]

    def _drawn(self, number: int) -> Trades:
        draw, day = self._random, number * self.group_days + np.arange(self.group_days + 1)
        edges = self.first_number(day)
        ids = np.arange(edges[0], edges[-1])
        edges -= edges[0]
        days = self.day_of(ids)
        moments = days * SECONDS_A_DAY + self._seconds(ids)
        moments[edges[1:] - 1] = (day[1:] * SECONDS_A_DAY) - 1
        moments.sort()
        assured = (day[:-1] >= HISTORY_TRADE_DAYS) & (np.diff(edges) < _OPEN_TRADES)
        first = edges[:-1][assured]
        earliest = day[:-1][assured] * SECONDS_A_DAY + _ASSURED_BY
        moments[first] = np.minimum(moments[first], earliest)
        created = self._plan.first_trade_day * SECONDS_A_DAY + moments
        kind = self._kinds(ids)
        kind[self._midnight_orders(ids) >= 0] = MARKET_BUY
        kind[first] |= MARKET_BUY  # the first order of a small day is filled and settled on it
        limit = kind <= LIMIT_SELL
        submitted = created + np.where(limit, self._waits(ids), 0)
        completed = submitted + draw["fill"].integers(ids, 1, 301)
        settled = completed + draw["settle"].integers(
            ids, 5, MAXIMUM_SETTLEMENT_DAYS * SECONDS_A_DAY
        )
        in_time = 5 + (settled[first] - completed[first]) % (SECONDS_A_DAY - _ASSURED_BY - 400)
        settled[first] = completed[first] + in_time
        cancelled = limit & draw["cancel"].chance(ids, _CANCELLED_SHARE)
        symbol = self._symbols(ids, days)
        return Trades(
            ids, kind, created, submitted, completed, settled, cancelled, ids.copy(),
            self._accounts(ids, days), symbol, self._quantities(ids, symbol, created),
        )  # fmt: skip

    def _seconds(self, ids: Integers) -> Integers:
        """Seconds of the day at which orders are created, in no order."""
        return self._random["time"].integers(ids, 0, SECONDS_A_DAY)

    def _kinds(self, ids: Integers) -> Integers:
        drawn = self._random["type"].uniform(ids)
        return sum((drawn >= edge).astype(np.int64) for edge in self.type_edges[1:]) + (
            drawn >= self.type_edges[0]
        )

    def _waits(self, ids: Integers) -> Integers:
        """Seconds that limit orders wait."""
        return self._random["wait"].integers(ids, 30, MAXIMUM_WAIT_DAYS * SECONDS_A_DAY - 30)

    def _quantities(self, ids: Integers, symbols: Integers, created: Integers) -> Integers:
        """Shares of buys; sells take those of their lots."""
        del symbols, created  # any number of shares, whatever they cost
        return self._random["quantity"].integers(ids, 10, 10_001)

    def _midnight_orders(self, ids: Integers) -> Integers:
        """Market buys of a day's last second: they stay submitted at the end of their batch.

        They are counted back from the last historical day, those of daily batches from 10**6 on.
        All other trades have -1.
        """
        days = self.day_of(ids)
        back = HISTORY_TRADE_DAYS - 1 - days
        last = ids == self.first_number(days + 1) - 1
        whole = back % self._open_step == 0
        return np.where(last & whole, np.where(back < 0, 10**6 - back, back // self._open_step), -1)

    def _accounts(self, ids: Integers, days: Integers) -> Integers:
        return self._random["account"].integers(ids, 0, self.customers_known(days))

    def customers_known(self, days: Integers) -> Integers:
        """Customers that trades and watches of a day of trading may name: it grows evenly."""
        total = self._customers_after[0]
        growing = np.maximum(total * (days + 1) // HISTORY_TRADE_DAYS, min(20, total))
        later = np.clip(days - HISTORY_TRADE_DAYS + 1, 0, len(self._customers_after) - 1)
        return np.where(later > 0, self._customers_after[later], growing)

    def _popularity(self, ids: Integers) -> Floats:
        """Place of the trades' securities among the listed ones, as a share of them."""
        return self._random["symbol"].uniform(ids)

    def _symbols(self, ids: Integers, days: Integers) -> Integers:
        segments = self._newswire.segment(self._plan.first_trade_day + days)
        symbols = np.empty(len(ids), dtype=np.int64)
        for segment in np.unique(segments):
            chosen = segments == segment
            universe = self._newswire.universe(int(segment))
            places = (self._popularity(ids[chosen]) * len(universe)).astype(np.int64)
            symbols[chosen] = universe[places]
        return symbols

    def _matched(self, number: int) -> Trades:
        trades = self._raw(number)
        sells = np.flatnonzero(trades.sell & ~trades.cancelled)
        kind, opener = trades.kind.copy(), trades.opener.copy()
        columns = (trades.account.copy(), trades.symbol.copy(), trades.quantity.copy())
        if number < self._lag:
            matched, lots = sells[:0], sells[:0]
        else:
            earlier = self._raw(number - self._lag)
            buys = np.flatnonzero(~earlier.sell & ~earlier.cancelled)
            first, second = first_in_first_out(earlier.completed[buys], trades.completed[sells])
            lots, matched = buys[first], sells[second]
            opener[matched] = earlier.number[lots]
            for column, source in zip(
                columns, (earlier.account, earlier.symbol, earlier.quantity), strict=True
            ):
                column[matched] = source[lots]
        kind[np.setdiff1d(sells, matched)] -= 1  # a sell without a lot is a buy
        return Trades(
            trades.number, kind, trades.created, trades.submitted, trades.completed,
            trades.settled, trades.cancelled, opener, *columns,
        )  # fmt: skip

    # Values that only the files need -----------------------------------------------------------

    def bids(self, trades: Trades) -> Integers:
        """Bid prices in cents, 1.01 to 10.00."""
        return self._random["bid"].integers(trades.number, 101, 1001)

    def prices(self, trades: Trades) -> Integers:
        """Prices of completion in cents, within 5 % of the bid."""
        factor = 0.95 + 0.1 * self._random["price"].uniform(trades.number)
        return np.rint(self.bids(trades) * factor).astype(np.int64)

    def in_cash(self, ids: Integers) -> Integers:
        """1 for the fifth that is paid in cash."""
        return self._random["in cash"].chance(ids, 0.2).astype(np.int64)

    def executors(self, trades: Trades, brokers: Integers) -> Integers:
        """The executing broker, any of them."""
        return brokers[self._random["executor"].integers(trades.number, 0, len(brokers))]

    def charges(self, trades: Trades, value: Integers) -> tuple[Integers, Integers, Integers]:
        """Fee, commission and tax in cents; a few fees or commissions exceed the value."""
        draw, total, ids = self._random, HISTORY_TRADE_DAYS // self._open_step, trades.number
        spots = [total * place // 7 for place in range(1, 7)]
        order = self._midnight_orders(ids)
        wrong = draw["wrong"].uniform(ids)
        wrong_fee = (wrong < _INVALID_SHARE) | np.isin(order, spots[::2])
        wrong_commission = (wrong > 1 - _INVALID_SHARE) | np.isin(order, spots[1::2])
        fee, commission, tax = self._usual_charges(trades, value)
        return (
            self._charge(ids, value, "fee", fee, wrong_fee),
            self._charge(ids, value, "commission", commission, wrong_commission),
            _rounded(tax * value),
        )

    def _usual_charges(self, trades: Trades, value: Integers) -> tuple[Floats, Floats, Floats]:
        """Fee, commission and tax as shares of the value."""
        del value  # it does not matter here
        draw, ids = self._random, trades.number
        fee, commission = (0.005 * draw[name].uniform(ids) for name in ("fee", "commission"))
        return fee, commission, 0.05 + 0.35 * draw["tax"].uniform(ids)

    def _charge(
        self, ids: Integers, value: Integers, name: str, usual: Floats, wrong: Booleans
    ) -> Integers:
        excessive = 1.1 + self.excess * self._random[f"wrong {name}"].uniform(ids)
        return _rounded(np.where(wrong, excessive, usual) * value)

    def cash(self, trades: Trades, symbols: Text) -> tuple[Integers, Integers, Integers, Text]:
        """Cash that settled trades move: position in `trades`, offset of the sequence number
        (3: the trade itself), amount in cents and what the account's owner reads of it.
        """
        del symbols  # the text says nothing
        ids = trades.number
        amount = self.settlements(ids)
        return (
            np.arange(len(ids)),
            np.full(len(ids), 3),
            np.where(trades.sell, amount, -amount),
            self._cash_names.texts(ids),
        )

    @cached_property
    def _cash_names(self) -> RandomText:
        return RandomText(self._plan.random["cash"]["name"], 10, 100, pieces=65_536)

    def settlements(self, ids: Integers) -> Integers:
        """Magnitudes in cents: 55 % thousands, 30 % ten thousands, 15 % hundred thousands."""
        drawn = self._random["decade"].uniform(ids)
        decade = 10 ** (5 + (drawn >= 0.55).astype(np.int64) + (drawn >= 0.85))
        return decade + (self._random["amount"].uniform(ids) * 9 * decade).astype(np.int64)


def first_in_first_out(buys: Integers, sells: Integers) -> tuple[Integers, Integers]:
    """Pair sells with earlier buys by time, first in first out, each at most once.

    Returns positions in `buys` and in `sells`, parallel. A sell with no unsold buy strictly before
    it stays unpaired.
    """
    keys = np.concatenate((buys * 2 + 1, sells * 2))  # at equal times the sell comes first
    order = np.argsort(keys, kind="stable")
    steps = np.where(order < len(buys), 1, -1)
    balance = np.cumsum(steps)
    lowest = np.minimum.accumulate(np.concatenate(([0], balance)))
    paired = (steps == 1) | (balance >= lowest[:-1])
    sold = order[(steps == -1) & paired] - len(buys)
    bought = order[steps == 1]
    return bought[: len(sold)], sold


def _rounded(amounts: Floats) -> Integers:
    return np.rint(amounts).astype(np.int64)
