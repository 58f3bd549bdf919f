"""What a person reads at the end of a run and from `status`: each case in the right words."""

import json
import sys

import pytest

from tests.tradehouse.test_streams import HOSTILE, SHOWN
from tradehouse.cli import status
from tradehouse.home import state, switches
from tradehouse.home.paths import Home
from tradehouse.home.records import Sync
from tradehouse.loads import demo_sources, syncs
from tradehouse.observe.status import collect
from tradehouse.runs import pipeline
from tradehouse.terminal import output


def batch_of(number, **changes):
    return {
        "batch": number,
        "batch_date": f"2019-06-{number + 28}",
        "delivery": 1,
        "is_accepted": True,
        "is_published": True,
        "rows_delivered": 10,
        "rows_typed": 10,
        "rows_quarantined": 0,
        "rows_dropped": 0,
        **changes,
    }


def facts_of(home, **changes):
    """Facts of a home with one batch that is published, and nothing wrong."""
    release = {"id": "20260101T000000.000Z", "bytes": 1, "rows": {"dim_date": 1}, "docs": None}
    facts = {
        "home": str(home),
        "landing": str(home / "landing"),
        "writing": None,
        "sources": [],
        "loads_waiting": {},
        "batches": [batch_of(1)],
        "held": [],
        "rows": dict.fromkeys(("bronze", "silver", "gold"), 1),
        "tables": dict.fromkeys(("bronze", "silver", "gold"), 1),
        "quarantine": [],
        "unmatched": {},
        "build": {"status": "passed", "error": ""},
        "tests": {"passed": 1, "warned": 0, "failed": 0},
        "warnings": [],
        "failures": [],
        "release": release,
        "publishing_held": None,
        "resume": "",
        "problems": [],
        "ignored": [],
    }
    return facts | changes


@pytest.fixture
def shown(home, capsys):
    def shown(**changes):
        status.show(Home(home), facts_of(home, **changes))
        return capsys.readouterr().out

    return shown


def test_one_of_each_is_singular(shown):
    one = {"disposition": "quarantined", "rows": 1}
    said = shown(quarantine=[one])
    assert "bronze 1 in 1 table," in said
    assert "Quarantine  1 row (read it: tradehouse quarantine)" in said
    assert ": 1 row, 1 bytes" not in said
    assert "Quarantine  0 rows\n" in shown()
    assert "Quarantine  2 rows (read them: " in shown(quarantine=[{**one, "rows": 2}])


def test_a_batch_that_was_refused_is_in_the_table(shown):
    fault = {"batch": 2, "code": "file_missing", "message": "Batch2/Trade.txt is missing."}
    said = shown(held=[fault])
    [row] = [line.split() for line in said.splitlines() if line.startswith("2 ")]
    assert row == ["2", "refused"]
    assert "file_missing: Batch2/Trade.txt is missing." in said
    alone = shown(batches=[], release=None, held=[fault])
    assert ["2", "refused"] in [line.split() for line in alone.splitlines()]


def test_a_load_that_waits_is_named(shown):
    assert "Waits " not in shown()
    assert "Waits       load 3 of rates; `tradehouse run` builds" in shown(
        loads_waiting={"rates": 3}
    )


def test_the_test_that_warned_is_named(shown):
    warning = {"test": "assert_no_gap", "message": "Got 1 result, configured to warn if != 0"}
    said = shown(tests={"passed": 3, "warned": 1, "failed": 0}, warnings=[warning])
    assert "Tests       3 passed, 1 warned\n  warned    assert_no_gap: Got 1 result" in said


def test_a_simulated_brokerage_is_told_of_two_more_sources_until_both_are_on(home, shown):
    assert "demo-sources" not in shown()
    (home / "landing").mkdir(parents=True)
    (home / "landing" / "simulation.json").write_text('{"scale": 0.1}')
    assert shown().count("demo-sources") == 1
    assert "demo-sources" not in shown(landing="/somewhere/else")
    switches.turn(home / "state", demo_sources.RATES, on=True)
    assert shown().count("demo-sources") == 1
    switches.turn(home / "state", demo_sources.TARGETS, on=True)
    assert "demo-sources" not in shown()


