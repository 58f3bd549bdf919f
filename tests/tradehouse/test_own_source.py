"""A team's own source: new, changed and deleted rows reach the release by `tradehouse run`."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ingestion.conftest import error_trace, record, state, status, stream
from tests.tradehouse.support import PROJECT, command, copy_project, deliver, gold, raw
from tradehouse.errors import EXIT_HELD, EXIT_OK

pytestmark = [pytest.mark.xdist_group("run"), pytest.mark.slow]

DECLARATION = """\
description: Branches and what they are to sell, as another department keeps them.
owner: data-platform
connector: {{command: [{python}, {program}, {folder}]}}
streams:
  branches: {{sync_mode: incremental_deduplicated, key: id, cursor: at}}
  visits: {{sync_mode: incremental_append, cursor: at}}
"""
STREAMS = [
    stream("branches", id="integer", city="string", at="integer", _ab_cdc_deleted_at="string"),
    stream("visits", id="integer", branch="integer", at="integer"),
]
MODELS = {
    "bronze/own/_own.yml": """\
sources:
  - name: own
    database: raw
    schema: own
    tables: [{name: branches}, {name: visits}]
""",
    "bronze/own/bronze_own__branches.sql": """\
{{ config(materialized='view') }}
select id, city from {{ source('own', 'branches') }} where _ab_cdc_deleted_at is null
""",
    "silver/own/silver_own_visits.sql": """\
{{ config(materialized='table') }}
select branch, count(*) as visits from {{ source('own', 'visits') }} group by all
""",
    # Built batch by batch, although it reads what has no batches.
    "silver/own/silver_own_days.sql": """\
{{ config(materialized='incremental', incremental_strategy='batches') }}
select batch_id, delivery, (select count(*) from {{ ref('bronze_own__branches') }}) as branches
from {{ ref('bronze_batches') }} where {{ in_batch_window() }}
""",
    "gold/own/mart_own.sql": """\
{{ config(materialized='table') }}
select branches.*, coalesce(visits, 0) as visits
from {{ ref('bronze_own__branches') }} as branches
left join {{ ref('silver_own_visits') }} as visits on branches.id = visits.branch
""",
    "gold/own/mart_own_days.sql": """\
{{ config(materialized='table') }}
select * from {{ ref('silver_own_days') }}
""",
    "gold/own/mart_own_apart.sql": """\
{{ config(materialized='table') }}
select count(*) as trades from {{ ref('dim_trade') }}
""",
}
TESTED = """\
models:
  - name: mart_own
    columns: [{name: city, data_tests: [not_null]}]
"""


class Team:
    """A project with a source `own` and its models, on a home with a published brokerage."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.project, self.played = (
            home,
            copy_project(folder / "project"),
            folder / "own",
        )
        self.played.mkdir()
        program = PROJECT / "tests" / "ingestion" / "played_source.py"
        content = DECLARATION.format(
            python=json.dumps(sys.executable),
            program=json.dumps(str(program)),
            folder=json.dumps(str(self.played)),
        )
        (self.project / "ingestion" / "sources" / "own.yml").write_text(content)
        (self.played / "streams.json").write_text(json.dumps(STREAMS))

    def model(self) -> None:
        for name, content in {**MODELS, "gold/own/_own.yml": TESTED}.items():
            path = self.project / "models" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)

    def bring(
        self, branches: dict[int, Any] | None = None, visits: tuple[int, ...] = (), at: int = 1
    ) -> None:
        """What the source says next: cities by branch, None for one that is deleted; visits."""
        lines = []
        for number, city in (branches or {}).items():
            deleted = {"_ab_cdc_deleted_at": "2020-01-01"} if city is None else {}
            lines.append(record("branches", {"id": number, "city": city, "at": at} | deleted))
        lines += [record("visits", {"id": at, "branch": branch, "at": at}) for branch in visits]
        lines += [state("branches", at), state("visits", at), status("branches"), status("visits")]
        self._play(lines, 0)

    def fail(self) -> None:
        self._play([error_trace("the database is away")], 1)

    def _play(self, lines: list[str], code: int) -> None:
        (self.played / "output.jsonl").write_text("\n".join(lines) + "\n")
        behaviour = {"exit_code": code, "stderr": "", "sleep": 0}
        (self.played / "behaviour.json").write_text(json.dumps(behaviour))

    def run(self, *arguments: str, code: int = EXIT_OK) -> str:
        done = command(self.home, "run", *arguments, project=self.project)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def mart(self) -> list[tuple[Any, ...]]:
        return gold(self.home, "select id, city, visits from gold.mart_own order by all")


