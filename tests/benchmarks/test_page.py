"""The page of benchmarks says what the records say; its figures are derived here by hand."""

import json
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import __main__ as command
from benchmarks import charts, page, parts, records
from benchmarks.phases import Clock
from benchmarks.records import Records
from benchmarks.whole_job import Measured


def run(wall: float, cpu: float, peak: float = 100.0, **facts: Any) -> dict[str, Any]:
    return {"wall_seconds": wall, "cpu_seconds": cpu, "peak_megabytes": peak, "facts": facts}


def job(wall: float, cpu: dict[str, float], records: int, peak: float = 500.0) -> dict[str, Any]:
    phases = {name: {"wall_seconds": one, "cpu_seconds": one} for name, one in cpu.items()}
    megabytes = {"raw": 1.0, "warehouse": 2.0, "release": 3.0}
    facts = {"phases": phases, "records": records, "megabytes": megabytes}
    return run(wall, sum(cpu.values()), peak, **facts)


def round_of(bare: float, whole: float) -> dict[str, Any]:
    return {
        "bare": run(bare, bare, transformation_wall_seconds=bare / 2),
        "job": job(whole, {"start": 1.0, "sync": 2.0, "models": 3.0, "tests": 4.0}, 1000),
        "models_first": run(9.0, 9.0),
        "models": run(6.0, 6.0),
        "models_and_tests": run(7.0, 7.0),
    }


def day(batch: int, wall: float, cpu: float, batches: int = 1) -> dict[str, Any]:
    return {
        "batch": batch,
        "batches": batches,
        "is_resumed": False,
        **job(wall, {"parse": 1.0, "models": cpu, "publish": 1.0}, 100),
    }


def scale(size: float, history_cpu: float, day_cpu: float, records: int) -> dict[str, Any]:
    first = job(10 * size, {"sync": history_cpu}, 1_000_000, peak=4100.0)
    later = job(5.0, {"start": 50.0, "models": day_cpu, "publish": 70.0}, records)
    return {
        "scale": size,
        "bare": run(5.0, 5.0),
        "batches": [{"batch": 1, **first}, {"batch": 2, **later}, {"batch": 3, **later}],
    }


@pytest.fixture
def written(tmp_path: Path) -> tuple[str, Path]:
    """A page of records whose figures are easy to follow."""
    records = Records(tmp_path / "records")
    rounds = [round_of(4.0, 14.0), round_of(5.0, 10.0), round_of(4.0, 10.0)]
    whole = {"is_simulated": False, "rounds": rounds, "differences": []}
    records.write("whole-job", whole, 0.0)
    records.write("scale-3", scale(3.0, 20.0, 1.0, 1000), 0.0)
    records.write("scale-30", scale(30.0, 190.0, 13.0, 10_000), 0.0)
    days = [day(1, 90.0, 90.0), *(day(batch, 10.0, 4.0) for batch in (2, 3))]
    days.append(day(11, 50.0, 50.0, batches=8))
    days += [day(10 + batch, 24.0, 12.0) | {"young": day(batch, 20.0, 10.0)} for batch in (2, 3)]
    records.write("history", {"scale": 1, "days": 12, "runs": days}, 0.0)
    rounds = [
        {
            "bare": run(bare, bare),
            "batches": [
                {"batch": 1, **job(50.0, {"sync": 9.0}, 1000)},
                {"batch": 2, **job(first, {"parse": 1.0, "models": first}, 10)},
                {"batch": 3, **job(second, {"parse": 1.0, "models": second}, 20)},
            ],
        }
        for bare, first, second in ((4.0, 6.0, 8.0), (8.0, 8.0, 12.0), (4.0, 5.0, 9.0))
    ]
    nothing = [run(0.5, 0.5)]
    days_of_sample = {"is_simulated": False, "rounds": rounds, "idle": nothing, "status": nothing}
    records.write("day", days_of_sample, 0.0)
    path = tmp_path / "docs" / "benchmarks.md"
    page.write(path, records.read())
    return path.read_text(), path.parent


