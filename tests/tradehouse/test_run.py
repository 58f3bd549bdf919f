"""The whole job on the hand-written brokerage, and what a run does when little or much is new."""

import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext

import pytest

from tests.landing import write_landing
from tests.tradehouse.support import (
    BAD_LINE,
    BAD_ROW,
    FILES,
    command,
    copy_project,
    deliver,
    gold,
    published_batches,
    raw,
    take,
)
from tradehouse.dbt import runner
from tradehouse.home import state
from tradehouse.home.paths import PROJECT, Home
from tradehouse.loads import days
from tradehouse.publish import releases

pytestmark = pytest.mark.xdist_group("run")


def test_the_first_run_publishes_everything_and_the_second_changes_nothing(finished):
    home = finished.home
    assert "Quarantine  1 row (read it: tradehouse quarantine)" in finished.said
    assert published_batches(home) == [(1, 1), (2, 1)]
    before = sorted((path, path.stat().st_mtime_ns) for path in home.rglob("*") if path.is_file())

    second = command(home, "run")

    assert second.returncode == 0
    assert "Nothing new" in second.stdout
    assert "Nothing was changed" in second.stdout
    after = sorted((path, path.stat().st_mtime_ns) for path in home.rglob("*") if path.is_file())
    written = {path for path, at in after if (path, at) not in before}
    assert written - {home / "state" / "writer.lock"} == {home / "state" / "runs" / "2.json"}


def test_a_new_day_is_taken_and_only_that(published, monkeypatch):
    # Options of dbt that somebody exports for work by hand are none of a run's.
    monkeypatch.setenv("DBT_EMPTY", "1")
    monkeypatch.setenv("DBT_EXCLUDE_RESOURCE_TYPES", "test")
    deliver(published, days=2)

    outcome = take(published)

    assert outcome.builds[0].tests.passed > 20
    assert os.environ["DBT_EMPTY"] == "1"
    assert outcome.sync.new_batches == [3]
    assert [build.reasons for build in outcome.builds] == [["batch 3 waits"]]
    assert [build.test_from_batch for build in outcome.builds] == [3]
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]
    assert take(published).is_idle


def test_a_build_that_leaves_a_batch_out_is_not_published(published, monkeypatch):
    deliver(published, days=2)
    with monkeypatch.context() as patched:
        patched.setattr(runner, "_settings_hidden", nullcontext)
        patched.setenv("DBT_EMPTY", "1")
        outcome = take(published)

    assert outcome.exit_code == 1
    assert outcome.builds[0].error.startswith("The build went through, and batch 3 is not in it")
    assert published_batches(published) == [(1, 1), (2, 1)]
    assert take(published).exit_code == 0
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


def test_a_new_day_does_not_narrow_the_tests_of_a_build_that_did_not_pass(published):
    # As `run --all-tests` leaves it when rows of an old batch fail.
    record = state.read(Home(published), "build")
    state.write(
        Home(published), "build", {**record, "status": "tests failed", "test_from_batch": 0}
    )
    deliver(published, days=2)

    outcome = take(published)

    assert [build.test_from_batch for build in outcome.builds] == [0]
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


@pytest.mark.slow
def test_batch_by_batch_every_batch_gets_a_release(tiny_landing, home):
    outcome = take(home, tiny_landing, by_batch=True)

    assert [build.last_batch for build in outcome.builds] == [1, 2, 3]
    assert [
        [batch.batch for batch in release.batches] for release in releases.list_releases(Home(home))
    ] == [[1], [1, 2], [1, 2, 3]]


@pytest.mark.slow
def test_a_sync_alone_is_built_by_the_next_run(published):
    deliver(published, days=2)
    assert command(published, "sync").returncode == 0
    assert published_batches(published) == [(1, 1), (2, 1)]

    take(published)

    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


@pytest.mark.slow
def test_a_deleted_warehouse_is_built_again_from_raw(published):
    before = gold(published, "select * from gold.dim_date order by all")
    (published / "warehouse.duckdb").unlink()

    outcome = take(published)

    assert [build.reasons[-1] for build in outcome.builds] == ["there is no warehouse yet"]
    assert gold(published, "select * from gold.dim_date order by all") == before


