"""What a build says: models in the order of the graph, those left out as unchanged."""

import pytest
from dagster import AssetKey, AssetSpec, MaterializeResult, TableColumn, TableSchema

from orchestration.build_events import Describer, OrderedMaterializations, observe_streams
from orchestration.translators import UNIQUE_ID
from tradehouse.dbt.runner import NodeResult
from tradehouse.home.files import write_json
from tradehouse.home.paths import Home
from tradehouse.home.records import Build, Outcome
from tradehouse.publish import lineage

A, B, C, D = (AssetKey(name) for name in "abcd")
PARENTS = {A: [AssetKey("raw")], B: [A], C: [B, A], D: []}


def node(status: str = "success") -> NodeResult:
    return NodeResult("n", "model.n", "model", status, 0.5, 0, "", 7)


@pytest.fixture
def describer(tmp_path):
    words = TableSchema([TableColumn("n", "?", "Number."), TableColumn("old", "?", "Gone.")])
    specs = [
        AssetSpec(key, metadata={UNIQUE_ID: f"model.t.{key.path[-1]}"}) for key in (A, B, C, D)
    ]
    specs[2] = specs[2].merge_attributes(metadata={"dagster/column_schema": words})
    made = {"model.t.c": {"n": [["model.t.b", "m"], ["source.t.shop.bill", "id"], ["x.y.z", "?"]]}}
    home = Home(tmp_path)
    home.docs.mkdir(parents=True)
    write_json(home.docs / lineage.COLUMNS, {"made_from": made})
    return Describer(home, specs)


@pytest.fixture
def said():
    return []


def keys(said: list[MaterializeResult]) -> list[tuple[AssetKey, bool]]:
    return [(one.asset_key, "is_unchanged" in (one.metadata or {})) for one in said]


def test_what_a_model_reads_is_told_before_it(said, describer):
    told = OrderedMaterializations(PARENTS, {A, B, C, D}, describer, said.append)

    told.add(C, node())
    told.add(B, node())
    assert said == []
    told.add(A, node())
    assert keys(said) == [(A, False), (B, False), (C, False)]
    told.add_rest()

    assert keys(said)[3:] == [(D, True)]
    assert said[0].metadata == {"seconds": 0.5, "dagster/row_count": 7}


def test_what_was_never_told_of_is_unchanged_when_the_build_went_well(said, describer):
    told = OrderedMaterializations(PARENTS, {A, B, C}, describer, said.append)

    told.add(C, node())
    told.add_rest()

    assert keys(said) == [(A, True), (B, True), (C, False)]


def test_what_was_not_chosen_is_not_told(said, describer):
    told = OrderedMaterializations(PARENTS, {C}, describer, said.append)

    told.add(A, node())
    told.add(C, node())
    told.add_rest()

    assert keys(said) == [(C, False)]


@pytest.mark.parametrize("status", ["error", "skipped"])
def test_what_failed_is_not_told(said, status, describer):
    told = OrderedMaterializations(PARENTS, {A, B}, describer, said.append)

    told.add(A, node(status))

    assert said == []
    assert told.waiting == {A, B}


def test_types_are_those_of_the_table_and_words_those_of_the_project(describer):
    built = NodeResult("c", "model.t.c", "model", "success", 0.5, 0, "", 7, {"n": "BIGINT"})

    told = describer.describe(C, built)

    assert told["dagster/column_schema"] == TableSchema([TableColumn("n", "BIGINT", "Number.")])
    assert told["dagster/row_count"] == 7


def test_column_lineage_names_columns_of_models_and_of_raw_streams(describer):
    [observation] = describer.observe_lineage()

    assert observation.asset_key == C
    found = observation.metadata["dagster/column_lineage"].value.deps_by_column
    assert [(one.asset_key.to_user_string(), one.column_name) for one in found["n"]] == [
        ("b", "m"),
        ("raw/shop/bill", "id"),
    ]
    assert "dagster/column_lineage" in describer.describe(C, node())
    assert "dagster/column_lineage" not in describer.describe(B, node())


def test_what_became_of_a_stream_is_told_of_its_bronze_models():
    first, second, control = (AssetKey(["bronze", name]) for name in ("fin", "cmp", "file_rows"))
    raw = [AssetKey(["raw", "brokerage", name]) for name in ("finwire", "trade")]
    parents = {first: raw[:1], second: raw[:1], control: raw, AssetKey(["silver", "s"]): raw[:1]}
    counts = {"delivered": 9, "typed": 6, "quarantined": 2, "dropped": 1}
    record = Build(status=Outcome.PASSED, streams=[{"stream": "finwire", **counts}])

    told = {one.asset_key: one.metadata for one in observe_streams(record, parents, parents)}

    assert set(told) == {first, second}
    assert {name: entry.value for name, entry in told[first].items()} == {
        f"rows_{name}": number for name, number in counts.items()
    }
