"""Faults of deliveries and what a run makes of them: the table in docs/faults.md, row by row."""

import pytest

from tests.tradehouse.support import (
    FILES,
    command,
    deliver,
    gold,
    published_batches,
    raw,
    take,
)
from tradehouse.observe.status import describe_fault

pytestmark = pytest.mark.xdist_group("faults")


def faults(outcome):
    return [describe_fault(fault) for fault in outcome.held]


def test_a_batch_with_a_missing_file_is_held_until_it_comes(published):
    deliver(published, 2, {"Batch3/Trade.txt": None})

    first = command(published, "run")

    assert first.returncode == 3, first.stderr
    assert "Batch3/Trade.txt" in first.stdout
    assert published_batches(published) == [(1, 1), (2, 1)]
    assert command(published, "run").returncode == 3

    deliver(published, 2)
    mended = take(published)
    assert mended.exit_code == 0, faults(mended)
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


def test_a_changed_delivery_is_refused_until_it_is_asked_for(published):
    changed = FILES["Batch2/Prospect.csv"].replace(b"1-207-555-0140", b"1-207-555-0177", 1)
    deliver(published, 1, {"Batch2/Prospect.csv": changed})

    refused = take(published)
    assert refused.exit_code == 3
    assert "--replace-batch 2" in faults(refused)[0]
    assert "Batch2/Prospect.csv" in faults(refused)[0]
    assert published_batches(published) == [(1, 1), (2, 1)]

    assert take(published, replace_batches=[2]).exit_code == 0
    assert published_batches(published) == [(1, 1), (2, 2)]
    phones = "select count(*) from gold.prospect where phone = '1-207-555-0177'"
    assert gold(published, phones) == [(1,)]
    deliveries = "select distinct _batch, _delivery from brokerage.prospect order by all"
    assert raw(published, deliveries) == [(1, 1), (2, 1), (2, 2)]


def test_rows_of_unknown_parents_keep_out_only_themselves(published):
    holdings = FILES["Batch3/HoldingHistory.txt"].splitlines(keepends=True)
    prices = FILES["Batch3/DailyMarket.txt"].splitlines(keepends=True)
    fields = holdings[0].split(b"|")
    holdings[0] = b"|".join([*fields[:2], b"99999999", b"99999999", *fields[4:]])
    fields = prices[0].split(b"|")
    prices[0] = b"|".join([*fields[:3], b"NOSUCHSYM", *fields[4:]])
    changes = {"HoldingHistory.txt": b"".join(holdings), "DailyMarket.txt": b"".join(prices)}
    deliver(published, 2, {f"Batch3/{name}": content for name, content in changes.items()})

    assert take(published).exit_code == 0
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]
    for table, rows in ("fact_holdings", holdings), ("fact_market_history", prices):
        assert gold(published, f"select count(*) from gold.{table} where batch_id = 3") == [
            (len(rows) - 1,)
        ]


def test_a_batch_held_by_the_gate_may_be_delivered_again(published):
    spoilt = FILES["Batch3/DailyMarket.txt"].replace(b"|", b"#")
    deliver(published, 2, {"Batch3/DailyMarket.txt": spoilt})

    held = take(published)
    assert held.exit_code == 3
    assert "Batch3/DailyMarket.txt" in faults(held)[0]
    assert "bound for quarantine" in faults(held)[0]
    assert published_batches(published) == [(1, 1), (2, 1)]
    again = take(published)
    assert (again.exit_code, again.is_idle) == (3, True)

    deliver(published, 2)
    mended = take(published)
    assert mended.exit_code == 0, faults(mended)
    assert published_batches(published) == [(1, 1), (2, 1), (3, 2)]


@pytest.mark.slow
def test_a_first_batch_held_by_the_gate_publishes_nothing_until_it_is_mended(home):
    spoilt = FILES["Batch1/DailyMarket.txt"].replace(b"|", b"#")
    deliver(home, 1, {"Batch1/DailyMarket.txt": spoilt})

    held = command(home, "run")

    assert held.returncode == 3, held.stdout + held.stderr
    assert "Batch1/DailyMarket.txt, line 1" in held.stdout
    assert not (home / "releases" / "current").exists()
    refused = command(home, "publish")
    assert (refused.returncode, "Every batch is held" in refused.stderr) == (1, True)

    deliver(home, 1)
    mended = command(home, "run")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert published_batches(home) == [(1, 2), (2, 1)]


@pytest.mark.slow
def test_a_batch_waits_for_the_one_before_it_unless_a_gap_is_allowed(published):
    late = {name: None for name in FILES if name.startswith("Batch3/")}
    files = {name.replace("Batch3/", "Batch4/"): FILES[name] for name in late}
    deliver(published, 1, files)

    waiting = take(published)
    assert waiting.exit_code == 3
    assert "Batch3" in faults(waiting)[0]
    assert published_batches(published) == [(1, 1), (2, 1)]

    take(published, allow_gap=True)
    assert published_batches(published) == [(1, 1), (2, 1), (4, 1)]


@pytest.mark.slow
def test_a_broken_first_batch_publishes_nothing_and_names_the_file(home):
    for name, content in (
        ("CustomerMgmt.xml", FILES["Batch1/CustomerMgmt.xml"][:-40]),
        ("HR.csv", FILES["Batch1/HR.csv"].rstrip()),
        ("BatchDate.txt", b"someday\r\n"),
    ):
        deliver(home, 1, {f"Batch1/{name}": content})
        broken = command(home, "run", "--landing", str(home / "landing"))
        assert broken.returncode == 3, broken.stderr
        assert name in broken.stdout
        assert command(home, "path").returncode == 1
    deliver(home, 1)
    assert command(home, "run").returncode == 0
    assert published_batches(home) == [(1, 1), (2, 1)]


@pytest.mark.slow
def test_what_was_loaded_is_built_when_the_landing_directory_is_gone(published):
    deliver(published, 2)
    assert command(published, "sync").returncode == 0
    (published / "landing").rename(published / "elsewhere")

    outcome = take(published)

    assert outcome.exit_code == 3
    assert "landing_missing" in faults(outcome)[0]
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


def test_a_landing_directory_that_does_not_exist_is_wrong_usage_for_an_empty_home(home):
    missing = command(home, "run", "--landing", str(home / "nowhere"))

    assert missing.returncode == 2
    assert "nowhere cannot be opened" in missing.stderr
