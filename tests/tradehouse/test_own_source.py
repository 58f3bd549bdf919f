"""A team's own source: new, changed and deleted rows reach the release by `tradehouse run`."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ingestion.conftest import error_trace, record, state, status, stream
from tests.tradehouse.conftest import Finished
from tests.tradehouse.support import PROJECT, command, copy_home, copy_project, deliver, gold, raw
from tradehouse.errors import EXIT_HELD, EXIT_OK, EXIT_TESTS_FAILED, EXIT_USAGE
from tradehouse.home import warehouse_queries
from tradehouse.home.paths import Home

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
{{ config(materialized='by_load') }}
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
{{ config(materialized='table', contract={'enforced': false}) }}
select * from {{ ref('silver_own_days') }}
""",
    "gold/own/mart_own_apart.sql": """\
{{ config(materialized='table', contract={'enforced': false}) }}
select count(*) as trades from {{ ref('dim_trade') }}
""",
}
TESTED = """\
models:
  - name: mart_own
    columns:
      - {name: id, data_type: bigint}
      - {name: city, data_type: varchar, data_tests: [not_null]}
      - {name: visits, data_type: bigint}
"""


class Team:
    """A project with a source `own`, on a home with a published brokerage."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.project, self.played = home, folder / "project", folder / "own"
        if not self.project.exists():
            copy_project(self.project)
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


@pytest.fixture(scope="module")
def modelled(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project and a home in which Lisbon is published; never written to."""
    folder = tmp_path_factory.mktemp("modelled")
    team = Team(copy_home(finished.home, folder / "home"), folder)
    team.model()
    team.bring({1: "Lisbon"})
    assert "sync own" in team.run()
    return folder


@pytest.fixture
def team(modelled: Path, tmp_path: Path) -> Team:
    for part in ("project", "own"):
        shutil.copytree(modelled / part, tmp_path / part, symlinks=True)
    return Team(copy_home(modelled / "home", tmp_path / "home"), tmp_path)


def days(team: Team) -> list[tuple[Any, ...]]:
    return gold(team.home, "select batch_id, branches from gold.mart_own_days order by all")


def test_new_changed_and_deleted_rows_reach_the_release(team: Team) -> None:
    assert team.mart() == [(1, "Lisbon", 0)]
    assert days(team) == [(1, 1), (2, 1)]
    team.bring()
    assert "Nothing new" in team.run()

    team.bring({1: "Braga", 3: "Faro"}, (3,), at=2)
    team.run()
    assert team.mart() == [(1, "Braga", 0), (3, "Faro", 1)]
    assert days(team) == [(1, 2), (2, 2)]
    built = json.loads((team.home / "state" / "build.json").read_text())
    assert built["reasons"] == ["load 2 of own waits"]

    team.bring({1: None}, (3, 3), at=3)
    deliver(team.home, days=2)
    team.run()
    assert team.mart() == [(3, "Faro", 3)]
    assert days(team) == [(1, 1), (2, 1), (3, 1)]
    assert raw(team.home, "select count(*) from own.branches") == [(1,)]


def test_a_dry_run_says_what_the_run_builds_and_nothing_else_is_built(team: Team) -> None:
    assert "Nothing waits" in team.run("--dry-run", "--no-sync")
    said = team.run("--dry-run")
    assert "Due         own" in said
    assert "mart_own" in said
    assert "mart_own_apart" not in said

    team.bring({}, (1,), at=2)
    done = command(team.home, "sync", "own", project=team.project)
    assert done.returncode == 0, done.stderr
    said = command(team.home, "status", project=team.project).stdout
    assert "Waits       load 2 of own" in said
    before = (team.home / "warehouse.duckdb").read_bytes()
    said = team.run("--dry-run", "--no-sync")
    assert "Builds      load 2 of own waits" in said
    reached = said.partition("Reaches     ")[2].partition("\n")[0]
    assert reached == "3 models: built_loads, mart_own, silver_own_visits"
    assert before == (team.home / "warehouse.duckdb").read_bytes()

    said = team.run("--no-sync")
    assert "out of reach of new rows" in said
    begun = (team.home / "logs" / "dbt.log").read_text().rpartition("Concurrency: ")[2]
    for name in ("gold.mart_own ", "silver.silver_own_visits "):
        assert name in begun
    for name in ("silver_own_days", "mart_own_apart", "dim_trade", "silver_trades"):
        assert f".{name} " not in begun
    assert team.mart() == [(1, "Lisbon", 1)]

    deliver(team.home, days=2)
    said = team.run("--dry-run", "--json")
    found = json.loads(said[said.index("{") :])
    assert (found["due"], found["batches"]) == (["own"], [3])
    assert {"dim_trade", "mart_own"} <= set(found["models"])