def target(text: str, beginning: str) -> list[str]:
    """The cells of a target's row."""
    [line] = [line for line in text.splitlines() if line.startswith(f"| {beginning}")]
    return [cell.strip() for cell in line.split("|")[3:-1]]


def test_targets_are_judged_by_ratios_within_a_round(written: tuple[str, Path]) -> None:
    text, _ = written
    # 3.5, 2.0 and 2.5 x wall: the median of the ratios, not the ratio of medians.
    assert target(text, "whole job:") == ["2.50 x wall, 2.50 x CPU", "met"]
    # 6 s against 2, 2.5 and 2 s of bare SQL beyond its landing.
    words, outcome = target(text, "models alone")
    assert (words.split(";")[0], outcome) == ("3.00 x", "**missed**")


def test_a_days_start_parse_and_release_do_not_count_per_record(written: tuple[str, Path]) -> None:
    # 13 s for 10,000 records against 1 s for 1,000.
    assert target(written[0], "a day at scale 30") == ["1.30 x", "**missed**"]
    # 12 s more for 9,000 records more.
    assert "costs: 1.333 ms from scale 3 to 30." in written[0]


def test_a_day_is_the_median_of_its_rounds_and_held_against_bare_sql(
    written: tuple[str, Path],
) -> None:
    # Wall seconds 6, 8, 8, 12, 5, 9; CPU seconds one more, for parsing.
    assert target(written[0], "one day's batch") == ["8.0 s, 9.0 CPU s", "**missed**"]
    # 6/4, 8/4, 8/8, 12/8, 5/4 and 9/4 x wall: medians 1.5; CPU 7/4, 9/4, 9/8, 13/8, 6/4, 10/4.
    assert "takes 4.0 s and 4.0 CPU s in these rounds; a day takes 1.50 x its wall" in written[0]
    assert "1.50 x its wall time and 1.69 x its CPU time" in written[0]
    assert "| models | 0.0 | 0.0 | 6.0 | 6.0 | 9.0 | 9.0 |" in written[0]
    assert "| day 2 | 20 | 9.0 | 10.0 | 2 | 9.0 | 450.000 | 0.0 | 500 |" in written[0]


def test_what_was_not_run_is_not_measured(written: tuple[str, Path]) -> None:
    assert target(written[0], "PyAirbyte") == ["", "not measured"]
    assert "## Through Dagster" not in written[0]


def test_scales_and_memory(written: tuple[str, Path]) -> None:
    assert target(written[0], "history at scale 30") == ["9.5 x", "met"]
    assert target(written[0], "peak memory") == ["4.1 GB", "**missed**"]


def test_only_days_loaded_singly_make_windows(written: tuple[str, Path]) -> None:
    assert "| 1 to 2 | 10.0 | 6.0 |" in written[0]
    assert "| 11 to 12 | 24.0 | 14.0 |" in written[0]


def test_the_last_days_are_compared_with_days_taken_in_turn(written: tuple[str, Path]) -> None:
    # Not with the first days: the machine was twice as fast then.
    assert target(written[0], "days 356") == ["1.17 x CPU, 1.20 x wall", "**missed**"]
    assert "slope over a hundred days is +20.00 CPU s, +40.00 s wall." in written[0]


def test_a_year_without_pairs_is_not_compared(tmp_path: Path) -> None:
    records = Records(tmp_path / "records")
    days = [day(1, 90.0, 90.0), *(day(batch, 10.0, 4.0) for batch in (2, 3))]
    records.write("history", {"scale": 1, "days": 12, "runs": days}, 0.0)
    page.write(tmp_path / "benchmarks.md", records.read())
    text = (tmp_path / "benchmarks.md").read_text()
    assert target(text, "days 356") == ["", "not measured"]
    assert "| 1 to 2 | 10.0 | 6.0 |" in text