@pytest.fixture
def team(published: Path, tmp_path: Path) -> Team:
    return Team(published, tmp_path)


def test_new_changed_and_deleted_rows_reach_the_release(team: Team) -> None:
    team.bring({1: "Lisbon", 2: "Porto"}, (1, 1))
    assert "sync own" in team.run()
    team.model()
    team.bring()
    team.run()
    assert team.mart() == [(1, "Lisbon", 2), (2, "Porto", 0)]
    days = gold(team.home, "select batch_id, branches from gold.mart_own_days order by all")
    assert days == [(1, 2), (2, 2)]

    said = team.run()
    assert "Nothing new" in said

    team.bring({2: "Braga", 3: "Faro"}, (3,), at=2)
    said = team.run()
    assert team.mart() == [(1, "Lisbon", 2), (2, "Braga", 0), (3, "Faro", 1)]
    days = gold(team.home, "select batch_id, branches from gold.mart_own_days order by all")
    assert days == [(1, 3), (2, 3)]
    record_of = json.loads((team.home / "state" / "build.json").read_text())
    assert record_of["reasons"] == ["load 2 of own waits"]
    built = {name.split(".")[2] for name in record_of["nodes"]}
    assert {"mart_own", "built_loads"} <= built

    team.bring({1: None}, (2, 2), at=3)
    deliver(team.home, days=2)
    team.run()
    assert team.mart() == [(2, "Braga", 2), (3, "Faro", 1)]
    days = gold(team.home, "select batch_id, branches from gold.mart_own_days order by all")
    assert days == [(1, 2), (2, 2), (3, 2)]
    assert raw(team.home, "select count(*) from own.branches") == [(2,)]


def test_only_what_new_rows_reach_is_built(team: Team) -> None:
    team.model()
    team.bring({1: "Lisbon"})
    team.run()
    team.bring({}, (1,), at=2)
    said = team.run()
    assert "out of reach of new rows" in said
    log = (team.home / "logs" / "dbt.log").read_text()
    begun = log.rpartition("Concurrency: ")[2]
    assert "gold.mart_own " in begun
    assert "silver_own_visits" in begun
    for name in ("silver_own_days", "mart_own_apart", "dim_trade", "silver_trades"):
        assert f".{name} " not in begun
    assert gold(team.home, "select visits from gold.mart_own") == [(1,)]


def test_a_source_that_fails_keeps_out_its_own_rows_only(team: Team) -> None:
    team.model()
    team.bring({1: "Lisbon"})
    team.run()
    team.fail()
    deliver(team.home, days=2)
    said = team.run(code=EXIT_HELD)
    assert "own: the database is away" in said
    assert gold(team.home, "select max(batch_id) from gold.mart_own_days") == [(3,)]
    assert team.mart() == [(1, "Lisbon", 0)]

    team.bring({2: "Porto"}, at=2)
    team.run()
    assert team.mart() == [(1, "Lisbon", 0), (2, "Porto", 0)]


