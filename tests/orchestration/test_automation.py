"""When declarative automation makes the release: of each day whose gold is whole and sound."""

from collections.abc import Iterator

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetMaterialization,
    AssetSelection,
    DagsterInstance,
    evaluate_automation_conditions,
)

from orchestration.translators import DOCS, RELEASE
from tests.orchestration.support import FIRST, MIDDLE, deliver

pytestmark = pytest.mark.xdist_group("orchestration")


class Automation:
    """The condition of the release, evaluated as the daemon does: again and again."""

    def __init__(self, definitions, instance):
        self.definitions, self.instance, self.cursor = definitions, instance, None
        self.graph = definitions.resolve_asset_graph()
        read = self.graph.get(RELEASE).parent_keys
        self.blocking = {
            check
            for check in self.graph.asset_check_keys
            if check.asset_key in read and self.graph.get(check).blocking
        }
        self.others = {
            check
            for check in self.graph.asset_check_keys
            if check.asset_key in read and not self.graph.get(check).blocking
        }

    def evaluate(self) -> set[str]:
        """Return the days for which the release is asked for now."""
        found = evaluate_automation_conditions(
            defs=self.definitions,
            instance=self.instance,
            asset_selection=AssetSelection.assets(RELEASE),
            cursor=self.cursor,
        )
        self.cursor = found.cursor
        return set(found.get_requested_partitions(RELEASE))

    def build(self, day, without=()) -> None:
        """Tell that a day's gold and the documentation were made."""
        for key in self.graph.get(RELEASE).parent_keys - set(without):
            event = AssetMaterialization(key, partition=day)
            self.instance.report_runless_asset_event(event)

    def check(self, keys, passed=True) -> None:
        """Tell what came of checks."""
        for key in keys:
            event = AssetCheckEvaluation(
                asset_key=key.asset_key, check_name=key.name, passed=passed, metadata={}
            )
            self.instance.report_runless_asset_event(event)


@pytest.fixture
def automation(prepared, home) -> Iterator[Automation]:
    from tests.orchestration.conftest import define

    deliver(home / "landing", days=2)
    with DagsterInstance.ephemeral() as instance:
        found = Automation(define(prepared), instance)
        assert found.evaluate() == set()
        yield found


def test_a_day_whose_gold_is_sound_is_published(automation):
    assert len(automation.blocking) > 30
    automation.build(MIDDLE)
    automation.check(automation.blocking)

    assert automation.evaluate() == {MIDDLE}
    assert automation.evaluate() == set()


def test_a_failed_blocking_check_keeps_the_release_until_it_passed(automation):
    [one, *others] = sorted(automation.blocking, key=str)
    automation.build(FIRST)
    automation.check(others)
    automation.check([one], passed=False)

    assert automation.evaluate() == set()
    automation.check([one])
    assert automation.evaluate() == {FIRST}


def test_a_warning_does_not_keep_it(automation):
    automation.build(FIRST)
    automation.check(automation.blocking)
    automation.check(automation.others, passed=False)

    assert automation.evaluate() == {FIRST}


@pytest.mark.parametrize("missing", [DOCS, AssetKey(["gold", "dim_trade"])])
def test_a_day_that_is_built_in_part_is_not_published(automation, missing):
    automation.build(FIRST, without=[missing])
    automation.check(automation.blocking)

    assert automation.evaluate() == set()
