"""Trade files: trades, their history, cash and holdings, cut at the end of a batch's day.

Belongs here: layouts of `Trade.txt`, `TradeHistory.txt`, `CashTransaction.txt` and
`HoldingHistory.txt`, historical and daily, and their audit counts. Values come from `trades`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simulator import text
from simulator.newswire import Newswire
from simulator.randomness import Booleans, Integers
from simulator.text import DataFile, Text
from simulator.trades import LIMIT_SELL, OPEN_DAYS, TYPE_CODES, TradeBook, Trades
from simulator.volumes import HISTORY_TRADE_DAYS, SECONDS_A_DAY, Plan

PENDING, SUBMITTED, COMPLETED, CANCELLED = range(4)
STATES = ("PNDG", "SBMT", "CMPT", "CNCL")
HISTORY_FILES = ("Trade.txt", "TradeHistory.txt", "CashTransaction.txt", "HoldingHistory.txt")
DAILY_FILES = ("Trade.txt", "CashTransaction.txt", "HoldingHistory.txt")


class TradeFiles:
    """Renders the historical trades and those of any day."""

    def __init__(self, plan: Plan, book: TradeBook, brokers: Integers, newswire: Newswire) -> None:
        self._plan, self._book, self._brokers = plan, book, brokers
        self._symbols = newswire.symbols()

    def history(self, directory: Path, chunk_rows: int) -> dict[str, Counter[str]]:
        """Write the four historical files; returns their audit counts by file."""
        size = self._book.group_days * self._plan.trades_a_day
        step = max(1, chunk_rows // size) * self._book.group_days
        counts: dict[str, Counter[str]] = {name: Counter() for name in HISTORY_FILES}
        with (
            DataFile(directory / "Trade.txt") as trade_file,
            DataFile(directory / "TradeHistory.txt") as history_file,
            DataFile(directory / "CashTransaction.txt") as cash_file,
            DataFile(directory / "HoldingHistory.txt") as holding_file,
        ):
            for first in range(0, HISTORY_TRADE_DAYS, step):
                last = min(first + step, HISTORY_TRADE_DAYS) - 1
                trades = self._book.created_between(first, last)
                self._history_trades(trades, trade_file, counts["Trade.txt"])
                self._state_changes(trades, history_file, counts["TradeHistory.txt"])
                end = (self._plan.history_end + 1) * SECONDS_A_DAY
                done = trades.take(~trades.cancelled & (trades.completed < end))
                holding_file.write(text.lines(*self._holdings(done)))
                settled = done.take(done.settled < end)
                cash_file.write(text.lines(*self._cash(settled)[1:]))
            _count_rows(counts, trade_file.rows, cash_file.rows, holding_file.rows)
            counts["TradeHistory.txt"]["TH_Records"] = history_file.rows
            counts["Trade.txt"]["T_NEW"] = trade_file.rows
        return counts

    def day(self, directory: Path, day: int) -> dict[str, Counter[str]]:
        """Write the three files of daily batch `day` (1 is the first); returns audit counts."""
        today = HISTORY_TRADE_DAYS - 1 + day
        trades = self._book.created_between(today - OPEN_DAYS, today)
        begin = (self._plan.first_trade_day + today) * SECONDS_A_DAY
        counts: dict[str, Counter[str]] = {name: Counter() for name in DAILY_FILES}

        def falls_today(moments: Integers) -> Booleans:
            return (moments >= begin) & (moments < begin + SECONDS_A_DAY)

        with (
            DataFile(directory / "Trade.txt") as trade_file,
            DataFile(directory / "CashTransaction.txt") as cash_file,
            DataFile(directory / "HoldingHistory.txt") as holding_file,
        ):
            events = self._day_events(trades, falls_today, counts["Trade.txt"])
            trade_file.write(events)
            done = ~trades.cancelled
            filled = trades.take(done & falls_today(trades.completed))
            flag = text.where(filled.number >= 0, "I", "I")
            numbers = text.numbers(4 * filled.number + 2)
            holding_file.write(text.lines(flag, numbers, *self._holdings(filled)))
            settled = trades.take(done & falls_today(trades.settled))
            number, *columns = self._cash(settled)
            flag = text.where(number >= 0, "I", "I")
            cash_file.write(text.lines(flag, text.numbers(number), *columns))
            _count_rows(counts, trade_file.rows, cash_file.rows, holding_file.rows)
        return counts

    def _history_trades(self, trades: Trades, file: DataFile, counts: Counter[str]) -> None:
        end = (self._plan.history_end + 1) * SECONDS_A_DAY
        state = np.full(len(trades.number), SUBMITTED)
        state[trades.limit & (trades.submitted >= end)] = PENDING
        state[~trades.cancelled & (trades.completed < end)] = COMPLETED
        state[trades.cancelled & (trades.submitted < end)] = CANCELLED
        entered = np.choose(
            state, (trades.created, trades.submitted, trades.completed, trades.submitted)
        )
        file.write(text.lines(*self._trade_columns(trades, state, entered, counts)))

    def _trade_columns(
        self, trades: Trades, state: Integers, entered: Integers, counts: Counter[str]
    ) -> list[Text]:
        """The fourteen columns of a trade in a state, and what the audit counts of them."""
        ids, book = trades.number, self._book
        price = book.prices(trades)
        value = price * trades.quantity
        fee, commission, tax = book.charges(trades, value)
        done = state == COMPLETED
        counts["T_CanceledTrades"] += int((state == CANCELLED).sum())
        counts["T_InvalidCommision"] += int((done & (commission > value)).sum())
        counts["T_InvalidCharge"] += int((done & (fee > value)).sum())
        return [
            text.numbers(ids),
            text.timestamps(entered),
            text.choose(STATES, state),
            text.choose(TYPE_CODES, trades.kind),
            text.numbers(book.in_cash(ids)),
            text.choose(self._symbols, trades.symbol),
            text.numbers(trades.quantity),
            text.decimals(book.bids(trades)),
            text.numbers(trades.account),
            text.numbers(book.executors(trades, self._brokers)),
            *(
                text.blanked(~done, text.decimals(amount))
                for amount in (price, fee, commission, tax)
            ),
        ]

    def _state_changes(self, trades: Trades, file: DataFile, counts: Counter[str]) -> None:
        """History rows in order of trade and time, up to the end of the history."""
        end = (self._plan.history_end + 1) * SECONDS_A_DAY
        limit, ids = trades.limit, trades.number
        middle = np.where(trades.cancelled, CANCELLED, SUBMITTED)
        moments = np.stack((trades.created, trades.submitted, trades.completed), axis=1)
        states = np.stack(
            (np.where(limit, PENDING, SUBMITTED), middle, np.full(len(ids), COMPLETED)), axis=1
        )
        present = moments < end
        present[:, 1] &= limit
        present[:, 2] &= ~trades.cancelled
        chosen = present.ravel()
        numbers = np.repeat(ids, 3)[chosen]
        file.write(
            text.lines(
                text.numbers(numbers),
                text.timestamps(moments.ravel()[chosen]),
                text.choose(STATES, states.ravel()[chosen]),
            )
        )
        rows = present.sum(axis=1)
        for kind, code in enumerate(TYPE_CODES):
            counts[f"TH_{code}Trades"] += int(rows[trades.kind == kind].sum())
        closed = trades.cancelled & (trades.kind <= LIMIT_SELL) & present[:, 1]
        counts["TH_CanceledLTrades"] += int(closed.sum())

    def _day_events(
        self, trades: Trades, falls_today: Callable[[Integers], Booleans], counts: Counter[str]
    ) -> Text:
        """Change rows of a day in order of their sequence numbers `4 * trade + state`."""
        created = np.flatnonzero(falls_today(trades.created))
        middle = np.flatnonzero(trades.limit & falls_today(trades.submitted))
        done = np.flatnonzero(~trades.cancelled & falls_today(trades.completed))
        rows = np.concatenate((created, middle, done))
        first = np.where(trades.limit[created], PENDING, SUBMITTED)
        second = np.where(trades.cancelled[middle], CANCELLED, SUBMITTED)
        state = np.concatenate((first, second, np.full(len(done), COMPLETED)))
        entered = np.concatenate(
            (trades.created[created], trades.submitted[middle], trades.completed[done])
        )
        offset = np.array([0, 1, 2, 1])[state]  # cancelled shares the number of submitted
        dsn = 4 * trades.number[rows] + offset
        inserted = np.arange(len(rows)) < len(created)
        order = np.argsort(dsn, kind="stable")
        counts["T_NEW"] = len(created)
        columns = self._trade_columns(
            trades.take(rows[order]), state[order], entered[order], counts
        )
        return text.lines(text.where(inserted[order], "I", "U"), text.numbers(dsn[order]), *columns)

    def _holdings(self, trades: Trades) -> list[Text]:
        zero = np.zeros(len(trades.number), dtype=np.int64)
        return [
            text.numbers(trades.opener),
            text.numbers(trades.number),
            text.numbers(np.where(trades.sell, trades.quantity, zero)),
            text.numbers(np.where(trades.sell, zero, trades.quantity)),
        ]

    def _cash(self, trades: Trades) -> list[Any]:
        """Sequence numbers, and the four columns, of the cash that settled trades move."""
        row, offset, amount, name = self._book.cash(trades, self._symbols)
        return [
            4 * trades.number[row] + offset,
            text.numbers(trades.account[row]),
            text.timestamps(trades.settled[row]),
            text.decimals(amount),
            name,
        ]


def _count_rows(counts: dict[str, Counter[str]], trades: int, cash: int, holdings: int) -> None:
    counts["Trade.txt"]["T_Records"] = trades
    counts["CashTransaction.txt"]["CT_Records"] = cash
    counts["HoldingHistory.txt"]["HH_RECORDS"] = holdings