def test_every_chart_of_the_page_is_there_and_well_formed(written: tuple[str, Path]) -> None:
    text, folder = written
    named = {one.split(")")[0] for one in text.split("](images/")[1:]}
    assert named == {"whole-job.svg", "scales.svg", "days.svg"}
    for name in named:
        root = ElementTree.fromstring((folder / "images" / name).read_text())
        assert root.tag.endswith("svg")


def test_bars_are_as_long_as_what_they_show() -> None:
    drawn = ElementTree.fromstring(
        charts.bars("title", ["one", "two"], [charts.Bar("a & b", (1.0, 3.0), "4 s")])
    )
    widths = [float(one.attrib["width"]) for one in drawn.findall(".//{*}rect")][2:]
    assert widths[1] == pytest.approx(3 * widths[0], rel=0.01)


def test_a_phase_inside_another_is_charged_once(tmp_path: Path) -> None:
    clock = Clock()
    with clock.phase("build"), clock.phase("parse"):
        sum(range(20_000_000))
    clock.write(tmp_path / "phases.json")
    phases = json.loads((tmp_path / "phases.json").read_text())
    assert set(phases) == {"start", "build", "parse"}
    assert phases["parse"]["cpu_seconds"] > 10 * phases["build"]["cpu_seconds"]


def test_a_thread_beside_takes_its_seconds_from_the_phase_that_waits(tmp_path: Path) -> None:
    clock = Clock()

    def parse() -> None:
        with clock.phase("parse"):
            sum(range(30_000_000))

    with clock.phase("sync"):
        thread = threading.Thread(target=parse)
        thread.start()
        thread.join()
    clock.write(tmp_path / "phases.json")
    phases = json.loads((tmp_path / "phases.json").read_text())
    assert phases["parse"]["wall_seconds"] == 0
    assert phases["sync"]["wall_seconds"] > 0
    assert phases["parse"]["cpu_seconds"] > 5 * phases["sync"]["cpu_seconds"]


def test_parts_are_chosen_by_name(tmp_path: Path) -> None:
    bench = parts.Bench(tmp_path, None, 1, print)
    assert list(command.chosen_parts(bench, ["day", "scales"], [1.0, 0.5])) == [
        "day",
        "scale-1",
        "scale-0.5",
    ]
    with pytest.raises(SystemExit, match="No part was run yet"):
        command.main(["--only", "page", "--folder", str(tmp_path)])


def test_a_year_is_loaded_in_windows_and_goes_on_where_it_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived: list[int] = []

    def take(arriving: Path, home: Path) -> Measured:
        arrived.append(len(list(arriving.glob("Batch?")) + list(arriving.glob("Batch??"))))
        if arrived == [1, 2, 3]:
            raise KeyboardInterrupt
        return Measured(1.0, 1.0, 1.0)

    monkeypatch.setattr(parts, "run_platform", take)

    def simulate(*arguments: Any, profile: str) -> None:
        assert profile == "official"
        for batch in range(1, 13):
            (arguments[-1] / f"Batch{batch}").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(parts, "simulate", simulate)
    monkeypatch.setattr(parts, "HISTORY_DAYS", 11)
    monkeypatch.setattr(parts, "WINDOW_DAYS", 2)
    monkeypatch.setattr(parts, "WINDOWS_BEGIN", (0, 8))
    bench = parts.Bench(tmp_path, None, 1, lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        parts.history(bench)
    runs = parts.history(bench)["runs"]
    # The last two days are taken in turn with those of a young home.
    assert arrived == [1, 2, 3, 3, 9, 1, 2, 10, 3, 11, 12]
    assert [(one["batch"], one["batches"]) for one in runs] == [
        (1, 1), (2, 1), (3, 1), (9, 6), (10, 1), (11, 1), (12, 1),
    ]  # fmt: skip
    assert [one["batch"] for one in runs if one["is_resumed"]] == [3]
    assert not (tmp_path / "history").exists()


def test_without_git_there_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert records.find_commit() == ""
