"""The asset page in a real browser: a day that goes through, fails, is resumed, waits, is killed.

Screenshots go to the directory TRADEHOUSE_SCREENSHOTS names, else to the test's own; those in
`docs/images/` are made so.
"""

import os
import shutil
import signal
import time
from pathlib import Path

import duckdb
import pytest

from orchestration import dead_runs, waiting
from orchestration.jobs import DAY
from tests.landing import write_landing
from tests.orchestration import client
from tests.orchestration.support import FILES, FIRST, LAST, MIDDLE
from tradehouse.build import journal, resume
from tradehouse.home import files, locks, state
from tradehouse.home.paths import Home
from tradehouse.home.records import Outcome
from tradehouse.publish import releases

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("page"), pytest.mark.timeout(600)]


AUDIT = "Batch3/Trade_audit.csv"
TAKE_IT = {"ops": {"raw_brokerage": {"config": {"replace_batches": True}}}}


@pytest.fixture(scope="module", autouse=True)
def with_stories():
    """Releases are made with everything that belongs to them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TRADEHOUSE_STORIES", "on")
        yield


@pytest.fixture(scope="module")
def screens(tmp_path_factory):
    folder = os.environ.get("TRADEHOUSE_SCREENSHOTS")
    path = Path(folder) if folder else tmp_path_factory.mktemp("screens")
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="module")
def page(loaded, tmp_path_factory):
    """The page in production on a copy of a home where a third day, with a fault, was delivered."""
    client.require_browser()
    home = tmp_path_factory.mktemp("page") / "home"
    shutil.copytree(loaded.home, home, symlinks=True)
    for name, change in (
        ("brokerage", {"landing": str(home / "landing")}),
        ("build", {"warehouse": files.stamp_file(Home(home).warehouse)}),
    ):
        state.write(Home(home), name, {**state.read(Home(home), name), **change})
    wrong = FILES[AUDIT].replace(b",T_NEW,1", b",T_NEW,2")
    write_landing(home / "landing", {AUDIT: wrong})
    running = client.start(home, "prod", TRADEHOUSE_QUIET_SECONDS="2")
    yield running
    client.stop(running)


@pytest.fixture(scope="module")
def browser():
    path = client.require_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def look(page, browser, screens):
    """Open a path, wait for texts to be seen, keep a picture; returns what the page says."""
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    outside = []
    tab.on("request", lambda one: outside.append(one.url) if "127.0.0.1" not in one.url else None)

    def see(name: str, path: str, *texts: str, click: str = "") -> str:
        tab.goto(page.url + path)
        if click:
            tab.locator(f"text={click} >> visible=true").first.click()
        for text in texts:
            tab.wait_for_selector(f"text={text} >> visible=true", timeout=30_000)
        tab.wait_for_timeout(800)
        tab.screenshot(path=str(screens / f"{name}.png"))
        return str(tab.inner_text("body"))

    yield see
    tab.close()
    assert [url for url in outside if not url.startswith(("data:", "blob:"))] == []


def running_days(page):
    return {
        tag["value"]: run_id
        for run_id, run in page.runs().items()
        for tag in run["tags"]
        if tag["key"] == "dagster/partition"
    }


def test_the_sensor_starts_the_day_and_a_failing_check_stops_it(page, look):
    before = releases.find_current(Home(page.home))

    run_id = page.wait("the sensor started the day", lambda: running_days(page).get(LAST))
    page.seen["failed"] = run_id

    assert page.wait_for_end(run_id) == "FAILURE"
    assert releases.find_current(Home(page.home)) == before
    words = " ".join(str(event.get("message")) for event in page.events(run_id))
    assert (
        "Asset check 'assert_control_figures_are_met' on 'gold/di_messages' did not pass" in words
    )
    look("failing-check", "/assets/gold/di_messages?view=checks", "assert_control", "Failed")
    said = look("blocked", f"/runs/{run_id}", "Failed")
    assert "release" in said


def test_lineage_goes_from_the_streams_to_the_exposures(look):
    said = look("lineage", "/asset-groups", "raw_brokerage", "exposures")
    for group in ("bronze_brokerage", "silver_trading", "gold_core", "gold_marts", "release"):
        assert group in said
    look("asset", "/assets/gold/dim_trade", "analytics-engineering@example.com", "sk_broker_id")
    said = look("checks", "/assets/gold/dim_customer?view=checks", "Succeeded")
    assert "Checks (4)" in said
    said = look("raw", "/assets/raw/brokerage/trade", "Freshness policy")
    assert "data-platform" in said


def test_a_run_that_failed_is_resumed_from_what_failed(page, look):
    """The fault is mended; then something else is in the way, and is removed."""
    write_landing(page.home / "landing", {AUDIT: FILES[AUDIT]})
    with duckdb.connect(page.home / "warehouse.duckdb") as connection:
        connection.execute("alter table silver.silver_watches add column in_the_way integer")
    failed = page.launch(LAST, TAKE_IT)
    assert page.wait_for_end(failed) == "FAILURE"
    with duckdb.connect(page.home / "warehouse.duckdb") as connection:
        connection.execute("alter table silver.silver_watches drop column in_the_way")

    with locks.writing(Home(page.home), command="tradehouse sync crm"):
        resumed = page.resume(failed)
        page.wait("the resumed run has the turn", lambda: page.status(resumed) == "STARTED")
        queued = page.launch(MIDDLE)
        page.wait("the other run waits", lambda: page.status(queued) == "QUEUED")
        reason = page.wait("its reason is told", lambda: waited_for(page, queued))
        look("queued", "/runs", "Queued", "writer", click="View queue criteria")
        look("waiting", "/runs", "waited_for")
    page.terminate(queued)

    assert reason.startswith(f"run {resumed[:8]} ({DAY} of {LAST}), which waits for `tradehouse sy")
    assert f"(process {os.getpid()}, since " in reason
    assert f"Waits for {reason}." in [event.get("message") for event in page.events(queued)]
    assert page.wait_for_end(queued) == "CANCELED"
    assert page.wait_for_end(resumed) == "SUCCESS"
    selected = {"/".join(one["path"]) for one in page.runs()[resumed]["assetSelection"]}
    assert {"silver/silver_watches", "gold/fact_watches", "docs", "release"} <= selected
    assert not {"silver/silver_trades", "gold/dim_date"} & selected
    assert not any(one.startswith(("raw/", "bronze/bronze_brokerage")) for one in selected)
    [*_, release] = releases.list_releases(Home(page.home))
    assert [batch.batch_date for batch in release.batches] == [FIRST, MIDDLE, LAST]


def waited_for(page, run_id):
    tags = {tag["key"]: tag["value"] for tag in page.runs()[run_id]["tags"]}
    return tags.get(waiting.TAG)


def test_the_page_shows_which_days_are_loaded(look):
    said = look("partitions", "/assets/gold/dim_date?view=partitions", "Materialized (3)")
    assert "Failed (0)" in said


def test_a_run_is_stopped_from_the_page(page):
    home, run_id = Home(page.home), page.launch(MIDDLE)
    process = page.wait("the run builds", lambda: building(page, run_id))

    page.terminate(run_id)

    assert page.wait_for_end(run_id) == "CANCELED"
    page.wait("its process is gone", lambda: not dead_runs.is_running(process, run_id), seconds=30)
    page.wait("its children are too", lambda: locks.find_holder(home) is None, seconds=30)
    assert state.last_build(home).status == Outcome.BEGUN
    assert resume.describe(home).startswith("The last build was killed; ")


def test_a_killed_run_leaves_nothing_behind_and_days_are_built_again_in_one_run(page):
    home, run_id = Home(page.home), page.launch(MIDDLE)
    process = page.wait("the run builds", lambda: building(page, run_id))
    os.kill(process, signal.SIGKILL)
    killed = time.monotonic()

    assert page.wait_for_end(run_id) == "FAILURE"

    assert time.monotonic() - killed < 60
    page.wait("the lock is free", lambda: locks.find_holder(home) is None, seconds=60)
    backfill = page.backfill([FIRST, MIDDLE, LAST])
    [following] = page.wait("the backfill starts", lambda: page.runs_of(backfill))
    assert page.wait_for_end(following) == "SUCCESS"
    assert page.runs_of(backfill) == [following]
    assert "batch 1 was asked for again" in state.last_build(home).reasons
    [*_, release] = releases.list_releases(home)
    assert [batch.batch_date for batch in release.batches] == [FIRST, MIDDLE, LAST]
    assert state.last_build(home).status == Outcome.PASSED
    assert locks.find_dead(home) is None


def building(page, run_id):
    """The process of a run that builds, when dbt has done something; None before."""
    holder = locks.find_holder(Home(page.home))
    if holder is None or holder["command"] != f"Dagster run {run_id[:8]}, build":
        return None
    is_begun = state.last_build(Home(page.home)).status == Outcome.BEGUN
    return holder["pid"] if is_begun and journal.read(Home(page.home)).nodes else None
