"""Keys, groups, owners and promises: what the translator makes of dbt's and the sources' words."""

from datetime import timedelta

import pytest
from dagster import AssetKey, DailyPartitionsDefinition, FreshnessPolicy

from ingestion import declarations
from orchestration import translators
from orchestration.translators import Translator

DAYS = DailyPartitionsDefinition("2019-06-29")
TRADES = "model.tradehouse.silver_trades"
SEED = "seed.tradehouse.stream_expectations"
SOURCE = "source.tradehouse.brokerage.trade"


@pytest.fixture
def translator():
    return Translator({TRADES: "code-of-trades"}, DAYS, "http://docs/index.html")


def props(manifest, unique_id):
    return manifest["sources" if unique_id.startswith("source") else "nodes"][unique_id]


@pytest.mark.parametrize(
    ("unique_id", "key", "group"),
    [
        (SOURCE, ["raw", "brokerage", "trade"], "raw_brokerage"),
        (TRADES, ["silver", "silver_trades"], "silver_trading"),
        ("model.tradehouse.dim_trade", ["gold", "dim_trade"], "gold_core"),
        ("model.tradehouse.quarantine", ["bronze", "quarantine"], "observability_gate"),
        (SEED, ["seeds", "stream_expectations"], "seeds"),
    ],
)
def test_keys_are_relations_and_groups_are_folders(prepared, translator, unique_id, key, group):
    node = props(prepared, unique_id)

    assert translator.get_asset_key(node) == AssetKey(key)
    assert translator.get_group_name(node) == group


def test_a_raw_stream_has_the_key_of_the_source_that_dbt_reads(prepared, translator):
    brokerage = declarations.read("brokerage")
    made = {spec.key for spec in translator.raw_specs(brokerage, prepared)}
    read = {
        translator.get_asset_key(source)
        for source in prepared["sources"].values()
        if source["source_name"] == "brokerage"
    }

    assert made == read
    assert translators.raw_key("brokerage", "trade") in made


def test_code_versions_are_the_fingerprints_of_the_build(prepared, translator):
    assert translator.get_code_version(props(prepared, TRADES)) == "code-of-trades"
    assert translator.get_code_version(props(prepared, SEED)) is None


def test_tags_name_the_layer(prepared, translator):
    assert translator.get_tags(props(prepared, TRADES))["tradehouse/layer"] == "silver"


def test_owners_are_the_group_of_a_model_and_the_owner_of_a_source(prepared, translator):
    spec = translator.get_asset_spec(prepared, TRADES, None)

    assert list(spec.owners) == ["analytics-engineering@example.com"]
    assert translator.get_owners(props(prepared, SOURCE)) == ["data-engineering@example.com"]
    assert translators.team("data-platform") == "team:data-platform"
    assert translators.team("Desk <desk@example.com>") == "desk@example.com"
    assert translators.team("Sales management") == "team:Sales-management"


def test_metadata_has_columns_and_the_way_to_their_lineage(prepared, translator):
    metadata = translator.get_metadata(props(prepared, "model.tradehouse.dim_trade"))

    columns = {column.name: column for column in metadata["dagster/column_schema"].columns}
    assert columns["sk_broker_id"].description
    link = "http://docs/index.html#!/model/model.tradehouse.dim_trade"
    assert metadata["documentation"].value == link
    lineage = "http://docs/lineage.html?model=model.tradehouse.dim_trade&parents=1&children=1"
    assert metadata["column lineage"].value == lineage
    assert "documentation" not in translator.get_metadata(props(prepared, SOURCE))
    assert "documentation" not in Translator({}, DAYS).get_metadata(props(prepared, TRADES))


def test_models_and_seeds_are_partitioned_by_day(prepared, translator):
    assert translator.get_partitions_def(props(prepared, TRADES)) == DAYS
    assert translator.get_partitions_def(props(prepared, SEED)) == DAYS


