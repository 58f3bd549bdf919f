"""`tradehouse run --resume`: what is left of a build that failed or died, and the same gold."""

import json
from types import SimpleNamespace

import pytest

from tests.compare_gold import compare_files
from tests.landing import write_landing
from tests.tradehouse.support import (
    command,
    copy_project,
    deliver,
    kill_at,
    part,
    published_batches,
    take,
)
from tradehouse.build import execution, journal, resume
from tradehouse.build.partial_build import DONE
from tradehouse.dbt import fingerprint
from tradehouse.errors import UsageError
from tradehouse.home import state
from tradehouse.home.files import stamp_file
from tradehouse.home.paths import Home
from tradehouse.home.records import Node, Outcome
from tradehouse.loads.brokerage import stamp_landing

pytestmark = pytest.mark.xdist_group("resume")

CODE = "code"


def node_of(status):
    return {"status": status, "seconds": 0.1, "code": CODE, "is_early": False}


@pytest.fixture
def half_built(tmp_path):
    """A home whose build of a -> b -> c failed in b; a test of a passed."""
    home = Home(tmp_path)
    home.prepare()
    home.raw.write_text("raw")
    home.warehouse.write_text("warehouse")
    nodes = {
        "model.tradehouse.a": node_of("success"),
        "test.tradehouse.of_a": node_of("pass"),
        "model.tradehouse.b": node_of("error"),
        "model.tradehouse.c": node_of("skipped"),
    }
    record = {
        "id": "1",
        "status": Outcome.FAILED,
        "nodes": nodes,
        "inputs": {"deliveries": {"3": 1}, "last_batch": None},
        "raw": stamp_file(home.raw),
        "warehouse": stamp_file(home.warehouse),
        "built_before": [["brokerage", 2, 2, 1, 20]],
        "last_batch": None,
    }
    state.write(home, "build", record)
    journal.begin(home, "1")
    for name, one in nodes.items():
        journal.note(home, name, Node(**one))
    return home


def graph(*edges: tuple[str, str]):
    """A manifest of models, and tests named `of_<model>`, with an edge (parent, child) each."""
    names = {name for edge in edges for name in edge}
    ids = {name: f"{'test' if name[:3] == 'of_' else 'model'}.tradehouse.{name}" for name in names}
    return SimpleNamespace(
        nodes={
            ids[name]: SimpleNamespace(
                name=name,
                resource_type=ids[name].split(".")[0],
                depends_on=SimpleNamespace(nodes=[ids[one] for one, two in edges if two == name]),
            )
            for name in names
        }
    )


MANIFEST = graph(("a", "b"), ("b", "c"), ("a", "of_a"), ("c", "of_c"))
FINGERPRINTS = dict.fromkeys(MANIFEST.nodes, CODE)


@pytest.fixture
def rest(monkeypatch):
    """What is left, on the graph above, with a batch that waits; changed code by keyword."""
    built = [("brokerage", 2, 2, 1, 20)]
    monkeypatch.setattr("tradehouse.home.warehouse_queries.built", lambda home: built)

    def rest(home, **fingerprints):
        changed = {f"model.tradehouse.{name}": value for name, value in fingerprints.items()}
        runner = SimpleNamespace(parse=lambda: MANIFEST, fingerprints={**FINGERPRINTS, **changed})
        rebuild = fingerprint.names_with_downstream(MANIFEST, set(changed))
        plan = execution.Plan("", [3], {3: 1}, reasons=["batch 3 waits"], rebuild=rebuild)
        monkeypatch.setattr("tradehouse.build.execution.make_plan", lambda *_, from_batch: plan)
        return resume.find_rest(home, runner)

    rest.built = built
    return rest


def test_what_failed_and_what_is_downstream_is_left(half_built, rest):
    found = rest(half_built)

    assert found.select == ["b", "c", "of_c"]
    assert found.plan.reasons == ["resumed: 3 of 5 nodes are left", "batch 3 waits"]


