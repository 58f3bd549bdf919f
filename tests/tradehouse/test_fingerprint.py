"""What a change of the project means: which nodes differ, and what is built again for it."""

import os
from pathlib import Path

import pytest

from tests.tradehouse.support import copy_project
from tradehouse.build import selection
from tradehouse.dbt import fingerprint, runner
from tradehouse.dbt.runner import DbtRunner
from tradehouse.home.paths import Home
from tradehouse.home.records import Change

pytestmark = pytest.mark.xdist_group("fingerprint")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("fingerprint") / "project")


@pytest.fixture
def parse(project, tmp_path_factory, monkeypatch):
    """Parse the copy of the project; what a test changes is put back."""
    monkeypatch.setattr("tradehouse.dbt.runner.PROJECT", project)
    home = Home(project.parent / "home")
    monkeypatch.setenv("TRADEHOUSE_HOME", str(home.root))
    home.prepare()
    home.raw.touch()
    before = {path: path.read_bytes() for path in project.rglob("*.*") if path.is_file()}
    yield lambda: DbtRunner(home).parse()
    for path, content in before.items():
        if path.read_bytes() != content:
            path.write_bytes(content)


@pytest.fixture
def rebuilt(project, parse):
    """Return the names that a change makes to be built again, and the changed nodes."""
    before = fingerprint.fingerprint_nodes(parse(), project)

    def find() -> tuple[set[str], set[str]]:
        manifest = parse()
        now = fingerprint.fingerprint_nodes(manifest, project)
        changed = fingerprint.changed_nodes(before, now)
        return set(fingerprint.names_with_downstream(manifest, changed)), changed

    return find


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_changed_model_is_built_again_with_all_downstream_and_nothing_else(project, rebuilt):
    change(project / "models/gold/core/industry.sql", "in_name", "upper(in_name) as in_name")

    names, changed = rebuilt()

    assert {one.split(".")[-1] for one in changed} == {"industry"}
    assert {"industry", "built_loads"} <= names
    assert not names & {"dim_date", "silver_trades", "bronze_brokerage__industry"}


def test_a_changed_macro_means_the_models_that_use_it(project, rebuilt):
    change(project / "macros/party/phone_number.sql", "|| ') '", "|| ')'")

    names, _ = rebuilt()

    assert {"silver_customers", "dim_customer", "dim_account"} <= names
    assert not names & {"dim_date", "dim_security", "bronze_brokerage__customer"}


def test_a_changed_seed_means_what_reads_it(project, rebuilt):
    change(project / "seeds/customer_tiers.csv", "tier 1", "the first tier")

    names, _ = rebuilt()

    assert "customer_tiers" in names
    assert not names & {"dim_date", "dim_security", "bronze_brokerage__customer"}


def test_descriptions_and_owners_build_nothing(project, rebuilt):
    for path in (project / "models/gold/core").glob("*.yml"):
        change(path, "description: >\n      ", "description: >\n      Newly said. ")

    assert rebuilt() == (set(), set())


OWN = {
    "macros/own.sql": "{% macro own() %}{{ var('threshold', 1) }}{% endmacro %}",
    "models/gold/marts/own_variable.sql": "select {{ own() }} as threshold",
    "models/gold/marts/own_environment.sql": "select '{{ env_var('OWN_PLACE', '') }}' as place",
    "models/gold/marts/own_view.sql": "select * from {{ ref('own_seed') }}",
    "models/gold/marts/own_contract.sql": "{{ config(schema='Gold', contract={'enforced': true}) }}"
    " select count(*) as one from {{ ref('own_history') }}",
    "models/gold/marts/_own.yml": "models: [{name: own_contract, columns: [{name: one, "
    "data_type: bigint}]}]",
    "snapshots/own_history.sql": "{% snapshot own_history %}{{ config(schema='gold', "
    "unique_key='trade_id', strategy='check', check_cols='all') }}"
    " select * from {{ ref('dim_trade') }}{% endsnapshot %}",
    "models/gold/marts/own_days.sql": "{{ config(materialized='table') }}"
    " select max(batch_date) as last_day from {{ ref('bronze_brokerage__batch_date') }}",
    "models/gold/marts/own_last_day.sql": "{{ config(materialized='view') }}"
    " select * from {{ ref('own_days') }}",
    "seeds/own_seed.csv": "id,value\n" + "1,1\n" * 300_000,
}