@pytest.mark.slow
def test_a_held_pointer_stays_through_runs_until_it_is_resumed(published):
    deliver(published, days=2)
    take(published)
    assert command(published, "rollback").returncode == 0
    assert published_batches(published) == [(1, 1), (2, 1)]

    assert take(published, rebuild=["industry"]).exit_code == 0
    assert published_batches(published) == [(1, 1), (2, 1)]
    resumed = command(published, "publish", "--release-hold")
    assert resumed.returncode == 0, resumed.stderr
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


def dry_run(home, *arguments):
    outcome = command(home, "run", "--dry-run", *arguments, "--json")
    return json.loads(outcome.stdout) if outcome.returncode == 0 else outcome.stderr


def test_a_dry_run_says_what_the_run_with_its_options_would_do(published, tmp_path):
    deliver(published, days=2)
    found = dry_run(published)
    assert (found["batches"], found["reasons"]) == ([3], [])
    found = dry_run(published, "--day", "2019-06-30")
    assert found["batches"] == []
    assert found["reasons"] == ["batch 2 was asked for again"]
    assert "fact_market_history" in found["models"]
    found = dry_run(published, "--replace-batch", "2")
    assert (found["batches"], found["reasons"]) == ([3], ["batch 2 is loaded again"])
    assert "No batch of 2999-01-01 was delivered" in dry_run(published, "--day", "2999-01-01")
    assert "There is no Batch77" in dry_run(published, "--replace-batch", "77")
    assert str(tmp_path / "gone") in dry_run(published, "--landing", str(tmp_path / "gone"))
    refused = command(published, "run", "--replace-batch", "77")
    assert refused.returncode == 2
    assert "batches that are there: 1 to 3" in refused.stderr
    assert published_batches(published) == [(1, 1), (2, 1)]


def test_days_are_those_of_the_landing_directory_that_is_named(tiny_landing, home):
    [day] = [day for batch, day in days.find_days(Home(home), tiny_landing).items() if batch == 2]
    assert days.batches_of(Home(home), [day.isoformat()], tiny_landing) == [2]


def test_reading_commands_answer_with_values(published):
    status = json.loads(command(published, "status", "--json").stdout)
    assert [(batch["batch"], batch["is_published"]) for batch in status["batches"]] == [
        (1, True),
        (2, True),
    ]
    [(rows,)] = gold(published, "select count(*) from gold.dim_date")
    assert status["release"]["rows"]["dim_date"] == rows
    assert status["build"]["status"] == "passed"
    path = command(published, "path").stdout.strip()
    assert path == str(published / "releases/current/tradehouse.duckdb")
    listed = json.loads(command(published, "releases", "--json").stdout)
    assert [one["is_current"] for one in listed][-1] is True
    [row] = json.loads(command(published, "quarantine", "--json").stdout)
    assert (row["source_file"], row["source_line"]) == ("Batch1/Date.txt", BAD_LINE)
    assert (row["raw_text"], row["reason"]) == (BAD_ROW.decode(), "malformed_row")