def test_a_source_that_fails_keeps_out_its_own_rows_only(team: Team) -> None:
    team.fail()
    deliver(team.home, days=2)
    said = team.run(code=EXIT_HELD)
    assert "own: the database is away" in said
    # The batches are all that this model reads of the brokerage.
    assert days(team) == [(1, 1), (2, 1), (3, 1)]
    assert team.mart() == [(1, "Lisbon", 0)]

    team.bring({2: "Porto"}, at=2)
    team.run()
    assert team.mart() == [(1, "Lisbon", 0), (2, "Porto", 0)]


def test_a_failed_test_keeps_the_rows_out_until_they_are_right(team: Team) -> None:
    team.bring({2: None, 3: ""}, at=2)
    (team.project / "models/gold/own/_own.yml").write_text(
        TESTED.replace("not_null", "{accepted_values: {arguments: {values: [Lisbon, Porto]}}}")
    )
    assert "accepted_values" in team.run(code=EXIT_TESTS_FAILED)
    assert team.mart() == [(1, "Lisbon", 0)]
    # What says that a load is built comes behind every model and test, the team's too.
    assert warehouse_queries.last_loads_built(Home(team.home))["own"][0] == 1
    team.bring({3: "Porto"}, at=3)
    team.run()
    assert team.mart() == [(1, "Lisbon", 0), (3, "Porto", 0)]


def test_one_source_or_none_is_loaded_when_that_is_asked_for(team: Team) -> None:
    team.bring({1: "Porto"}, at=2)
    deliver(team.home, days=2)
    assert "Nothing new" in team.run("--no-sync")
    assert team.mart() == [(1, "Lisbon", 0)]
    team.run("--source", "own")
    assert team.mart() == [(1, "Porto", 0)]
    assert days(team) == [(1, 1), (2, 1)]
    assert "There is no source nowhere" in team.run("--source", "nowhere", code=EXIT_USAGE)

    declaration = team.project / "ingestion" / "sources" / "own.yml"
    declaration.write_text(f"enabled: false\n{declaration.read_text()}")
    team.bring({1: "Faro"}, at=3)
    team.run()
    assert days(team) == [(1, 1), (2, 1), (3, 1)]
    assert team.mart() == [(1, "Porto", 0)]


def test_a_source_is_reset_after_a_dry_run(team: Team) -> None:
    said = command(team.home, "sources", "reset", "own", project=team.project).stdout
    assert "tradehouse sources reset own --yes" in said
    assert "own.branches" in said
    assert raw(team.home, "select count(*) from own.branches") == [(1,)]
    wrong = command(team.home, "sources", "reset", "own", "--stream", "no", project=team.project)
    assert (wrong.returncode, "has no loaded stream no" in wrong.stderr) == (EXIT_USAGE, True)

    team.bring({2: "Braga"}, (2,), at=2)
    done = command(team.home, "sources", "reset", "own", "--yes", project=team.project)
    assert done.returncode == 0, done.stderr
    team.run("--no-sync")
    assert team.mart() == [(2, "Braga", 1)]


CONTRACT = """\
source: stock
owner: data-platform
description: What branches have in stock.
bad_share: 0.5
streams:
  stock:
    description: One row per branch
    key: [branch]
    cursor: [at]
    columns:
      branch: {type: integer, required: true, meaning: Number of the branch.}
      worth: {type: "decimal(8,2)", meaning: What it has in stock.}
      at_: {type: integer, from: at, meaning: When that was.}
"""
OFFERED = stream("stock", branch="integer", worth="number", at="integer")


