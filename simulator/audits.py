"""Audit files: the expected counts beside every data file and the parameters of the whole.

Belongs here: names and layout of `*_audit.csv` and `digen_report.txt`. Does not belong here: the
counting, which the modules that write the files do.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from simulator.text import LINE_END
from simulator.volumes import CALENDAR_END, CALENDAR_START, Plan, date_of

HEADER = "DataSet, BatchID ,Date , Attribute , Value, DValue"


@dataclass(frozen=True)
class Written:
    """A data file that was written: its name, records and audit counts by data set."""

    name: str
    records: int
    counts: tuple[tuple[str, Mapping[str, int]], ...] = ()

    def write_audit(self, directory: Path, batch: int) -> None:
        """Write the audit file beside it."""
        rows = [
            f"{data_set},{batch},,{attribute},{value},"
            for data_set, attributes in self.counts
            for attribute, value in attributes.items()
        ]
        path = directory / f"{Path(self.name).stem}_audit.csv"
        path.write_bytes(rendered(rows))


def rendered(rows: Iterable[str]) -> bytes:
    """An audit file's content."""
    return "".join(row + LINE_END for row in (HEADER, *rows)).encode()


def batch_audit(batch: int, first: datetime.date, last: datetime.date) -> bytes:
    """`BatchN_audit.csv`: the window of business days that the batch may hold."""
    return rendered([f"Batch,{batch},{first},FirstDay,,", f"Batch,{batch},{last},LastDay,,"])


def report(plan: Plan, records: Mapping[int, int]) -> bytes:
    """`digen_report.txt`: scale and record totals, with bare line feeds."""
    lines = [
        "Brokerage Simulation Report",
        "===========================",
        "",
        f"Scale Factor: {plan.scale:g}",
        f"Seed: {plan.seed}",
        f"First Daily Batch: {plan.start}",
        f"Newswire: {plan.newswire}",
        *(
            f"AuditTotalRecordsSummaryWriter - TotalRecords for Batch{batch}: {count}"
            for batch, count in sorted(records.items())
        ),
        f"AuditTotalRecordsSummaryWriter - TotalRecords all Batches: {sum(records.values())}",
        "",
    ]
    return "\n".join(lines).encode()


def generator(plan: Plan, batches: int) -> bytes:
    """`Generator_audit.csv`: the parameters of the simulation under their customary names."""
    days = {
        "FIRST_BATCH_DATE_START": plan.history_end,
        "CMBeginDate": plan.first_crm_day,
        "CMEndDate": plan.history_end + 1,
        "FWBeginDate": -1096,
        "FWEndDate": plan.history_end,
        "THistBeginDate": plan.first_trade_day - 1,
        "THistEndDate": plan.history_end,
        "DMBeginDate": plan.first_price_day,
        "DMEndDate": plan.history_end,
        "WHBeginDate": plan.first_trade_day,
        "WHEndDate": plan.history_end,
    }
    dated = {name: str(date_of(day)) for name, day in days.items()}
    dated["DateBeginDate"] = str(CALENDAR_START)
    dated["DateEndDate"] = str(CALENDAR_END + datetime.timedelta(days=1))
    rows = [
        f"Generator,1,,{name},,{_plain(value)}"
        for name, value in _parameters(plan, batches).items()
    ]
    rows += [f"Generator,1,{day},{name},," for name, day in dated.items()]
    return rendered(rows)


def _parameters(plan: Plan, batches: int) -> dict[str, float]:
    customers, accounts = 5 * plan.people_scale, 10 * plan.people_scale
    history = plan.history_set
    return {
        "SF": plan.thousands,
        "PERCENT_NULL": 0.05,
        "NUMBER_OF_INCREMENTAL_BATCHES": batches - 1,
        "HRScaling": plan.employees / plan.thousands,
        "HRBrokerScale": 0.3,
        "CScaling": 0.005,
        "CInsertPct": history.new / customers,
        "CUpdatePct": history.update / customers,
        "CInactPct": history.inactivate / customers,
        "AScaling": 0.01,
        "AInsertPct": (history.new + history.add_account) / accounts,
        "AUpdatePct": history.update_account / accounts,
        "AInactPct": history.close_account / accounts,
        "CMScaling": 5.0,
        "CMAcctCTierErrPct": 0.001,
        "CMAcctDOBErrPct": 0.001,
        "CMFieldUpdatePct": 0.8,
        "CMUpdateLastID": plan.history_sets,
        "CMHistoricalSize": plan.initial_customers,
        "PHistScaling": plan.prospects / plan.thousands,
        "PNewPct": 0.3,
        "PUpdatedPct": 0.4,
        "PDeletedPct": 0.3,
        "FWCMPScaling": 0.5,
        "FWSECScaling": 0.8,
        "FWSPRatingErrPct": 0.1,
        "FWCIKPct": 0.5,
        "FWQuarters": plan.history_quarters - 1,
        "FWCMPsPerQuarter": plan.companies_a_quarter,
        "FWSECsPerQuarter": plan.securities_a_quarter,
        "THistScaling": 130.0,
        "TIncScaling": 1.3,
        "TLBPerc": 0.3,
        "TLSPerc": 0.3,
        "TMBPerc": 0.2,
        "TMSPerc": 0.2,
        "TLBCNCLRatio": 0.1,
        "TCommInvalidRatio": 0.0001,
        "TChargeInvalidRatio": 0.0001,
        "TMaxSubmitTime": 7_776_000,
        "TMaxCompleteTime": 300,
        "TMaxCashedTime": 432_000,
        "TSTradesPerDay": plan.trades_a_day,
        "WHScalingH": 300.0,
        "WHScalingI": 700.0,
        "WHActivePct": 0.8,
    }


def _plain(value: float) -> str:
    """A figure without an exponent: 7776000, 0.05."""
    return f"{value:.5f}".rstrip("0").rstrip(".")