@pytest.mark.slow
def test_reading_commands_answer_while_a_run_is_writing(published):
    deliver(published, days=2)
    (published / "logs" / "dbt.log").unlink()
    running = subprocess.Popen(
        [sys.executable, "-m", "tradehouse.cli.parser", "run"],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (published / "logs" / "dbt.log").exists():
            assert running.poll() is None
            time.sleep(0.02)
        answers = {
            name: command(published, name, *more)
            for name, *more in (
                ("status", "--json"), ("releases", "--json"), ("path",), ("quarantine", "--json"),
            )
        }  # fmt: skip
        second = command(published, "run")
        assert running.poll() is None, "the run had ended before the commands had answered"
    finally:
        code = running.wait(timeout=600)

    assert {name: answer.returncode for name, answer in answers.items()} == dict.fromkeys(
        answers, 0
    )
    status = json.loads(answers["status"].stdout)
    assert status["writing"]["pid"] == running.pid
    assert status["rows"]["gold"] > 0
    assert [row["raw_text"] for row in json.loads(answers["quarantine"].stdout)] == [
        BAD_ROW.decode()
    ]
    assert (second.returncode, f"process {running.pid}" in second.stderr) == (5, True)
    assert code == 0
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


def test_another_brokerage_is_refused_and_nothing_changes(published, tmp_path):
    changed = {**FILES, "Batch1/HR.csv": FILES["Batch1/HR.csv"].replace(b"1", b"2", 1)}
    other = write_landing(tmp_path / "other", changed)

    refused = command(published, "run", "--landing", str(other))

    assert refused.returncode == 6
    assert "--replace-batch 1" in refused.stderr
    assert "TRADEHOUSE_HOME=" in refused.stderr
    assert raw(published, "select max(_delivery) from brokerage.batch_date") == [(1,)]


@pytest.fixture
def project(tmp_path):
    """A copy of the project whose models and tests may be changed."""
    return copy_project(tmp_path / "project")


def test_a_failed_test_keeps_the_release_and_shows_its_rows(published, project):
    before = releases.find_current(Home(published))
    test = project / "tests" / "data" / "assert_no_industry_is_called_aerospace.sql"
    test.write_text("select in_id, 'wrong' as verdict from {{ ref('industry') }} order by in_id\n")

    failed = command(published, "run", project=project)

    [(first,)] = gold(published, "select min(in_id) from gold.industry")
    assert failed.returncode == 4, failed.stderr
    assert "Failed: assert_no_industry_is_called_aerospace" in failed.stdout
    assert f"in_id={first}, verdict=wrong" in failed.stdout
    kept = published / "logs" / "failed_test_assert_no_industry_is_called_aerospace.csv"
    assert kept.read_text().splitlines()[:2] == ["in_id,verdict", f"{first},wrong"]
    assert releases.find_current(Home(published)) == before
    refused = command(published, "publish", project=project)
    assert (refused.returncode, "tests failed" in refused.stderr) == (1, True)

    test.unlink()
    mended = command(published, "run", project=project)

    assert mended.returncode == 0, mended.stderr
    assert releases.find_current(Home(published)) != before


def test_changed_code_is_built_and_published_without_a_new_batch(published, project):
    model = project / "models" / "gold" / "core" / "industry.sql"
    model.write_text(model.read_text().replace(" in_name,", " upper(in_name) as in_name,"))

    changed = command(published, "run", "--json", project=project)

    assert changed.returncode == 0, changed.stderr
    names = {name for (name,) in gold(published, "select in_name from gold.industry")}
    assert names == {name.upper() for name in names}
    rebuilt = json.loads((published / "state" / "build.json").read_text())["rebuilt"]
    assert "industry" in rebuilt
    assert "dim_date" not in rebuilt

    back = command(published, "run", "--json")
    assert back.returncode == 0, back.stderr
    assert {name for (name,) in gold(published, "select in_name from gold.industry")} != names


@pytest.mark.slow
def test_a_new_description_makes_docs_anew_and_builds_nothing(published, project):
    page = published / "docs" / "index.html"
    before = page.stat().st_mtime_ns
    builds = json.loads((published / "state" / "build.json").read_text())["id"]
    path = next((project / "models" / "gold" / "core").glob("*.yml"))
    begun = "description: >\n      "
    path.write_text(path.read_text().replace(begun, f"{begun}Newly said. ", 1))

    done = command(published, "run", project=project)

    assert done.returncode == 0, done.stderr
    assert json.loads((published / "state" / "build.json").read_text())["id"] == builds
    assert page.stat().st_mtime_ns > before
    assert "Newly said." in page.read_text()
    assert "did not change" in command(published, "docs", project=project).stdout


@pytest.mark.slow
def test_a_model_that_does_not_compile_is_an_error_that_names_it(published, project):
    model = project / "models" / "gold" / "core" / "industry.sql"
    model.write_text(model.read_text().replace("in_name", "in_nothing"))

    broken = command(published, "run", project=project)

    assert broken.returncode == 1
    assert "industry could not be built" in broken.stdout + broken.stderr
    assert "in_nothing" in broken.stdout + broken.stderr
    assert published_batches(published) == [(1, 1), (2, 1)]