def test_a_simulated_brokerage_is_told_how_to_deliver_a_further_day(home, shown, monkeypatch):
    assert "tradehouse simulate" not in shown()
    (home / "landing").mkdir(parents=True)
    simulation = {"scale": 0.1, "seed": 1, "start": "2017-07-08", "newswire": "continuing"}
    (home / "landing" / "simulation.json").write_text(json.dumps(simulation))
    assert "simulate --scale 0.1 --profile official --days 1, then make run" in shown()
    (home / "landing" / "simulation.json").write_text(json.dumps({**simulation, "seed": 7}))
    assert "simulate --scale 0.1 --seed 7 --profile official --days 1, then make" in shown()
    simulation["profile"] = "plausible"
    (home / "landing" / "simulation.json").write_text(json.dumps(simulation))
    assert "tradehouse simulate --scale 0.1 --days 1, then make run" in shown()

    program = home / ".venv" / "bin" / "tradehouse"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.setenv("PATH", "/nowhere")
    assert f"a further day: {program} simulate" in shown()
    monkeypatch.chdir(home)
    assert "a further day: .venv/bin/tradehouse simulate" in shown()
    monkeypatch.setenv("PATH", str(program.parent))
    assert "a further day: tradehouse simulate" in shown()
    (home / "landing" / "simulation.json").write_text("{")
    assert "tradehouse simulate" not in shown()
    (home / "landing" / "simulation.json").write_text(json.dumps(simulation))
    assert "tradehouse simulate" not in shown(batches=[batch_of(1, is_published=False)])
    assert "tradehouse simulate" not in shown(batches=[])
    hold = {"since": "now", "rolled_back_from": "a", "rolled_back_to": "b"}
    held = shown(publishing_held=hold)
    assert "tradehouse publish --release-hold" in held
    assert "tradehouse simulate" not in held


def test_what_data_says_is_not_obeyed(shown):
    row = {"name": f"{HOSTILE}\nRelease     forged"}
    failure = {"test": "t", "failing_rows": 1, "message": "", "rows": [row], "kept_in": None}
    said = shown(failures=[failure])
    assert f"  name={SHOWN}\\nRelease     forged\n" in said
    assert "Failed: t, 1 row\n" in said


def test_a_sync_without_a_whole_batch_says_so():
    record = Sync(status="failed", records=1, bytes=1, errors=[{"message": "no file"}])
    assert pipeline.describe_sync(record, 1.0) == "no whole batch: 1 record, 1 byte, 1 records/s"
    record.new_batches = [3]
    assert pipeline.describe_sync(record, 1.0).startswith("batch 3: 1 record, ")
    record.new_batches = [3, 4]
    assert pipeline.describe_sync(record, 1.0).startswith("batches 3, 4: ")


def test_a_source_with_one_stream_is_singular():
    sync = {
        "running": None,
        "status": "succeeded",
        "ended_at": "2026-01-01T00:00:00Z",
        "started_at": None,
        "records": 1,
        "streams": [{}],
        "nulled_values": 1,
    }
    said = "succeeded 2026-01-01 00:00:00, 1 record of 1 stream, 1 value did not fit"
    assert syncs.describe(sync) == said


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "row", "0 rows"),
        (1, "batch", "1 batch"),
        (2, "batch", "2 batches"),
        (1024, "test", "1,024 tests"),
    ],
)
def test_numbers_have_their_nouns(number, noun, said):
    assert output.count(number, noun) == said


def test_rows_that_are_typed_and_not_published_are_counted_by_reason(tmp_path, capsys, monkeypatch):
    home = Home(tmp_path / "home")
    monkeypatch.setenv("TRADEHOUSE_HOME", str(home.root))
    home.prepare()
    state.write(home, "build", {"status": "passed", "unmatched": {"unknown_day": 1234}})

    facts = facts_of(home.root, unmatched=collect(home)["unmatched"])
    status.show(home, facts)

    assert "Unmatched   1,234 unknown_day (not published" in capsys.readouterr().out
