"""Builds of some models: what they leave to do, and when together they make a whole build."""

import pytest

from tests.tradehouse.support import deliver, gold, published_batches, take
from tradehouse import build, fingerprint, locks, state, syncing
from tradehouse.dbt_runner import DbtRunner
from tradehouse.errors import UsageError
from tradehouse.home import Home

pytestmark = pytest.mark.xdist_group("run")


def build_some(home: Home, runner: DbtRunner, names: list[str], **options) -> dict:
    with locks.writing(home):
        plan = build.make_plan(home, runner, **options)
        return build.build(home, runner, plan, select=names)


def names_of(runner: DbtRunner, layer: str) -> list[str]:
    return [
        node.name
        for node in runner.parse().nodes.values()
        if node.resource_type in fingerprint.BUILT and node.schema == layer
    ]


def test_one_model_of_a_finished_warehouse_leaves_a_build_that_may_be_published(published):
    home, told = Home(published), []
    runner = DbtRunner(home)
    runner.on_result = told.append

    record = build_some(home, runner, ["dim_broker"])

    assert record["status"] == build.PASSED
    assert build.require_passed(home, record) == record
    done = {result.name: result.status for result in told}
    assert done.pop("dim_broker") == "success"
    assert set(done.values()) == {"pass"}
    assert record["tests"]["passed"] > len(done) > 0


def test_layer_after_layer_makes_a_whole_build_and_nothing_less_does(published):
    home = Home(published)
    deliver(published, days=2)
    runner = DbtRunner(home)
    with locks.writing(home):
        syncing.sync(home, home.landing)
    before = state.read(home, "build")["batches"]

    with pytest.raises(UsageError, match="models are not"):
        build_some(home, runner, ["built_batches"])
    statuses = [
        build_some(home, runner, names_of(runner, layer))["status"]
        for layer in ("bronze", "silver", "bronze", "gold", "silver")
    ]

    assert len(before) == 2
    # `quarantine_unmatched` lies in bronze and reads silver, so it counts only when bronze comes
    # again; the last node lies in silver and is reached when gold is there.
    assert statuses == [build.PARTIAL] * 4 + [build.PASSED]
    assert take(published).exit_code == 0
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


def test_a_batch_that_is_built_again_gives_the_same_gold(published):
    home = Home(published)
    query = "from gold.dim_trade order by all"
    before = gold(published, query)
    runner = DbtRunner(home)

    with locks.writing(home):
        plan = build.make_plan(home, runner, from_batch=2)
        record = build.build(home, runner, plan)

    assert plan.reasons == ["batch 2 was asked for again"]
    assert (record["status"], record["test_from_batch"]) == (build.PASSED, 2)
    assert [batch["batch"] for batch in record["batches"]] == [1, 2]
    assert gold(published, query) == before