class Stock:
    """A further source of a team, with a contract, a mart, and its records."""

    def __init__(self, team: Team, folder: Path, sync_mode: str = "incremental_append") -> None:
        self.team, self.folder = team, folder
        folder.mkdir()
        program = PROJECT / "tests" / "ingestion" / "played_source.py"
        declared = {
            "description": "Stock.",
            "owner": "data-platform",
            "connector": {"command": [sys.executable, str(program), str(folder)]},
            "streams": {"stock": {"sync_mode": sync_mode, "key": "branch", "cursor": "at"}},
        }
        (team.project / "ingestion/sources/stock.yml").write_text(json.dumps(declared))
        self.generate(CONTRACT)
        (team.project / "models/gold/own/mart_stock.sql").write_text(
            "{{ config(materialized='table', contract={'enforced': false}) }}\n"
            "select branch, worth from {{ ref('bronze_stock__stock') }}\n"
        )

    def generate(self, contract: str) -> None:
        (self.team.project / "contracts" / "stock.yml").write_text(contract)
        self.command("contracts", "generate", "stock")

    def command(self, *words: str) -> str:
        done = command(self.team.home, *words, project=self.team.project)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def bring(self, worths: dict[int, Any], at: int) -> None:
        rows = [{"branch": branch, "worth": worth, "at": at} for branch, worth in worths.items()]
        self.play(*(record("stock", row) for row in rows), state("stock", at), status("stock"))

    def play(self, *lines: str, code: int = 0) -> None:
        (self.folder / "streams.json").write_text(json.dumps([OFFERED]))
        (self.folder / "output.jsonl").write_text("\n".join(lines) + "\n")
        behaviour = {"exit_code": code, "stderr": "", "sleep": 0}
        (self.folder / "behaviour.json").write_text(json.dumps(behaviour))

    def mart(self) -> list[tuple[int, str]]:
        found = gold(self.team.home, "select branch, worth from gold.mart_stock order by all")
        return [(branch, str(worth)) for branch, worth in found]

    def quarantine(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self.command("quarantine", "--source", "stock", "--json")
        )
        return found


def test_what_a_contract_promises_is_there_before_the_first_load_and_typed_with_it(
    team: Team, tmp_path: Path
) -> None:
    stock = Stock(team, tmp_path / "stock")
    stock.play(error_trace("the database is away"), code=1)
    team.run(code=EXIT_HELD)
    assert stock.mart() == []

    stock.bring({1: 10.25, 2: 1.234}, at=1)
    assert "Quarantine  2 rows" in team.run()
    assert stock.mart() == [(1, "10.25")]
    [held] = stock.quarantine()
    assert (held["stream"], held["reason"]) == ("stock", "not_a_number")
    assert held["detail"] == 'worth: not_a_number "1.234"'
    said = stock.command("quarantine")
    assert "Batch1/Date.txt" in said
    assert "stock" in said

    stock.bring({2: 1.23}, at=2)
    team.run()
    assert stock.mart() == [(1, "10.25"), (2, "1.23")]


def test_a_load_that_breaks_its_contract_is_held_and_others_are_published(
    team: Team, tmp_path: Path
) -> None:
    stock = Stock(team, tmp_path / "stock")
    stock.bring({1: 10, 2: 20}, at=1)
    team.run()
    before = [(1, "10.00"), (2, "20.00")]
    assert stock.mart() == before

    stock.bring({1: 11, 2: 1.234, 3: 2.345}, at=2)
    deliver(team.home, days=2)
    team.bring({1: "Braga"}, at=2)
    said = team.run(code=EXIT_HELD)
    reason = "2 of 3 records of stock are bound for quarantine, more than 50 %; the first: worth: "
    assert f"Load 2 of stock is held by its contract: {reason}" in said
    assert stock.mart() == before
    assert stock.quarantine() == []
    assert team.mart() == [(1, "Braga", 0)]
    assert days(team) == [(1, 1), (2, 1), (3, 1)]
    found = command(team.home, "status", "--json", project=team.project).stdout
    problems = [one["key"] for one in json.loads(found)["problems"]]
    assert "contract/stock" in problems
    team.bring()
    stock.bring({}, at=2)
    assert "Nothing new" in team.run(code=EXIT_HELD)

    # What is built again while it is held stays as it was, also by other code.
    stock.generate(
        CONTRACT.replace(
            "worth: {type", "who: {type: text, required: true, meaning: Whose.}\n      worth: {type"
        ).replace("8,2", "9,2")
    )
    (team.project / "contracts" / "copy of stock.yml").write_text("streams: [")
    team.run("--no-sync", "--rebuild", "bronze_stock__stock", code=EXIT_HELD)
    assert stock.mart() == before
    # A contract that cannot be read holds its source and nobody else's.
    (team.project / "contracts" / "stock.yml").write_text("streams: [")
    team.bring({1: "Evora"}, at=3)
    assert "contracts/stock.yml" in team.run("--source", "own", code=EXIT_HELD)
    assert (team.mart(), stock.mart()) == ([(1, "Evora", 0)], before)
    stock.generate(CONTRACT)
    team.run("--no-sync", code=EXIT_HELD)

    assert "Accepted although 2 of 3 records" in stock.command("contracts", "accept", "stock")
    team.run("--no-sync")
    assert stock.mart() == [(1, "11.00"), (2, "20.00")]
    assert len(stock.quarantine()) == 2
    again = command(team.home, "contracts", "accept", "stock", project=team.project)
    assert (again.returncode, "No load of stock is held" in again.stderr) == (EXIT_USAGE, True)

    # So does a contract that lets in what the one before held.
    stock.bring({4: "x", 5: "y"}, at=3)
    assert command(team.home, "sync", "stock", project=team.project).returncode == 0
    stock.generate(CONTRACT.replace("0.5", "1.0"))
    team.run("--no-sync")
    assert len(stock.quarantine()) == 4
    manifest = json.loads((team.home / "releases/current/release.json").read_text())
    assert (set(manifest["loads"]), manifest["loads"]["stock"]) == ({"own", "stock"}, 3)

    # A warehouse that is made anew has nothing to keep of it, so the release stays.
    published = stock.mart()
    stock.bring({7: "z"}, at=4)
    stock.generate(CONTRACT)
    (team.home / "warehouse.duckdb").unlink()
    team.run(code=EXIT_HELD)
    assert stock.mart() == published
    refused = command(team.home, "publish", project=team.project)
    assert (refused.returncode, "stock is held" in refused.stderr) == (1, True)
    stock.command("contracts", "accept", "stock")
    team.run("--no-sync")
    assert stock.mart() == published