def test_every_data_test_is_a_check_of_one_asset_and_blocks_by_its_severity(prepared, translator):
    _, checks = translator.dbt_specs(prepared)
    tests = {
        one: node for one, node in prepared["nodes"].items() if node["resource_type"] == "test"
    }

    by_test = {check.metadata[translators.UNIQUE_ID]: check for check in checks}
    assert set(by_test) == set(tests), "name its asset in tests/data/_assets.yml"
    blocking = {one for one, check in by_test.items() if check.blocking}
    errors = {one for one, t in tests.items() if t["config"]["severity"].lower() == "error"}
    assert blocking == errors
    assert blocking != set(tests)


def test_a_test_of_several_models_belongs_to_the_one_it_names(prepared, translator):
    test = "test.tradehouse.assert_customers_carry_their_prospect"
    dim = translator.get_asset_spec(prepared, "model.tradehouse.dim_customer", None)
    other = translator.get_asset_spec(prepared, "model.tradehouse.prospect", None)

    assert translator.tested_by(prepared, test) == "model.tradehouse.dim_customer"
    check = translator.get_asset_check_spec(dim, prepared, test, None)
    assert check is not None
    assert [dep.asset_key for dep in check.additional_deps] == [AssetKey(["gold", "prospect"])]
    assert translator.get_asset_check_spec(other, prepared, test, None) is None


@pytest.mark.parametrize(
    ("test", "owner"),
    [
        ({"attached_node": "model.a"}, "model.a"),
        ({"depends_on": {"nodes": ["model.b"]}}, "model.b"),
        ({}, None),
        ({"config": {"meta": {"dagster": {"ref": {"name": "b"}}}}}, "model.b"),
        ({"config": {"meta": {"dagster": {"ref": {"name": "c"}}}}}, None),
    ],
)
def test_whose_check_a_test_is(translator, test, owner):
    both = {"depends_on": {"nodes": ["model.a", "model.b"]}, "config": {}}
    nodes = {"model.a": {"name": "a"}, "model.b": {"name": "b"}, "test.t": {**both, **test}}

    assert translator.tested_by({"nodes": nodes}, "test.t") == owner


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ({"description": "Said in yml.", "raw_code": "{# Not this. #}"}, "Said in yml."),
        (
            {"raw_code": "{{ config() }}\n{#\n  A returned row\n  is bad.\n#}"},
            "A returned row is bad.",
        ),
        ({"raw_code": "-- A returned\n-- row is bad.\nselect 1"}, "A returned row is bad."),
        ({"test_metadata": {"kwargs": {"model": "m", "not_null": ["a"]}}}, "not_null:\n- a\n"),
        ({"name": "plain"}, "plain"),
    ],
)
def test_a_check_says_what_its_test_says(test, words):
    assert translators.describe_test(test) == words


def test_freshness_is_what_the_declaration_promises(prepared, translator):
    brokerage = declarations.read("brokerage")
    spec = next(translator.raw_specs(brokerage, prepared))

    expected = FreshnessPolicy.time_window(
        fail_window=timedelta(hours=36), warn_window=timedelta(hours=27)
    )
    assert spec.freshness_policy == expected
    assert translators.freshness_of(None) is None


def test_streams_of_a_polled_source_can_be_left_out_and_have_no_days(prepared, translator):
    specs = list(translator.raw_specs(declarations.read("faker"), prepared))

    assert [spec.key.path for spec in specs] == [
        ["raw", "faker", name] for name in ("users", "products", "purchases")
    ]
    assert {spec.partitions_def for spec in specs} == {None}
    assert {spec.skippable for spec in specs} == {True}
    assert {spec.group_name for spec in specs} == {"raw_faker"}


def test_exposures_stand_behind_the_release_and_have_owners(prepared, translator):
    specs = {spec.key.path[-1]: spec for spec in translator.exposure_specs(prepared)}

    scorecard = specs["broker_scorecard"]
    read = {dep.asset_key.to_user_string() for dep in scorecard.deps}
    assert read == {"release", "gold/mart_broker_monthly_trading"}
    assert list(scorecard.owners) == ["sales-management@example.com"]
    assert scorecard.key == translators.exposure_key("broker_scorecard")
    stories = "http://127.0.0.1:3001/stories/branch-manager/index.html"
    assert scorecard.metadata["address"].url == stories
    assert "address" not in specs["security_sheet"].metadata
    assert all(spec.owners for spec in specs.values())
