"""The comparison sees what differs and agrees with itself; the real sample is met where present."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulator import SimulationError
from simulator.__main__ import app
from simulator.measures import MEASURES, Measure
from simulator.profile import Compared, compare, markdown, stated_reference, take
from tests.conftest import PROJECT
from tests.simulator.conftest import DEFAULT_START, Simulated, simulate


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


def tradehouse(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tradehouse.cli.parser", "profile", *map(str, arguments)],
        cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "200"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_platforms_command_says_what_is_off(default: Simulated, tmp_path: Path) -> None:
    simulate(0.1, 1, 1, DEFAULT_START, tmp_path / "other")
    path = tmp_path / "other" / "Batch1" / "Trade.txt"
    path.write_text(path.read_text().replace("|CNCL|", "|CMPT|"), newline="")
    done = tradehouse(tmp_path / "other", default.landing)
    assert done.returncode == 1, done.stderr
    assert f"{len(MEASURES)} figures, 3 outside their tolerance" in done.stderr
    assert "limit orders cancelled among the closed, %" in done.stderr
    assert done.stdout.count("**off**") == 3
    found = json.loads(tradehouse(tmp_path / "other", default.landing, "--json").stdout)
    assert [one["figure"] for one in found if not one["is_within"]] == [
        "trades CMPT, %", "trades CNCL, %", "limit orders cancelled among the closed, %",
    ]  # fmt: skip
    assert found[0] == {
        "group": "Rows", "figure": "HR.csv, batch 1", "reference": 500.0, "simulated": 500.0,
        "difference": 0.0, "tolerance": 0, "is_relative": True, "is_within": True,
    }  # fmt: skip


def test_wrong_use_is_one_sentence(default: Simulated, tmp_path: Path) -> None:
    for arguments, expected in (
        ((tmp_path,), f"{tmp_path} holds no Batch1"),
        ((default.landing,), f"The reference is of scale 3, but {default.landing} is of scale 0.1"),
        ((default.landing, default.landing, "--out", tmp_path / "no" / "table.md"),
         "cannot be written (No such file or directory)"),
    ):  # fmt: skip
        done = tradehouse(*arguments)
        assert done.returncode == 2
        assert expected in done.stderr
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""


def test_help_says_what_is_compared_and_how_it_ends() -> None:
    done = tradehouse("--help")
    assert done.returncode == 0
    for expected in ("Usage: tradehouse profile", "simulated", "reference", "--out", "--json",
                     "0 every figure is within its tolerance; 1 at least one is not"):  # fmt: skip
        assert expected.lower() in " ".join(done.stdout.lower().split())


@pytest.mark.slow
def test_scale_three_has_the_stated_profile(tmp_path: Path) -> None:
    simulate(3, 1, 1, DEFAULT_START, tmp_path / "landing")
    assert [one.measure.name for one in compare(tmp_path / "landing") if not one.is_within] == []


@pytest.mark.sample
@pytest.mark.slow
def test_the_stated_profile_is_that_of_the_sample(sample_landing: Path) -> None:
    taken = dict(zip((measure.name for measure in MEASURES), take(sample_landing), strict=True))
    stated = zip((measure.name for measure in MEASURES), stated_reference(), strict=True)
    assert dict(stated) == pytest.approx(taken, rel=1e-8)
