"""The comparison sees what differs and agrees with itself; the real sample is met where present."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulator import SimulationError, simulate
from simulator.__main__ import app
from simulator.measures import MEASURES, Measure
from simulator.profile import Compared, compare, markdown, take
from tests.simulator.conftest import DEFAULT_START, Simulated


def test_a_directory_equals_itself(default: Simulated) -> None:
    compared = compare(default.landing, default.landing)
    assert [one.measure for one in compared] == list(MEASURES)
    assert all(abs(one.difference) < 1e-6 and one.is_within for one in compared)


def test_measures_have_their_values(default: Simulated) -> None:
    values = dict(zip((measure.name for measure in MEASURES), take(default.landing), strict=True))
    assert values["CRM actions NEW"] == 471
    assert values["Prospect.csv, batch 1"] == 1_497
    assert values["prospects changed from batch 1 to 2"] == 3
    assert values["prospects gone from batch 1 to 2"] == 3
    assert values["Account.txt, batch 2"] == 6
    market_buys = "select 100 * avg((t_tt_id = 'TMB')::int) from trade where batch = 1"
    assert values["trades TMB, %"] == pytest.approx(float(str(default.value(market_buys))))
    assert values["securities"] == default.value(
        "select count(distinct symbol) from security where batch = 1"
    )


def test_a_differing_file_is_off(default: Simulated, tmp_path: Path) -> None:
    simulate(0.1, 1, 1, DEFAULT_START, tmp_path / "other")
    path = tmp_path / "other" / "Batch1" / "Trade.txt"
    path.write_text(path.read_text().replace("|CNCL|", "|CMPT|"), newline="")
    off = {one.measure.name for one in compare(tmp_path / "other", default.landing)
           if not one.is_within}  # fmt: skip
    assert off == {"trades CNCL, %", "trades CMPT, %", "limit orders cancelled among the closed, %"}


@pytest.mark.parametrize(
    ("reference", "simulated", "tolerance", "relative", "within"),
    [
        (200, 210, 5, True, True),
        (200, 211, 5, True, False),
        (200, 189, 5, True, False),
        (20, 24.9, 5, False, True),
        (20, 14.9, 5, False, False),
        (0, 0, 0, True, True),
        (0, 1, 5, True, False),
    ],
)
def test_tolerances(
    reference: float, simulated: float, tolerance: float, relative: bool, within: bool
) -> None:
    measure = Measure("g", "n", "", tolerance, relative)
    compared = Compared(measure, reference, simulated)
    assert compared.is_within == within
    assert ("**off**" in markdown([compared])) != within


def test_a_directory_without_batches_is_named(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="holds no Batch1"):
        take(tmp_path)


def test_the_command_writes_the_table(default: Simulated, tmp_path: Path) -> None:
    out = tmp_path / "table.md"
    arguments = ["profile", str(default.landing), str(default.landing), "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    table = out.read_text().splitlines()
    assert len(table) == len(MEASURES) + 2
    assert "| Rows | Prospect.csv, batch 1 | 1,497 | 1,497 | +0.00 % | 0 % | ok |" in table


@pytest.mark.sample
@pytest.mark.slow
def test_scale_three_has_the_profile_of_the_sample(sample_landing: Path, tmp_path: Path) -> None:
    simulate(3, 1, 1, DEFAULT_START, tmp_path / "landing")
    compared = compare(tmp_path / "landing", sample_landing)
    assert [one.measure.name for one in compared if not one.is_within] == []