def test_changed_code_is_built_from_nothing_with_what_is_downstream(half_built, rest):
    found = rest(half_built, a="mended")

    assert found.select == ["a", "b", "c", "of_a", "of_c"]
    assert found.plan.rebuild == ["a", "b", "c"]
    assert rest(half_built, c="mended").select == ["b", "c", "of_c"]


def test_a_window_that_is_no_longer_known_is_not_resumed(half_built, rest):
    rest.built.append(("brokerage", 3, 3, 1, 30))

    assert rest(half_built).startswith("built_loads stands already")
    assert rest(half_built, b="mended").select == ["b", "c", "of_c"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda home: state.forget(home, "build"), "nothing was built yet"),
        (lambda home: set_build(home, status=Outcome.PASSED), "the last build passed"),
        (lambda home: set_build(home, nodes={}), "nothing of the last build stands"),
        (lambda home: home.raw.write_text("more"), "raw was written since the last build began"),
        (lambda home: home.warehouse.write_text("x"), "the warehouse was changed by somebody else"),
        (lambda home: home.warehouse.unlink(), "the warehouse was changed by somebody else"),
    ],
    ids=["none", "passed", "another", "raw", "warehouse", "no_warehouse"],
)
def test_what_has_changed_since_is_named_and_not_resumed(half_built, rest, change, said):
    assert resume.look(half_built).obstacle == ""
    change(half_built)

    assert resume.look(half_built).obstacle == said
    assert rest(half_built) == said


def set_build(home, **values):
    state.write(home, "build", {**state.read(home, "build"), **values})


def test_a_killed_build_is_resumed_unless_the_warehouse_is_another_file(half_built, rest):
    set_build(half_built, status=Outcome.BEGUN, nodes={})
    half_built.warehouse.write_text("written by the build before it died")
    assert rest(half_built).select == ["b", "c", "of_c"]
    assert resume.describe(half_built) == (
        "The last build was killed in b; 2 models, seeds and tests stand. "
        "Go on with the others: tradehouse run --resume"
    )

    half_built.warehouse.rename(half_built.root / "put_away")
    half_built.warehouse.write_text("from a backup")
    assert rest(half_built) == "the warehouse was changed by somebody else"


def test_the_journal_of_another_build_counts_for_nothing(half_built, rest):
    set_build(
        half_built, status=Outcome.BEGUN, id="2", nodes={"model.tradehouse.a": node_of("success")}
    )

    assert rest(half_built) == "nothing of the last build stands"


def test_a_sync_is_repeated_only_when_there_is_something_to_take(half_built, tmp_path):
    landing = write_landing(tmp_path / "landing", {"Batch1/BatchDate.txt": b"2019-06-29\r\n"})
    stamp = stamp_landing(landing)
    sync = {"status": "succeeded", "errors": [], "landing_stamp": stamp}
    state.write(half_built, "sync", sync)
    assert resume.what_was_delivered_since(half_built, landing) == ""

    state.write(half_built, "sync", {**sync, "errors": [{"code": "file_missing"}]})
    said = "the last sync did not take everything"
    assert resume.what_was_delivered_since(half_built, landing) == said

    state.write(half_built, "sync", sync)
    write_landing(landing, {"Batch2/BatchDate.txt": b"2019-06-30\r\n"})
    said = "the landing directory changed since the last sync"
    assert resume.what_was_delivered_since(half_built, landing) == said


def test_whatever_is_left_of_a_journal_tells_no_more_than_was_written(half_built):
    path = half_built.state / "build.jsonl"
    whole = path.read_bytes()
    full = journal.read(half_built).nodes

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert journal.read(half_built).nodes.items() <= full.items()


def test_options_that_change_what_is_built_are_refused():
    with pytest.raises(UsageError, match=r"combined with --rebuild, --all-tests\."):
        resume.require_plain({"--rebuild": True, "--full-refresh": False, "--all-tests": True})


@pytest.fixture
def project(tmp_path):
    """A copy of the project whose silver trades and a test of gold need a file to be there."""
    project = copy_project(tmp_path / "project")
    model = project / "models" / "silver" / "trading" / "silver_trades.sql"
    condition = f"(select count(*) from read_csv('{tmp_path}/service.csv')) >= 0"
    model.write_text(f"select * from (\n{model.read_text()}\n) as trades where {condition}\n")
    return project


