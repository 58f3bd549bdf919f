"""The ways of building a warehouse give the same gold, row by row, keys included.

All batches at once, each batch by itself, a full refresh over everything, a batch that was
replaced and one that came late: whatever the way, only the deliveries in force decide.
"""

import shutil
from pathlib import Path

import duckdb
import pytest

from tests.compare_gold import GOLD_TABLES, MARTS, compare_files
from tests.golden import check_golden
from tests.warehouse import star_marts
from tests.warehouse.platform_run import release, tradehouse
from tradehouse.home.files import read_json

pytestmark = pytest.mark.xdist_group("builds")


def assert_same_gold(home: Path, other: Path) -> None:
    differences = compare_files(release(home), release(other), GOLD_TABLES + MARTS)
    assert not differences, "\n".join(map(str, differences))


def ask(home: Path, query: str) -> tuple:
    with duckdb.connect(str(release(home)), read_only=True) as connection:
        return connection.execute(query).fetchone()


def test_the_simulated_days_bring_what_the_comparison_is_about(all_at_once):
    customer_batches, late_companies, price_batches = ask(
        all_at_once,
        """
        select
            (select count(distinct batch_id) from gold.dim_customer),
            (select count(*) from gold.dim_company where batch_id > 1),
            (select count(distinct batch_id) from gold.fact_market_history)
        """,
    )
    assert customer_batches == 5
    assert late_companies > 0
    assert price_batches == 5


def test_batch_by_batch(tmp_path, landing, all_at_once):
    tradehouse(tmp_path / "home", "run", "--landing", landing, "--by-batch")
    assert_same_gold(all_at_once, tmp_path / "home")
    # Each day's release is the one before, renewed; only the first was copied whole.
    assert read_json(release(tmp_path / "home").parent / "release.json")["renewals"] == 4


def test_full_refresh(tmp_path, landing, all_at_once):
    home = shutil.copytree(all_at_once, tmp_path / "home", symlinks=True)
    tradehouse(home, "run", "--landing", landing, "--full-refresh")
    assert_same_gold(all_at_once, home)


@pytest.mark.slow
def test_days_that_come_one_after_the_other(tmp_path, landing, all_at_once):
    home, arriving = tmp_path / "home", tmp_path / "landing"
    shutil.copytree(landing, arriving, ignore=shutil.ignore_patterns("Batch3", "Batch4", "Batch5"))
    tradehouse(home, "run", "--landing", arriving)
    for batch in ("Batch3", "Batch4", "Batch5"):
        shutil.copytree(landing / batch, arriving / batch)
        tradehouse(home, "run", "--landing", arriving)
    assert_same_gold(all_at_once, home)


@pytest.mark.slow
def test_a_replaced_batch_is_rebuilt_with_all_later_ones(tmp_path, landing, all_at_once):
    home, arriving = tmp_path / "home", tmp_path / "landing"
    shutil.copytree(landing, arriving)
    # What batch 3 brings at first: half of its customers, accounts, prospects and prices, and no
    # control figures for them. The new prospects at the end of the list are in the half that comes.
    for name in ("Customer.txt", "Account.txt", "Prospect.csv", "DailyMarket.txt"):
        lines = (landing / "Batch3" / name).read_bytes().splitlines(keepends=True)
        (arriving / "Batch3" / name).write_bytes(b"".join(lines[len(lines) // 2 :]))
        (arriving / "Batch3" / name).with_name(f"{Path(name).stem}_audit.csv").unlink()
    tradehouse(home, "run", "--landing", arriving)
    assert compare_files(release(all_at_once), release(home))

    shutil.copytree(landing / "Batch3", arriving / "Batch3", dirs_exist_ok=True)
    refused = tradehouse(home, "run", "--landing", arriving, exit_code=3)
    assert "--replace-batch 3" in refused.stdout + refused.stderr
    tradehouse(home, "run", "--landing", arriving, "--replace-batch", "3")
    assert_same_gold(all_at_once, home)


@pytest.mark.slow
def test_a_late_batch_is_put_in_its_place(tmp_path, landing, all_at_once):
    home, arriving = tmp_path / "home", tmp_path / "landing"
    shutil.copytree(landing, arriving, ignore=shutil.ignore_patterns("Batch3"))
    waits = tradehouse(home, "run", "--landing", arriving, exit_code=3)
    assert "Batch3" in waits.stdout + waits.stderr
    assert ask(home, "select max(batch_id) from gold.fact_market_history") == (2,)

    tradehouse(home, "run", "--landing", arriving, "--allow-gap")
    assert ask(home, "select max(batch_id) from gold.fact_market_history") == (5,)

    shutil.copytree(landing / "Batch3", arriving / "Batch3")
    tradehouse(home, "run", "--landing", arriving)
    assert_same_gold(all_at_once, home)


@pytest.mark.slow
@pytest.mark.sample
def test_the_real_sample_in_three_ways(tmp_path, sample_landing):
    at_once, by_batch = tmp_path / "at_once", tmp_path / "by_batch"
    tradehouse(at_once, "run", "--landing", sample_landing)
    with duckdb.connect(str(release(at_once)), read_only=True) as connection:
        wrong = [str(result) for result in check_golden(connection) if not result.ok]
    assert not wrong, "\n".join(wrong)
    assert star_marts.differences(release(at_once)) == {mart: [] for mart in star_marts.MARTS}

    tradehouse(by_batch, "run", "--landing", sample_landing, "--by-batch")
    assert_same_gold(at_once, by_batch)
    shutil.rmtree(by_batch)

    refreshed = shutil.copytree(at_once, tmp_path / "refreshed", symlinks=True)
    tradehouse(refreshed, "run", "--landing", sample_landing, "--full-refresh")
    assert_same_gold(at_once, refreshed)
