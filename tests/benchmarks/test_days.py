"""The campaign of daily batches goes on where it stood; its figures follow from its days."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import days
from benchmarks.days import Campaign, Day, main, report, slope
from benchmarks.whole_job import Measured

SETTINGS = {"scale": 0.1, "seed": 1, "start": "2017-07-08"}


def day(batch: int, wall: float, cpu: float = 1.0, is_resumed: int = 0) -> Day:
    return Day(batch, wall, cpu, 100.0, 1.0, 2.0, 3.0, is_resumed)


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """A campaign whose brokerage has five empty batches."""
    made = Campaign(tmp_path / "campaign", SETTINGS)
    for batch in range(1, 6):
        (made.brokerage / f"Batch{batch}").mkdir(parents=True)
    return made


def runner(killed_at: int | None = None) -> tuple[list[list[str]], Callable]:
    """A stand-in for the job: it notes which batches had arrived, and may die at one of them."""
    arrived: list[list[str]] = []

    def take(landing: Path, home: Path) -> Measured:
        batches = sorted(path.name for path in landing.glob("Batch?"))
        if len(batches) == killed_at:
            raise KeyboardInterrupt
        arrived.append(batches)
        home.mkdir(exist_ok=True)
        (home / "raw.duckdb").write_bytes(b"x" * 1_000_000 * len(batches))
        return Measured(10.0 * len(batches), 5.0, 300.0)

    return arrived, take


def test_batches_arrive_one_by_one_and_are_written_down(campaign: Campaign) -> None:
    arrived, take = runner()
    campaign.play(5, None, take)
    assert arrived == [[f"Batch{n}" for n in range(1, last + 1)] for last in range(1, 6)]
    assert [(one.batch, one.wall_seconds, one.raw_megabytes) for one in campaign.days()] == [
        (1, 10.0, 1.0), (2, 20.0, 2.0), (3, 30.0, 3.0), (4, 40.0, 4.0), (5, 50.0, 5.0),
    ]  # fmt: skip


def test_a_killed_campaign_goes_on_where_it_stood(campaign: Campaign) -> None:
    with pytest.raises(KeyboardInterrupt):
        campaign.play(5, None, runner(killed_at=3)[1])
    assert [one.batch for one in campaign.days()] == [1, 2]
    arrived, take = runner()
    again = Campaign(campaign.folder, SETTINGS)
    again.play(5, 2, take)
    assert [len(batches) for batches in arrived] == [3, 4]
    assert [(one.batch, one.is_resumed) for one in again.days()] == [
        (1, 0), (2, 0), (3, 1), (4, 0),
    ]  # fmt: skip
    again.play(5, None, take)
    assert [one.batch for one in again.days()] == [1, 2, 3, 4, 5]
    again.play(5, None, take)
    assert len(arrived) == 3


def test_another_campaign_is_not_mixed_in(campaign: Campaign) -> None:
    with pytest.raises(SystemExit, match="holds another campaign"):
        Campaign(campaign.folder, {**SETTINGS, "seed": 2})


def test_the_slope_leaves_out_history_and_resumed_days() -> None:
    measured = [day(1, 900), day(2, 10), day(3, 10.5), day(4, 400, is_resumed=1), day(5, 11.5)]
    assert slope(measured, "wall_seconds") == pytest.approx(50.0)
    assert slope(measured, "cpu_seconds") == pytest.approx(0.0)
    assert slope(measured[:2], "wall_seconds") == 0.0


def test_the_report_shows_some_days_means_and_slopes() -> None:
    measured = [day(1, 90.0), *(day(batch, 10 + batch / 100) for batch in range(2, 102))]
    lines = report(measured, SETTINGS, []).splitlines()
    assert lines[0] == "scale 0.1, seed 1, start 2017-07-08, batches 101"
    shown = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    assert shown[0] == "batch"
    assert shown[1:3] == ["1", "9"]
    assert shown[-3:] == ["101", "mean of the days", "slope, per 100 days"]
    assert "| mean of the days | 10.5 | 1.0 | 100.0 | 1.0 | 2.0 | 3.0 |" in lines
    assert "| slope, per 100 days | +1.00 | +0.00 | +0.00 | +0.00 | +0.00 | +0.00 |" in lines
    assert lines[-1] == "Gold equals that of one build over all, row by row, keys included."
    assert report(measured, SETTINGS, ["dim_trade: 1 row"]).endswith("all:\ndim_trade: 1 row\n")
    assert report(measured, SETTINGS, None).endswith("Gold was not compared.\n")


def test_the_command_simulates_plays_and_says_when_gold_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, take = runner()
    monkeypatch.setattr(days, "run_platform", take)
    monkeypatch.setattr(days, "compare_files", lambda *_: ["fact_watches: 2 rows only in a"])
    arguments = [str(tmp_path / "campaign"), "--days", "1"]
    assert main([*arguments, "--stop-after", "1"]) == 0
    assert "batch 1 of 2: 10.0 s" in capsys.readouterr().out
    assert main(arguments) == 1
    assert "fact_watches: 2 rows only in a" in (tmp_path / "campaign" / "report.md").read_text()
    delivered = {path.name for path in (tmp_path / "campaign" / "arriving").iterdir()}
    assert delivered == {
        "Batch1", "Batch2", "Batch1_audit.csv", "Batch2_audit.csv", "Generator_audit.csv",
        "digen_report.txt",
    }  # fmt: skip
