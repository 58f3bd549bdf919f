"""Builds of some models: what they leave to do, and when together they make a whole build."""

import pytest

from tests.tradehouse.support import deliver, gold, published_batches, take
from tradehouse.build import execution
from tradehouse.dbt import fingerprint
from tradehouse.dbt.runner import DbtRunner
from tradehouse.errors import UsageError
from tradehouse.home import locks
from tradehouse.home.paths import Home
from tradehouse.home.records import Build, Outcome
from tradehouse.loads import brokerage_sync

pytestmark = pytest.mark.xdist_group("run")


def build_some(home: Home, runner: DbtRunner, names: list[str], on_result=None) -> Build:
    with locks.writing(home):
        plan = execution.make_plan(home, runner)
        return execution.build(home, runner, plan, select=names, on_result=on_result)


def halves(runner: DbtRunner) -> tuple[list[str], list[str]]:
    """All that customers flow into, and all that comes before or beside it."""
    manifest = runner.parse()
    [customers] = [one for one, node in manifest.nodes.items() if node.name == "silver_customers"]
    behind = fingerprint.names_with_downstream(manifest, {customers})
    nodes = [node for node in manifest.nodes.values() if node.resource_type in fingerprint.BUILT]
    return sorted({node.name for node in nodes} - set(behind)), behind


def test_one_model_of_a_finished_warehouse_leaves_a_build_that_may_be_published(published):
    home, told = Home(published), []

    record = build_some(home, DbtRunner(home), ["dim_broker"], told.append)

    assert record.status == Outcome.PASSED
    assert execution.require_passed(home, record) == record
    done = {result.name: result.status for result in told}
    assert done.pop("dim_broker") == "success"
    assert set(done.values()) == {"pass"}
    assert record.tests.passed > len(done) > 0


def test_parts_make_a_whole_build_in_the_order_of_the_graph_only(published):
    home = Home(published)
    deliver(published, days=2)
    runner = DbtRunner(home)
    with locks.writing(home):
        brokerage_sync.sync(home, home.landing)
    before, behind = halves(runner)

    with pytest.raises(UsageError, match="models are not"):
        build_some(home, runner, ["built_loads"])
    statuses = [build_some(home, runner, names).status for names in (behind, before, behind)]

    # What was built before the models it reads counts only when it comes again.
    assert statuses == [Outcome.PARTIAL, Outcome.PARTIAL, Outcome.PASSED]
    assert take(published).exit_code == 0
    assert published_batches(published) == [(1, 1), (2, 1), (3, 1)]


def test_a_batch_that_is_built_again_gives_the_same_gold(published):
    home = Home(published)
    query = "from gold.dim_trade order by all"
    before = gold(published, query)
    runner = DbtRunner(home)

    with locks.writing(home):
        plan = execution.make_plan(home, runner, from_batch=2)
        record = execution.build(home, runner, plan)

    assert plan.reasons == ["batch 2 was asked for again"]
    assert (record.status, record.test_from_batch) == (Outcome.PASSED, 2)
    assert [batch.batch for batch in record.batches] == [1, 2]
    assert gold(published, query) == before