def test_a_failed_test_keeps_the_rows_out_until_they_are_right(team: Team) -> None:
    team.model()
    team.bring({1: "Lisbon"})
    team.run()
    team.bring({2: ""}, at=2)
    (team.project / "models/gold/own/_own.yml").write_text(
        TESTED.replace("not_null", "{accepted_values: {arguments: {values: [Lisbon, Porto]}}}")
    )
    assert "accepted_values" in team.run(code=4)
    assert team.mart() == [(1, "Lisbon", 0)]
    team.bring({2: "Porto"}, at=3)
    team.run()
    assert team.mart() == [(1, "Lisbon", 0), (2, "Porto", 0)]


def test_one_source_or_none_is_loaded_when_that_is_asked_for(team: Team) -> None:
    team.model()
    team.bring({1: "Lisbon"})
    team.run("--source", "own")
    team.bring({1: "Porto"}, at=2)
    deliver(team.home, days=2)
    team.run("--no-sync")
    assert team.mart() == [(1, "Lisbon", 0)]
    team.run("--source", "own")
    assert team.mart() == [(1, "Porto", 0)]
    assert gold(team.home, "select max(batch_id) from gold.mart_own_days") == [(2,)]
    assert "There is no source nowhere" in team.run("--source", "nowhere", code=2)
    team.bring()
    team.run()
    assert gold(team.home, "select max(batch_id) from gold.mart_own_days") == [(3,)]


def test_a_home_may_begin_with_another_source(tmp_path: Path) -> None:
    team = Team(tmp_path / "home", tmp_path)
    team.bring({1: "Lisbon"})
    done = command(team.home, "sync", "own", project=team.project)
    assert done.returncode == 0, done.stdout + done.stderr
    team.model()
    deliver(team.home, days=1)
    team.bring()
    team.run()
    assert team.mart() == [(1, "Lisbon", 0)]


def test_a_dry_run_says_what_is_due_what_waits_and_what_it_reaches(team: Team) -> None:
    team.model()
    team.bring({1: "Lisbon"})
    team.run()
    assert "Nothing waits" in team.run("--dry-run", "--no-sync")
    before = {path: path.read_bytes() for path in team.home.glob("*.duckdb")}
    said = team.run("--dry-run")
    assert "Due         own" in said
    assert "mart_own" in said
    assert "mart_own_apart" not in said

    team.bring({}, (1,), at=2)
    done = command(team.home, "sync", "own", project=team.project)
    assert done.returncode == 0, done.stderr
    said = command(team.home, "status", project=team.project).stdout
    assert "Waits       load 2 of own" in said
    said = team.run("--dry-run", "--no-sync")
    assert "Builds      load 2 of own waits" in said
    reached = said.partition("Reaches     ")[2].partition("\n")[0]
    assert reached == "3 models: built_loads, mart_own, silver_own_visits"
    deliver(team.home, days=2)
    said = team.run("--dry-run", "--json")
    found = json.loads(said[said.index("{") :])
    assert (found["due"], found["batches"]) == (["own"], [3])
    assert {"dim_trade", "mart_own"} <= set(found["models"])
    assert before[team.home / "warehouse.duckdb"] == (team.home / "warehouse.duckdb").read_bytes()


def test_a_source_is_reset_after_a_dry_run(team: Team) -> None:
    team.model()
    team.bring({1: "Lisbon", 2: "Porto"}, (1,))
    team.run()
    said = command(team.home, "sources", "reset", "own", project=team.project).stdout
    assert "tradehouse sources reset own --yes" in said
    assert "own.branches" in said
    assert raw(team.home, "select count(*) from own.branches") == [(2,)]
    wrong = command(team.home, "sources", "reset", "own", "--stream", "no", project=team.project)
    assert (wrong.returncode, "has no loaded stream no" in wrong.stderr) == (2, True)

    team.bring({2: "Braga"}, (2,), at=2)
    done = command(team.home, "sources", "reset", "own", "--yes", project=team.project)
    assert done.returncode == 0, done.stderr
    team.bring()
    team.run()
    assert team.mart() == [(2, "Braga", 1)]
