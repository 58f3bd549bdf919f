"""What the audit files say of the files that every batch has.

Belongs here: names of data sets and figures. Does not belong here: the layout of audit files
(`audits`) and the counting itself, which the modules that make the rows do.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.audits import Written
from simulator.crm import ADDACCT, CLOSEACCT, INACT, NEW, UPDACCT, UPDCUST, Actions


def trades_written(counts: Mapping[str, int]) -> Written:
    """Trades."""
    names = (
        "T_Records", "T_NEW", "T_CanceledTrades", "T_InvalidCommision", "T_InvalidCharge",
    )  # fmt: skip
    ordered = {name: counts[name] for name in names}
    return Written("Trade.txt", counts["T_Records"], (("DimTrade", ordered),))


def settlements_written(cash: int, holdings: int) -> list[Written]:
    """Cash and holdings."""
    counts = {
        "CT_Records": cash,
        "CT_Trades": cash,
        "CT_AccountsCreations": 0,
        "CT_UpdatedAccounts": 0,
    }
    return [
        Written("CashTransaction.txt", cash, (("DimTradeHistory", counts),)),
        Written("HoldingHistory.txt", holdings, (("FactHoldings", {"HH_RECORDS": holdings}),)),
    ]


def prices_written(rows: int) -> Written:
    """Daily prices."""
    return Written("DailyMarket.txt", rows, (("FactMarketHistory", {"DM_RECORDS": rows}),))


def watches_written(rows: int, active: int) -> Written:
    """Watches, `active` of them started."""
    counts = {"WH_RECORDS": rows, "WH_ACTIVE": active}
    return Written("WatchHistory.txt", rows, (("FactWatches", counts),))


def account_counts(actions: Actions, historical: bool) -> dict[str, int]:
    """What the audit counts of account actions; the history counts ADDACCT alone."""
    added = len(actions.of(ADDACCT)) if historical else len(actions.of(NEW, ADDACCT))
    return {
        "CA_ADDACCT": added,
        "CA_CLOSEACCT": len(actions.of(CLOSEACCT)),
        "CA_UPDACCT": len(actions.of(UPDACCT)),
        "CA_ID_HIST": -1,
    }


def customer_counts(actions: Actions, values: dict[str, int]) -> dict[str, int]:
    """What the audit counts of customer actions, with those of impossible values."""
    return {
        "C_NEW": len(actions.of(NEW)),
        "C_UPDCUST": len(actions.of(UPDCUST)),
        "C_ID_HIST": 0,
        "C_INACT": len(actions.of(INACT)),
        **values,
    }
