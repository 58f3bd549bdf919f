"""Other scales, seeds and starts keep the same rules; a year of days does, too."""

import datetime
from pathlib import Path

import duckdb
import pytest

from tests.simulator.conftest import DEFAULT_START, load, simulate
from tests.simulator.test_consistency import ORPHANS, VIOLATIONS
from tests.simulator.test_simulation import digests


def broken_rules(landing: Path, batches: int) -> list[str]:
    """Names of the rules that a landing directory breaks."""
    with duckdb.connect() as connection:
        load(connection, landing, batches)
        return [
            name
            for name, sql in (ORPHANS | VIOLATIONS).items()
            if any(row[0] for row in connection.sql(sql).fetchall())
        ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scale", "seed", "start"),
    [
        (0.01, 5, datetime.date(2020, 1, 1)),
        (0.3, 9, datetime.date(2024, 3, 1)),
        (1, 3, datetime.date(1999, 12, 31)),
        (0.7, 12345678901, datetime.date(1985, 1, 1)),
        (0.1, 2, datetime.date(2050, 12, 29)),
    ],
)
def test_other_brokerages_keep_the_rules(
    tmp_path: Path, scale: float, seed: int, start: datetime.date
) -> None:
    simulate(scale, 3, seed, start, tmp_path / "landing")
    assert broken_rules(tmp_path / "landing", 4) == []


@pytest.mark.slow
def test_a_year_of_days_is_sound_and_may_be_appended(tmp_path: Path) -> None:
    whole, appended = tmp_path / "whole", tmp_path / "appended"
    simulate(0.1, 365, 1, DEFAULT_START, whole)
    for days in (120, 121, 365):
        simulate(0.1, days, 1, DEFAULT_START, appended)
    assert digests(appended) == digests(whole)
    assert broken_rules(whole, 366) == []
    names = ("Account", "CashTransaction", "Customer", "DailyMarket", "HoldingHistory", "Trade",
             "WatchHistory")  # fmt: skip
    for batch in range(2, 367):
        for name in names:
            assert (whole / f"Batch{batch}" / f"{name}.txt").stat().st_size > 0, (batch, name)
    wires = {path.name for path in whole.glob("Batch*/FINWIRE*") if path.parent.name != "Batch1"
             and "audit" not in path.name}  # fmt: skip
    assert wires == {"FINWIRE2017Q4", "FINWIRE2018Q1", "FINWIRE2018Q2", "FINWIRE2018Q3"}
    assert len(list(whole.glob("Batch*/HR.csv"))) == 14
