"""How metrics get into a release, and that a changed one makes a new release."""

import json

import pytest

from tests.tradehouse.support import PROJECT
from tradehouse.build import execution
from tradehouse.dbt.runner import DbtRunner
from tradehouse.home import state
from tradehouse.home.paths import Home

pytestmark = pytest.mark.xdist_group("run")


def test_a_release_has_the_definitions_of_its_metrics(published):
    path = published / "releases" / "current" / "semantic_manifest.json"
    found = json.loads(path.read_text())
    assert {"commission", "churn", "assets_under_custody"} <= {
        one["name"] for one in found["metrics"]
    }
    relations = {one["node_relation"]["relation_name"] for one in found["semantic_models"]}
    assert '"gold"."mart_trades"' in relations
    assert str(PROJECT) not in path.read_text()
    assert path.stat().st_size < 200_000


def test_changed_metrics_are_a_reason_to_build(published):
    home = Home(published)
    record = state.last_build(home)
    record.project_digest = "another"
    state.keep(home, record)
    runner = DbtRunner(home)
    assert execution.make_plan(home, runner).reasons == []

    record.semantics_digest = "another"
    state.keep(home, record)
    assert execution.make_plan(home, runner).reasons == ["metrics changed"]