def done(nodes):
    return {name: one for name, one in nodes.items() if one["status"] in DONE}


@pytest.mark.slow
def test_a_failed_run_is_resumed_from_what_failed(published, undisturbed, project, tmp_path):
    deliver(published, days=2)

    failed = command(published, "run", project=project)

    assert failed.returncode == 1, failed.stderr
    said = command(published, "status", project=project).stdout
    assert "The last build failed in silver_trades; " in said
    assert "tradehouse run --resume" in said
    assert published_batches(published) == [(1, 1), (2, 1)]
    stood = json.loads((published / "state" / "build.json").read_text())["nodes"]

    (tmp_path / "service.csv").write_text("a\n1\n")
    resumed = command(published, "run", "--resume", project=project)

    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "not repeated" in resumed.stderr
    record = json.loads((published / "state" / "build.json").read_text())
    good = done(stood)
    assert "model.tradehouse.silver_trades" not in good
    assert {name: record["nodes"][name] for name in good} == good
    assert record["resumed_after"] == len(good) > 50
    assert record["rebuilt"][:2] == ["batch_counts", "built_loads"]
    assert record["tests"]["passed"] == sum(
        name.startswith("test.") and one["status"] == "pass"
        for name, one in record["nodes"].items()
    )
    assert compare_files(undisturbed, published / "releases/current/tradehouse.duckdb") == []
    assert "Nothing new" in command(published, "run", "--resume", project=project).stdout


@pytest.mark.slow
def test_a_mended_model_is_taken_by_the_resumed_run(published, undisturbed, tmp_path):
    project = copy_project(tmp_path / "broken")
    model = project / "models" / "gold" / "core" / "dim_account.sql"
    sound = model.read_text()
    model.write_text(sound.replace("status", "nothing_of_that_name"))
    deliver(published, days=2)
    assert command(published, "run", project=project).returncode == 1

    model.write_text(sound)
    resumed = command(published, "run", "--resume", project=project)

    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "not repeated" in resumed.stderr
    record = json.loads((published / "state" / "build.json").read_text())
    assert record["resumed_after"] > 50
    assert compare_files(undisturbed, published / "releases/current/tradehouse.duckdb") == []


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.85], ids=["silver", "gold"])
def test_a_killed_run_is_resumed_from_what_was_committed(published, undisturbed, share):
    deliver(published, days=2)
    kill_at(published, part(share))
    record = journal.complete(Home(published), state.last_build(Home(published)))
    stood = sum(node.status in DONE for node in record.nodes.values())
    assert stood > share * 100
    assert "The last build was killed" in command(published, "status").stdout

    outcome = take(published, resume=True)

    assert (outcome.exit_code, outcome.not_resumed) == (0, "")
    assert outcome.builds[0].resumed_after == stood
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]
    assert compare_files(undisturbed, published / "releases/current/tradehouse.duckdb") == []


@pytest.mark.slow
def test_a_failed_test_keeps_the_release_and_is_repeated_alone(published, tmp_path):
    project = copy_project(tmp_path / "project")
    test = project / "tests" / "data" / "assert_no_industry_is_called_aerospace.sql"
    test.write_text("select in_id, 'wrong' as verdict from {{ ref('industry') }} order by in_id\n")
    before = published_batches(published)
    assert command(published, "run", project=project).returncode == 4
    first = json.loads((published / "state" / "build.json").read_text())["nodes"]

    again = command(published, "run", "--resume", "--json", project=project)

    assert again.returncode == 4
    facts = json.loads(again.stdout)
    assert facts["not_resumed"] == ""
    assert [one["test"] for one in facts["failures"]] == [test.stem]
    assert "tests failed in assert_no_industry_is_called_aerospace" in facts["resume"]
    record = json.loads((published / "state" / "build.json").read_text())
    assert record["resumed_after"] == len(done(first)) > 100
    assert published_batches(published) == before
