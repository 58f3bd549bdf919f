"""Exchange rates and branch targets reach the marts of a release: new, changed and late ones."""

import json
import shutil
import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.compare_gold import compare_files
from tests.ingestion.conftest import record, status, stream
from tests.tradehouse.conftest import Finished
from tests.tradehouse.support import PROJECT, command, copy_home, copy_project, deliver, gold

pytestmark = [pytest.mark.xdist_group("run"), pytest.mark.slow]

DAY = {"type": "string", "format": "date"}
OFFERED = {
    "exchange_rates": stream("rates", day=DAY, currency="string", rate="number"),
    "branch_targets": stream("targets", branch="string", month="string", target_usd="number"),
}
Rates = dict[tuple[str, str], str]


class Bank:
    """A home with a published brokerage, and both sources played in place of their connectors."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.project, self.folder = home, folder / "project", folder
        copy_project(self.project)
        program = PROJECT / "tests" / "ingestion" / "played_source.py"
        for source, offered in OFFERED.items():
            (folder / source).mkdir()
            (folder / source / "streams.json").write_text(json.dumps([offered]))
            mode = "append" if source == "exchange_rates" else "overwrite"
            declared = {
                "description": source,
                "owner": "data-platform",
                "connector": {"command": [sys.executable, str(program), str(folder / source)]},
                "streams": {offered["name"]: {"sync_mode": f"full_refresh_{mode}"}},
            }
            path = self.project / "ingestion" / "sources" / f"{source}.yml"
            path.write_text(json.dumps(declared))

    def say(self, rates: Rates) -> None:
        """The bank's list from now on: units for a dollar by day and currency."""
        rows = [
            {"day": day, "currency": currency, "rate": float(rate)}
            for (day, currency), rate in rates.items()
        ]
        self._play("exchange_rates", "rates", rows)

    def aim(self, targets: dict[tuple[str, str], str]) -> None:
        """The partner's list from now on: commissions by branch and month."""
        rows = [
            {"branch": branch, "month": month, "target_usd": float(target)}
            for (branch, month), target in targets.items()
        ]
        self._play("branch_targets", "targets", rows)

    def _play(self, source: str, name: str, rows: list[dict[str, Any]]) -> None:
        lines = [*(record(name, row) for row in rows), status(name)]
        (self.folder / source / "output.jsonl").write_text("\n".join(lines) + "\n")
        behaviour = {"exit_code": 0, "stderr": "", "sleep": 0}
        (self.folder / source / "behaviour.json").write_text(json.dumps(behaviour))

    def run(self, *arguments: str) -> str:
        done = command(self.home, "run", *arguments, project=self.project)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def traded(self) -> list[tuple[Any, ...]]:
        return gold(
            self.home,
            "select customer_id, month_start_date, currency, trades_completed,"
            " trades_at_earlier_rate, trades_without_rate, traded_value_usd, traded_value"
            " from gold.mart_customer_monthly_trading where trades_completed > 0 order by all",
        )

    def expected(self, rates: Rates) -> list[tuple[Any, ...]]:
        """What `traded` has to be, from the star schema and a list of rates."""
        found: dict[tuple[Any, ...], list[Any]] = {}
        trades = gold(
            self.home,
            "select customer_id, country, date_value, quantity * trade_price"
            " from gold.dim_trade join gold.dim_customer using (sk_customer_id)"
            " join gold.dim_date on sk_close_date_id = sk_date_id"
            " where dim_trade.status = 'Completed'",
        )
        known = sorted(
            (date.fromisoformat(day), rate)
            for (day, currency), rate in rates.items()
            if currency == "CAD"
        )
        for customer, country, day, value in trades:
            currency = "CAD" if country == "Canada" and known else "USD"
            before = [one for one in known if one[0] <= day]
            rate = Decimal(before[-1][1]) if before else None
            own = 1 if currency == "USD" else rate
            one = found.setdefault((customer, day.replace(day=1), currency), [0, 0, 0, 0, 0])
            one[0] += 1
            one[1] += currency == "CAD" and bool(before) and before[-1][0] < day
            one[2] += own is None
            one[3] += value
            one[4] = None if own is None or one[4] is None else one[4] + value * own
        return sorted(
            (*key, *one[:3], one[3], None if one[4] is None else round(one[4], 2))
            for key, one in found.items()
        )

    def reached(self) -> list[tuple[Any, ...]]:
        return gold(
            self.home,
            "select branch, month_start_date, target_usd from gold.mart_branch_monthly_targets"
            " where target_usd is not null order by all",
        )


@pytest.fixture
def bank(finished: Finished, tmp_path: Path) -> Bank:
    one = Bank(copy_home(finished.home, tmp_path / "home"), tmp_path)
    one.say({})
    one.aim({})
    return one


def completed_days(bank: Bank) -> list[date]:
    query = (
        "select distinct date_value from gold.dim_trade"
        " join gold.dim_customer using (sk_customer_id)"
        " join gold.dim_date on sk_close_date_id = sk_date_id"
        " where dim_trade.status = 'Completed' and country = 'Canada' order by all"
    )
    return [day for (day,) in gold(bank.home, query)]


def test_rates_and_targets_reach_the_release_in_any_order(bank: Bank, tmp_path: Path) -> None:
    # Nothing of either: one currency, no targets.
    assert {row[2] for row in bank.traded()} == {"USD"}
    assert bank.traded() == bank.expected({})
    assert bank.reached() == []

    # A rate that is younger than the trade.
    [day] = completed_days(bank)
    rates = {(str(day + timedelta(40)), "CAD"): "9", (str(day), "EUR"): "0.5"}
    bank.say(rates)
    bank.run()
    assert bank.traded() == bank.expected(rates)
    assert ("CAD", 1, 0, 1, None) in [(*row[2:6], row[7]) for row in bank.traded()]

    # A late one, with a target and with the brokerage's next day.
    rates[str(day - timedelta(1)), "CAD"] = "1.25"
    bank.say(rates)
    bank.aim({("Branch on the Green", "2019-06-01"): "70.00"})
    deliver(bank.home, days=2)
    bank.run()
    assert bank.traded() == bank.expected(rates)
    assert {row[4:6] for row in bank.traded() if row[2] == "CAD"} == {(1, 0)}
    assert bank.reached() == [("Branch on the Green", date(2019, 6, 1), Decimal("70.00"))]

    # A changed one, and the one of the trade's own day.
    rates |= {(str(day - timedelta(1)), "CAD"): "1.3", (str(day), "CAD"): "1.4"}
    bank.say(rates)
    assert "out of reach of new rows" in bank.run("--source", "exchange_rates")
    assert bank.traded() == bank.expected(rates)
    assert {row[4:6] for row in bank.traded() if row[2] == "CAD"} >= {(0, 0)}

    # A changed target alone.
    bank.aim({("Branch on the Green", "2019-06-01"): "80.00", ("Nowhere", "2019-06-01"): "1.00"})
    assert "out of reach of new rows" in bank.run("--source", "branch_targets")
    assert [row[2] for row in bank.reached()] == [Decimal("80.00"), Decimal("1.00")]

    # The same from nothing, and of all at once.
    by_load = tmp_path / "by_load.duckdb"
    shutil.copy(bank.home / "releases/current/tradehouse.duckdb", by_load)
    bank.run("--rebuild")
    assert compare_files(by_load, bank.home / "releases/current/tradehouse.duckdb") == []
