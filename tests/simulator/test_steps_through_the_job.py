"""The whole job plays the steps: every fault ends as its list says, and nothing good is lost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from simulator import play
from simulator.steps import read_list
from tests.compare_gold import compare_files
from tests.simulator.conftest import DEFAULT_START, simulate
from tests.tradehouse.support import command
from tests.warehouse.platform_run import release

# Groups begin before single tests: the longest ones must not come last, when one worker is idle.
pytestmark = pytest.mark.xdist_group("steps")

HELD, DONE = 3, 0
HISTORICAL = [
    "several_changes", "identical_repeats", "update_and_inactivation", "several_accounts",
    "several_announcements",
]  # fmt: skip


def groups(steps: list[dict[str, Any]], faults: list[dict[str, Any]]) -> Iterator[list[int]]:
    """Steps that may be delivered together: a run comes before anything is delivered over."""
    together: list[dict[str, Any]] = []
    for step in steps:
        batches = {one["batch"] for one in together}
        numbers = {one["step"] for one in together}
        mended = any(
            fault["mended_by"] == step["step"] and fault["step"] in numbers for fault in faults
        )
        if step["batch"] in batches or mended:
            yield [one["step"] for one in together]
            together = []
        together.append(step)
    yield [one["step"] for one in together]


def expected_quarantine(
    faults: list[dict[str, Any]], last: dict[str, Any]
) -> set[tuple[str, int, str]]:
    """File, line and reason of every row that the list sends to quarantine so far."""
    return {
        (fault["file"], fault["line"], fault["reason"])
        for fault in faults
        if fault["step"] <= last["step"] and fault["batch"] <= last["loaded_through"]
        and fault["line"] is not None and fault["reason"] is not None
    }  # fmt: skip


def observed(home: Path, loaded_through: int) -> tuple[int, set[tuple[str, int, str]], set[int]]:
    """The last published batch, the quarantine of loaded batches, the batches reported as held."""
    status = json.loads(command(home, "status", "--json").stdout)
    rows = json.loads(command(home, "quarantine", "--json", "--limit", "100000").stdout)
    published = max((row["batch"] for row in status["batches"] if row["is_published"]), default=0)
    found = {
        (row["source_file"], row["source_line"], row["reason"])
        for row in rows
        if row["batch_id"] <= loaded_through
    }
    return published, found, {fault["batch"] for fault in status["held"]}


def unmatched(home: Path) -> int:
    """Rows whose parent is not known: no fault makes any."""
    if not (home / "warehouse.duckdb").exists():  # the first batch is held: nothing is built
        return 0
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        found = connection.execute("select count(*) from bronze.quarantine_unmatched").fetchone()
    assert found is not None
    return int(found[0])


def play_all(out: Path, home: Path, landing: Path) -> None:
    """Play the steps of a directory and check after every run what the list promises."""
    content = read_list(out)
    steps, faults = content["steps"], content["faults"]
    for numbers in groups(steps, faults):
        for number in numbers:
            play(out, landing, number)
        last = steps[numbers[-1] - 1]
        open_faults = [
            fault for fault in faults if fault["step"] <= last["step"] < (fault["mended_by"] or 0)
        ]
        done = command(home, "run", "--landing", str(landing))
        assert done.returncode == (HELD if open_faults else DONE), done.stdout + done.stderr
        published, quarantine, held = observed(home, last["loaded_through"])
        assert published == last["loaded_through"], last
        assert quarantine == expected_quarantine(faults, last), last
        stopped = {fault["batch"] for fault in open_faults if fault["outcome"] != "waiting"}
        assert stopped <= held <= {fault["batch"] for fault in open_faults}, last
        assert unmatched(home) == 0, last


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize(
    ("faults", "days"), [([*HISTORICAL, "broken_xml", "bad_dates", "delivered_late"], 6),
                         (["all"], 23)]
)  # fmt: skip
def test_faults_end_as_their_list_says(tmp_path: Path, faults: list[str], days: int) -> None:
    simulate(0.1, days, 1, DEFAULT_START, tmp_path / "out", faults=faults)
    simulate(0.1, days, 1, DEFAULT_START, tmp_path / "clean")
    play_all(tmp_path / "out", tmp_path / "home", tmp_path / "landing")
    clean = command(tmp_path / "other", "run", "--landing", str(tmp_path / "clean"))
    assert clean.returncode == DONE, clean.stdout + clean.stderr
    differences = compare_files(release(tmp_path / "home"), release(tmp_path / "other"))
    late = sum(fault["fault"] == "late_trades" for fault in read_list(tmp_path / "out")["faults"])
    different = {one.table: (one.only_in_a, one.only_in_b) for one in differences}
    different.pop("audit", None)  # counts follow passing states and late orders
    expected = {"dim_trade": (late, late), "di_messages": (1, 1)} if late else {}
    assert different == expected, "\n".join(map(str, differences))
