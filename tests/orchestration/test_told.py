"""What a build says: models in the order of the graph, those left out as unchanged."""

import pytest
from dagster import AssetKey, MaterializeResult

from orchestration.warehouse import _Told
from tradehouse.dbt_runner import NodeResult

A, B, C, D = (AssetKey(name) for name in "abcd")
PARENTS = {A: [AssetKey("raw")], B: [A], C: [B, A], D: []}


def node(status: str = "success") -> NodeResult:
    return NodeResult("n", "model.n", "model", status, 0.5, 0, "", 7)


@pytest.fixture
def said():
    return []


def keys(said: list[MaterializeResult]) -> list[tuple[AssetKey, bool]]:
    return [(one.asset_key, "is_unchanged" in (one.metadata or {})) for one in said]


def test_what_a_model_reads_is_told_before_it(said):
    told = _Told(PARENTS, {A, B, C, D}, said.append)

    told.add(C, node())
    told.add(B, node())
    assert said == []
    told.add(A, node())
    assert keys(said) == [(A, False), (B, False), (C, False)]
    told.add_rest()

    assert keys(said)[3:] == [(D, True)]
    assert said[2].metadata == {"seconds": 0.5, "dagster/row_count": 7}


def test_what_was_never_told_of_is_unchanged_when_the_build_went_well(said):
    told = _Told(PARENTS, {A, B, C}, said.append)

    told.add(C, node())
    told.add_rest()

    assert keys(said) == [(A, True), (B, True), (C, False)]


def test_what_was_not_chosen_is_not_told(said):
    told = _Told(PARENTS, {C}, said.append)

    told.add(A, node())
    told.add(C, node())
    told.add_rest()

    assert keys(said) == [(C, False)]


@pytest.mark.parametrize("status", ["error", "skipped"])
def test_what_failed_is_not_told(said, status):
    told = _Told(PARENTS, {A, B}, said.append)

    told.add(A, node(status))

    assert said == []
    assert told.waiting == {A, B}