def test_a_home_may_have_no_brokerage_and_get_one_later(modelled: Path, tmp_path: Path) -> None:
    for part in ("project", "own"):
        shutil.copytree(modelled / part, tmp_path / part, symlinks=True)
    team = Team(tmp_path / "home", tmp_path)
    declaration = team.project / "ingestion" / "sources" / "brokerage.yml"
    text = declaration.read_text()
    declaration.write_text(text.replace("enabled: true", "enabled: false"))

    team.run()
    assert team.mart() == [(1, "Lisbon", 0)]
    assert days(team) == []
    assert gold(team.home, "select count(*) from gold.dim_trade") == [(0,)]
    assert not (team.home / "landing").exists()
    team.bring({2: "Porto"}, at=2)
    team.run()
    assert team.mart() == [(1, "Lisbon", 0), (2, "Porto", 0)]

    declaration.write_text(text)
    deliver(team.home, days=1)
    team.run("--landing", str(team.home / "landing"))
    assert days(team) == [(1, 2), (2, 2)]
    assert team.mart() == [(1, "Lisbon", 0), (2, "Porto", 0)]


BY_LOAD = {
    "silver/own/silver_own_branches.sql": """\
{{ config(
    materialized='by_load', batch_column=none, unique_key='id'
) }}
with touched as (
    select id from {{ source('own', 'branches') }} where {{ in_load_window('own') }}
    union
    select branch from {{ source('own', 'visits') }} where {{ in_load_window('own') }}
)
select
    branches.id,
    branches.city,
    count(visits.id) as visits,
    greatest(max(branches._load), coalesce(max(visits._load), 0)) as last_load,
    '{{ invocation_id }}' as built_by
from {{ source('own', 'branches') }} as branches
left join {{ source('own', 'visits') }} as visits on branches.id = visits.branch
where branches.id in (select id from touched)
group by all
""",
    "gold/own/mart_own_scores.sql": """\
{{ config(
    materialized='by_load', batch_column=none, unique_key='id', contract={'enforced': false}
) }}
select id, city, visits * 10 as score, last_load, built_by, '{{ invocation_id }}' as scored_by
from {{ ref('silver_own_branches') }} where {{ in_load_window('own', 'last_load') }}
""",
    # Of these rows none says what its load was, so it is built from nothing.
    "gold/own/mart_own_sums.sql": """\
{{ config(
    materialized='by_load', batch_column=none, unique_key='city', contract={'enforced': false}
) }}
select city, sum(score) as score from {{ ref('mart_own_scores') }} group by all
""",
}


