"""One simulated brokerage in memory, and how it writes the files of a batch into a directory.

Belongs here: which files a batch has and their audit counts. Does not belong here: where batches
lie and how they become visible (`delivery_directory`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import numpy as np

from simulator import reference
from simulator.audits import Written
from simulator.counts import (
    account_counts,
    customer_counts,
    prices_written,
    settlements_written,
    trades_written,
    watches_written,
)
from simulator.crm import ADDACCT, NEW
from simulator.crm_document import XML_HEAD, XML_TAIL, CrmXml
from simulator.employees import list_number
from simulator.images import Images, age_and_tier_counts
from simulator.newswire import Quarter
from simulator.profiles import profile_of
from simulator.text import LINE_END, DataFile
from simulator.trade_files import TradeFiles
from simulator.trades import OPEN_DAYS, group_days
from simulator.volumes import FIRST_NEWSWIRE_YEAR, Plan, date_of


class Brokerage:
    """The brokerage from its history up to `days` daily batches.

    `chunk_rows` bounds the rows rendered at once and `workers` the threads that write the history;
    neither changes a byte.
    """

    def __init__(self, plan: Plan, days: int, workers: int = 2, chunk_rows: int = 60_000) -> None:
        self.plan, self.days = plan, days
        self._workers, self._chunk_rows = workers, chunk_rows
        profile = profile_of(plan)
        self.crm = profile.crm(plan, days)
        self.employees = profile.employees(plan)
        known = self.crm.customers_after[0]
        opened = len(self.crm.history.of(NEW, ADDACCT))
        self.customers = profile.customers(plan, frozenset({known}))
        self.accounts = profile.accounts(plan, self.employees, frozenset({opened}))
        self.newswire = profile.newswire(plan, days)
        remembered = OPEN_DAYS // group_days(plan) + 4
        self.book = profile.book(plan, self.newswire, self.crm, self.accounts, remembered)
        self.trades = TradeFiles(plan, self.book, self.employees.brokers, self.newswire)
        self.markets = profile.markets(plan, self.newswire)
        self.watches = profile.watches(plan, self.book, self.newswire, days)
        self.prospects = profile.prospects(plan, self.crm, self.customers)
        self.images = Images(self.customers, self.accounts, self.crm)
        self._newswire_files = profile.newswire_files(plan, self.newswire)

    # History -----------------------------------------------------------------------------------

    def write_history(self, directory: Path) -> list[Written]:
        """Write the historical batch into an existing directory."""
        tasks: list[Callable[[Path], list[Written]]] = [
            self._historical_trades,
            self._historical_prices,
            self._historical_watches,
            self._archive,
            self._historical_people,
            self._reference_files,
        ]
        with ThreadPoolExecutor(self._workers) as pool:
            results = list(pool.map(lambda task: task(directory), tasks))
        self._batch_date(directory, 1)
        return [written for result in results for written in result]

    def skip_history(self) -> None:
        """Come to the state after the historical batch without writing it."""
        self.watches.history(None, 1_000_000)

    def _historical_trades(self, directory: Path) -> list[Written]:
        counts = self.trades.history(directory, self._chunk_rows)
        cash = counts["CashTransaction.txt"]["CT_Records"]
        holdings = counts["HoldingHistory.txt"]["HH_RECORDS"]
        return [
            trades_written(counts["Trade.txt"]),
            Written(
                "TradeHistory.txt",
                counts["TradeHistory.txt"]["TH_Records"],
                (("DimTradeHistory", counts["TradeHistory.txt"]),),
            ),
            *settlements_written(cash, holdings),
        ]

    def _historical_prices(self, directory: Path) -> list[Written]:
        rows = self.markets.history(directory, self._chunk_rows)
        return [prices_written(rows)]

    def _historical_watches(self, directory: Path) -> list[Written]:
        active = self.watches.history(directory, self._chunk_rows)
        return [watches_written(self.watches.rows, active)]

    def _archive(self, directory: Path) -> list[Written]:
        """Quarters are rendered together, about as many rows at once as elsewhere."""
        rows = np.cumsum([len(quarter) for quarter in self.newswire.history])
        chunks = groupby(zip(rows // self._chunk_rows, self.newswire.history, strict=True),
                         key=lambda pair: int(pair[0]))  # fmt: skip
        return [
            written
            for _, chunk in chunks
            for written in self._quarters(directory, [quarter for _, quarter in chunk])
        ]

    def _quarters(self, directory: Path, quarters: list[Quarter]) -> list[Written]:
        written = []
        files = self._newswire_files.files(quarters)
        for quarter, (rows, counts) in zip(quarters, files, strict=True):
            year, number = FIRST_NEWSWIRE_YEAR + quarter.number // 4, quarter.number % 4 + 1
            name = f"FINWIRE{year}Q{number}"
            with DataFile(directory / name) as file:
                file.write(rows)
            sets = (("DimSecurity", "FW_SEC"), ("DimCompany", "FW_CMP"), ("Financial", "FW_FIN"))
            audits = tuple(
                (data_set, {kind: counts[kind], f"{kind}_DUP": -1}) for data_set, kind in sets
            )
            written.append(Written(name, len(rows), audits))
        return written

    def _historical_people(self, directory: Path) -> list[Written]:
        xml = CrmXml(self.crm, self.customers, self.accounts)
        with DataFile(directory / "CustomerMgmt.xml") as file:
            file.write_text(XML_HEAD)
            for chunk in xml.chunks(min(self._chunk_rows, 20_000)):
                file.write(chunk)
            file.write_text(XML_TAIL)
        history = self.crm.history
        created = history.customer[history.kind == NEW]
        counts = age_and_tier_counts(
            self.customers.birth_days(created),
            self.customers.initial("tier", created),
            self.plan.history_end,
        )
        management = Written(
            "CustomerMgmt.xml",
            len(history),
            (
                ("DimAccount", account_counts(history, historical=True)),
                ("DimCustomer", customer_counts(history, counts)),
            ),
        )
        listed = self._prospect_list(directory, new=self.prospects.count)
        return [management, self._employee_list(directory, 0), listed]

    def _reference_files(self, directory: Path) -> list[Written]:
        written = []
        for name, rows in (("Date.txt", reference.calendar()), ("Time.txt", reference.clock())):
            with DataFile(directory / name) as file:
                file.write(rows)
            written.append(Written(name, len(rows)))
        for name, content in reference.code_lists().items():
            (directory / name).write_bytes(content.encode())
            written.append(Written(name, content.count(LINE_END)))
        return written

    # Daily batches -----------------------------------------------------------------------------

    def write_day(self, day: int, directory: Path) -> list[Written]:
        """Write daily batch `day` (1 is batch 2) into an existing directory.

        Days must be written or skipped in order.
        """
        self.prospects.advance()
        counts = self.trades.day(directory, day)
        cash = counts["CashTransaction.txt"]["CT_Records"]
        holdings = counts["HoldingHistory.txt"]["HH_RECORDS"]
        first_price = self.markets.rows_before(day) + 1
        written = [
            trades_written(counts["Trade.txt"]),
            *settlements_written(cash, holdings),
            prices_written(self.markets.day(directory, day, first_price)),
            watches_written(*self.watches.day(directory, day)),
            *self._daily_people(directory, day),
            self._prospect_list(directory, new=self.plan.prospects_replaced),
        ]
        if self.plan.newswire == "continuing" and list_number(day) > list_number(day - 1):
            written.append(self._employee_list(directory, list_number(day)))
        if day in self.newswire.daily:
            written += self._quarters(directory, [self.newswire.daily[day]])
        self._batch_date(directory, day + 1)
        return written

    def skip_day(self, day: int) -> None:
        """Come to the state after daily batch `day` without writing it."""
        self.prospects.advance()
        self.watches.day(None, day)
        self.images.skip(self.crm.daily[day - 1])

    def _daily_people(self, directory: Path, day: int) -> list[Written]:
        actions = self.crm.daily[day - 1]
        customers, accounts, counts = self.images.day(actions, self.plan.history_end + day)
        written = []
        for name, rows in (("Customer.txt", customers), ("Account.txt", accounts)):
            with DataFile(directory / name) as file:
                file.write(rows)
        written.append(
            Written(
                "Customer.txt",
                len(customers),
                (("DimCustomer", customer_counts(actions, counts)),),
            )
        )
        books = account_counts(actions, historical=False)
        written.append(Written("Account.txt", len(accounts), (("DimAccount", books),)))
        return written

    # Shared ------------------------------------------------------------------------------------

    def _batch_date(self, directory: Path, batch: int) -> None:
        day = date_of(self.plan.batch_day(batch))
        (directory / "BatchDate.txt").write_bytes(f"{day}{LINE_END}".encode())

    def _employee_list(self, directory: Path, number: int) -> Written:
        rows, brokers = self.employees.rows(number)
        with DataFile(directory / "HR.csv") as file:
            file.write(rows)
        return Written("HR.csv", len(rows), (("DimBroker", {"HR_BROKERS": brokers}),))

    def _prospect_list(self, directory: Path, new: int) -> Written:
        with DataFile(directory / "Prospect.csv") as file:
            for first in range(0, self.prospects.count, self._chunk_rows):
                file.write(self.prospects.chunk(first, self._chunk_rows))
            counts = {
                "P_RECORDS": file.rows,
                "P_NEW": new,
                "P_C_MATCHING": self.prospects.matching(),
            }
            return Written("Prospect.csv", file.rows, (("Prospect", counts),))