@pytest.fixture
def own(project):
    """The copy of the project with what a team may have added to it."""
    for name, content in OWN.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(content)
    yield project
    for name in OWN:
        (project / name).unlink()


def test_variables_types_and_large_seeds_are_noticed(own, rebuilt, monkeypatch):
    digests = [fingerprint.digest_project(own)]

    def changed(*names):
        digests.append(fingerprint.digest_project(own))
        found, _ = rebuilt()
        assert found == set(names)
        assert len(set(digests)) == len(digests)

    monkeypatch.setenv("OWN_PLACE", "here")
    changed("own_environment")
    monkeypatch.delenv("OWN_PLACE")

    monkeypatch.setenv("TRADEHOUSE_REPORTING_CURRENCY", "CAD")
    changed(
        *("mart_customer_monthly_trading", "silver_history_days", "mart_days", "mart_positions"),
        *("mart_customer_days", "mart_customers", "mart_largest_customers"),
        *("mart_largest_securities", "built_loads"),
    )
    monkeypatch.delenv("TRADEHOUSE_REPORTING_CURRENCY")
    monkeypatch.setenv("TRADEHOUSE_THREADS", "1")
    assert fingerprint.digest_project(own) == digests[0]

    change(own / "dbt_project.yml", "name: tradehouse", "vars: {threshold: 9}\nname: tradehouse")
    changed("own_variable")
    change(own / "dbt_project.yml", "vars: {threshold: 9}\n", "")

    change(own / "seeds/own_seed.csv", "1,1\n", "1,2\n")
    changed("own_seed", "own_view")
    change(own / "seeds/own_seed.csv", "1,2\n", "1,1\n")

    change(own / "models/gold/marts/_own.yml", "bigint", "bigint, constraints: [{type: not_null}]")
    changed("own_contract")


SAID = {
    "dim_date": "{tags: [finance], meta: {class: public}}",
    "dim_time": "{access: private, group: analytics_engineering, meta: {class: public}}",
    "industry": "{meta: {release_key: [in_id], class: public}}",
    "status_type": "{meta: {owner: Sales, contact: sales@example.com, class: public}}",
    "tax_rate": "{docs: {show: false}, meta: {class: public}}",
    "trade_type": "{grants: {select: [sales]}, meta: {class: public}}",
}


def test_what_says_how_it_is_built_or_who_may_read_it_is_noticed(project, rebuilt):
    path = project / "models/gold/core/_reference.yml"
    models = path.read_text().split("  - name: ")
    for number, text in enumerate(models[1:], start=1):
        model = text.partition("\n")[0]
        assert text.count("    config: {meta: {class: public}}\n") == 1
        models[number] = text.replace("{meta: {class: public}}", SAID[model], 1)
    path.write_text("  - name: ".join(models))

    _, changed = rebuilt()

    assert {one.split(".")[-1] for one in changed} == SAID.keys() - {"status_type", "tax_rate"}


def test_another_class_of_a_column_makes_another_release(project, rebuilt):
    path = project / "models/gold/core/_party.yml"
    column = "{name: account_desc, data_type: varchar,"
    change(path, f"{column} config: *personal,", column)

    _, changed = rebuilt()

    assert {one.split(".")[-1] for one in changed} == {"dim_account"}


def live(table):
    """What a day brings that has rows in one table."""
    tables = {table, *selection.ALWAYS_LIVE}
    return {selection.LEDGER, *(("brokerage", each) for each in tables)}


def test_snapshots_and_what_reads_days_are_reached_and_schemas_have_no_case(own, parse):
    manifest = parse()

    assert {"own_history", "own_contract"} <= set(selection.names_to_run(manifest, live("trade")))
    assert {"own_history", "own_contract"} <= set(
        selection.gold_changes(manifest, live("trade"), set())
    )
    assert "own_history" not in selection.names_to_run(manifest, live("cash_transaction"))
    assert "own_days" in selection.names_to_run(manifest, live("cash_transaction"))
    assert {"own_days", "own_last_day"} <= set(selection.gold_changes(manifest, live("hr"), set()))
    [model] = [node for node in manifest.nodes.values() if node.name == "own_contract"]
    assert model.schema == "gold"