def team_alone(folder: Path) -> Team:
    """A team without a brokerage, with models that read load by load."""
    team = Team(folder / "home", folder)
    for name, content in {**BY_LOAD, "bronze/own/_own.yml": MODELS["bronze/own/_own.yml"]}.items():
        path = team.project / "models" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    declaration = team.project / "ingestion" / "sources" / "brokerage.yml"
    declaration.write_text(declaration.read_text().replace("enabled: true", "enabled: false"))
    return team


def test_a_model_that_reads_load_by_load_builds_the_keys_that_a_load_touches(
    tmp_path: Path,
) -> None:
    team = team_alone(tmp_path)

    def scores() -> tuple[list[tuple[Any, ...]], list[int]]:
        """Values, and in which of the runs so far, from 0, each row was made."""
        rows = gold(
            team.home,
            "select id, city, score, last_load, built_by, scored_by from gold.mart_own_scores"
            " order by id",
        )
        assert all(built_by == scored_by for *_, built_by, scored_by in rows)
        sums = gold(team.home, "select city, score from gold.mart_own_sums order by all")
        assert sums == sorted((city, score) for _, city, score, *_ in rows)
        return [row[:4] for row in rows], [known.setdefault(row[-1], len(known)) for row in rows]

    known: dict[str, int] = {}
    team.bring({1: "Lisbon", 2: "Porto"}, (1,))
    team.run()
    assert scores() == ([(1, "Lisbon", 10, 1), (2, "Porto", 0, 1)], [0, 0])

    team.bring({3: "Faro"}, (1,), at=2)
    team.run()
    after_two = [(1, "Lisbon", 20, 2), (2, "Porto", 0, 1), (3, "Faro", 0, 2)]
    assert scores() == (after_two, [1, 0, 1])
    shutil.copy(team.home / "raw.duckdb", tmp_path / "older.duckdb")
    team.run("--no-sync", "--rebuild", "silver_own_branches")
    assert scores() == (after_two, [2, 2, 2])

    team.bring({2: None}, (3,), at=3)  # No row is left to say so.
    team.run()
    assert scores() == ([(1, "Lisbon", 20, 2), (3, "Faro", 10, 3)], [3, 3])

    shutil.copy(tmp_path / "older.duckdb", team.home / "raw.duckdb")
    team.run("--no-sync")
    built = json.loads((team.home / "state" / "build.json").read_text())
    assert built["reasons"] == ["an older raw of own was put back"]
    assert scores() == (after_two, [4, 4, 4])


def test_what_goes_to_quarantine_goes_from_a_model_that_reads_load_by_load(tmp_path: Path) -> None:
    team = team_alone(tmp_path)
    stock = Stock(team, tmp_path / "stock", "incremental_deduplicated")
    (team.project / "models/gold/own/mart_stock.sql").write_text(
        "{{ config(materialized='by_load', batch_column=none,"
        " unique_key='branch', contract={'enforced': false}) }}\n"
        "select branch, worth, '{{ invocation_id }}' as built_by\n"
        "from {{ ref('bronze_stock__stock') }} where {{ in_load_window('stock') }}\n"
    )
    team.bring({1: "Lisbon"})

    def made() -> dict[int, int]:
        """In which of the builds so far, from 0, each row was made."""
        rows = gold(team.home, "select branch, built_by from gold.mart_stock order by branch")
        return {branch: known.setdefault(by, len(known)) for branch, by in rows}

    known: dict[str, int] = {}
    stock.bring({1: 10, 2: 20, 3: 30}, at=1)
    team.run()
    assert made() == {1: 0, 2: 0, 3: 0}
    stock.bring({1: 11}, at=2)
    team.run()
    assert stock.mart() == [(1, "11.00"), (2, "20.00"), (3, "30.00")]
    assert made() == {1: 1, 2: 0, 3: 0}

    stock.bring({1: 12, 2: 1.234}, at=3)
    team.run()
    assert stock.mart() == [(1, "12.00"), (3, "30.00")]
    assert made() == {1: 2, 3: 2}

    stock.bring({1: 1.234}, at=4)
    team.bring({2: "Porto"}, at=2)
    team.run(code=EXIT_HELD)
    assert stock.mart() == [(1, "12.00"), (3, "30.00")]
    assert made() == {1: 2, 3: 2}
    stock.bring({3: 31}, at=5)
    team.run()
    assert stock.mart() == [(3, "31.00")]
    assert made() == {3: 3}
    stock.bring({2: 21}, at=6)
    team.run()
    assert stock.mart() == [(2, "21.00"), (3, "31.00")]
    assert made() == {2: 4, 3: 3}