def test_a_file_whose_name_is_no_text_counts_like_any_other(project):
    digest = fingerprint.digest_project(project)
    path = Path(os.fsdecode(os.fsencode(project / "models") + b"/caf\xe9.txt"))
    path.write_text("not read by dbt")
    try:
        assert fingerprint.digest_project(project) != digest
    finally:
        path.unlink()


def test_the_digest_of_the_project_differs_with_any_file_dbt_reads(project, parse):
    digests = [fingerprint.digest_project(project)]
    for name in ("seeds/customer_tiers.csv", "macros/party/phone_number.sql", "dbt_project.yml"):
        path = project / name
        path.write_bytes(path.read_bytes() + b"\n")
        digests.append(fingerprint.digest_project(project))
    (project / "README.md").write_text("not read by dbt")

    assert len(set(digests)) == 4
    assert fingerprint.digest_project(project) == digests[-1]


def test_only_what_rows_can_reach_is_run_and_published(parse):
    manifest = parse()

    personnel = set(selection.names_to_run(manifest, live("hr")))
    assert {"bronze_brokerage__hr", "silver_brokers", "silver_accounts"} <= personnel
    assert {"bronze_batches", "quarantine", "built_loads", "di_messages"} <= personnel
    assert not {"bronze_brokerage__trade", "silver_customers", "silver_companies"} & personnel
    assert not {"bronze_brokerage__time", "dim_time", "dim_trade"} & personnel
    assert "silver_trades" in personnel
    assert any(name.startswith("keeps_rules_dim_broker_") for name in personnel)
    assert not any(name.startswith("keeps_rules_dim_time_") for name in personnel)

    newswire = selection.gold_changes(manifest, live("finwire"), set())
    assert {"dim_company", "dim_security", "financial", "mart_security_performance"} <= set(
        newswire
    )
    assert not {"dim_customer", "prospect", "dim_date", "tax_rate"} & set(newswire)
    assert newswire["fact_market_history"] == Change(key=["batch_id"])
    assert newswire["dim_company"] == Change()


def test_rows_of_every_stream_reach_every_model_and_test_but_those_of_seeds(parse):
    manifest = parse()
    streams = {(one.source_name, one.identifier) for one in manifest.sources.values()}

    reached = {node.unique_id for node in selection.reached_nodes(manifest, streams)}

    left_out = {
        unique_id
        for unique_id, node in manifest.nodes.items()
        if node.resource_type in ("model", "test") and unique_id not in reached
    }
    assert all(
        parent.startswith("seed.")
        for unique_id in left_out
        for parent in manifest.nodes[unique_id].depends_on.nodes
    )
    # What no rows can reach is run whenever the code of a seed changes, as part of everything.
    assert all(unique_id.startswith("test.") for unique_id in left_out)


def test_tables_are_the_same_whatever_the_case_of_their_names(parse):
    manifest = parse()
    for table in (("brokerage", "TRADE"), ("BROKERAGE", "trade"), ("brokerage", "*")):
        reached = set(selection.names_to_run(manifest, {table}))
        assert {"bronze_brokerage__trade", "silver_trades"} <= reached
        assert ("bronze_brokerage__hr" in reached) == (table[1] == "*")


def test_what_yaml_says_of_a_test_outlives_a_change_of_what_it_reads(project, parse):
    def said():
        return {
            node.name: node.config.meta
            for node in parse().nodes.values()
            if node.resource_type == "test" and node.name.startswith("assert_")
        }

    before = said()
    change(project / "models/silver/trading/silver_trades.sql", "with", "-- Changed.\nwith")
    assert said() == before
    moved = project / "models/gold/core/_moved.yml"
    (project / "models/gold/core/_trading.yml").rename(moved)
    assert said() == before
    moved.rename(project / "models/gold/core/_trading.yml")


def test_what_says_that_loads_are_built_comes_behind_every_model(parse):
    manifest = parse()
    [last] = [node for node in manifest.nodes.values() if node.name == "built_loads"]
    reads = list(last.depends_on.nodes)
    with runner._behind_all(manifest):
        models = {one for one, node in manifest.nodes.items() if node.resource_type == "model"}
        assert models - {last.unique_id} <= set(last.depends_on.nodes)
    assert last.depends_on.nodes == reads
