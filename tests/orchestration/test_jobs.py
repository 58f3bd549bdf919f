"""The job of a day, executed on the hand-written brokerage: whole, again, in part, and failing."""

import os
import subprocess
import sys
import threading
import time

import duckdb
import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetSelection,
    DagsterEventType,
    TableColumnDep,
)
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from orchestration import assembly, manifest, partitions
from orchestration.checks import ACCEPTED, CONSERVED
from tests.compare_gold import compare_files
from tests.landing import write_landing
from tests.orchestration.support import (
    FILES,
    FIRST,
    LAST,
    MIDDLE,
    evaluated,
    materialized,
    open_instance,
    why,
)
from tradehouse.home import locks, state
from tradehouse.home.paths import PROJECT, Home
from tradehouse.home.records import Outcome
from tradehouse.publish import releases

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("orchestration")]

CONTROL_FIGURES = ("gold/di_messages", "assert_control_figures_are_met")


def gold(home, query):
    with duckdb.connect(home / "releases/current/tradehouse.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def executable(definitions):
    graph = definitions.resolve_asset_graph()
    return {
        key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).is_executable
    }


def test_days_go_from_the_streams_to_the_release_and_no_further(loaded, copied):
    result = loaded.result

    assert result.success, why(result)
    assert materialized(result) == executable(copied.definitions)
    assert set(evaluated(result)) == {
        (key.asset_key.to_user_string(), key.name)
        for key in copied.definitions.resolve_asset_graph().asset_check_keys
    }
    assert all(evaluated(result).values())
    # Three days are delivered, two were asked for.
    [release] = releases.list_releases(Home(loaded.home))
    assert [batch.batch_date for batch in release.batches] == [FIRST, MIDDLE]
    for key in ("raw/brokerage/trade", "silver/silver_trades", "gold/dim_trade"):
        days = copied.instance.get_materialized_partitions(AssetKey(key.split("/")))
        assert days == {FIRST, MIDDLE}


def test_metadata_says_what_was_loaded_and_built(loaded):
    told = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization
        for event in loaded.result.all_events
        if event.is_step_materialization
    }

    def metadata(key: str) -> dict:
        found: AssetMaterialization = told[key]
        return {name: entry.value for name, entry in found.metadata.items()}

    files = FILES
    lines = sum(files[f"Batch{n}/Trade.txt"].count(b"\n") for n in (1, 2))
    size = sum(len(files[f"Batch{n}/Trade.txt"]) for n in (1, 2))
    raw = metadata("raw/brokerage/trade")
    assert (raw["records"], raw["bytes"]) == (lines, size)
    assert raw["records_per_second"] > 0
    assert raw["state"] == {"delivery_by_batch": {"1": 1, "2": 1}}
    trades = metadata("gold/dim_trade")["dagster/row_count"]
    assert [(trades,)] == gold(loaded.home, "select count(*) from gold.dim_trade")
    assert metadata("gold/dim_trade")["seconds"] > 0
    release = metadata("release")
    assert release["days"] == [FIRST, MIDDLE]
    assert release["rows_by_table"]["dim_trade"] == trades
    [conserved] = [
        one
        for one in loaded.result.get_asset_check_evaluations()
        if (one.asset_key.path[-1], one.check_name) == ("trade", CONSERVED)
    ]
    counts = {name: entry.value for name, entry in conserved.metadata.items()}
    assert counts["rows_delivered"] == lines
    assert counts["rows_typed"] + counts["rows_quarantined"] + counts["rows_dropped"] == lines


def test_columns_and_quarantine_are_told_with_types_and_descent(loaded):
    entries = {"ASSET_MATERIALIZATION": {}, "ASSET_OBSERVATION": {}}
    for event in loaded.result.all_events:
        if event.event_type_value in entries:
            told = event.event_specific_data
            found = getattr(told, "materialization", None) or told.asset_observation
            known = entries[event.event_type_value].setdefault(event.asset_key.to_user_string(), {})
            known |= {name: entry.value for name, entry in found.metadata.items()}
    made, seen = entries["ASSET_MATERIALIZATION"], entries["ASSET_OBSERVATION"]

    with duckdb.connect(loaded.home / "warehouse.duckdb", read_only=True) as connection:
        for table in ("bronze.bronze_brokerage__trade", "gold.dim_trade"):
            described = connection.execute(f"describe {table}").fetchall()
            columns = made[table.replace(".", "/")]["dagster/column_schema"].columns
            assert [(one.name, one.type) for one in columns] == [row[:2] for row in described]
            assert all(column.description for column in columns)
    lines = sum(FILES[f"Batch{n}/Trade.txt"].count(b"\n") for n in (1, 2))
    assert seen["bronze/bronze_brokerage__trade"]["rows_delivered"] == lines
    assert seen["bronze/bronze_brokerage__trade"]["rows_quarantined"] == 0
    lineage = seen["gold/dim_account"]["dagster/column_lineage"].deps_by_column
    assert TableColumnDep(AssetKey(["silver", "silver_accounts"]), "status") in lineage["status"]


def test_a_layer_is_built_by_itself_and_with_all_behind_it(loaded, copied):
    graph = copied.definitions.resolve_asset_graph()
    silver = AssetSelection.key_prefixes(["silver"])
    layer = {key.to_user_string() for key in silver.resolve(graph)}
    behind = {key.to_user_string() for key in silver.downstream().resolve(graph)}

    alone = copied.day(MIDDLE, select=sorted(layer))
    whole = copied.day(MIDDLE, select=sorted(behind & executable(copied.definitions)))

    assert alone.success, why(alone)
    assert materialized(alone) == layer
    assert {asset.split("/")[0] for asset, _ in evaluated(alone)} == {"silver"}
    assert whole.success, why(whole)
    assert materialized(whole) == behind & executable(copied.definitions)
    assert {"gold/fact_holdings", "docs", "release"} <= materialized(whole)
    assert not any(key.startswith(("raw/", "bronze/bronze_")) for key in materialized(whole))
    current = "releases/current/tradehouse.duckdb"
    assert compare_files(copied.home / current, loaded.home / current) == []


def test_a_day_that_is_run_again_gives_the_same_gold(loaded, copied):
    result = copied.day(MIDDLE)

    assert result.success, why(result)
    assert materialized(result) == executable(copied.definitions)
    record = state.read(Home(copied.home), "build")
    assert record["reasons"] == ["batch 2 was asked for again"]
    assert len(releases.list_releases(Home(copied.home))) == 2
    current = "releases/current/tradehouse.duckdb"
    assert compare_files(copied.home / current, loaded.home / current) == []


def test_a_model_can_be_built_by_itself(copied):
    home = Home(copied.home)

    result = copied.day(MIDDLE, select=["gold/dim_broker"])

    assert result.success, why(result)
    assert materialized(result) == {"gold/dim_broker"}
    assert {asset for asset, _ in evaluated(result)} == {"gold/dim_broker"}
    assert state.last_build(home).status == Outcome.PASSED
    assert len(releases.list_releases(home)) == 1


def test_a_run_that_failed_goes_on_with_what_is_left(copied):
    """A column that is not the model's is in its way; then it is removed."""
    with duckdb.connect(copied.home / "warehouse.duckdb") as connection:
        connection.execute("alter table silver.silver_watches add column in_the_way integer")

    failed = copied.day(LAST)
    with duckdb.connect(copied.home / "warehouse.duckdb") as connection:
        connection.execute("alter table silver.silver_watches drop column in_the_way")
    left = executable(copied.definitions) - materialized(failed)
    resumed = copied.day(LAST, select=sorted(left))

    assert not failed.success
    assert "silver_watches" in why(failed)
    assert {"silver/silver_watches", "gold/fact_watches", "docs", "release"} <= left
    assert not {"silver/silver_trades", "gold/dim_date"} & left
    assert resumed.success, why(resumed)
    assert materialized(resumed) == left
    [_, release] = releases.list_releases(Home(copied.home))
    assert [batch.batch_date for batch in release.batches] == [FIRST, MIDDLE, LAST]


def test_a_failed_check_stops_what_is_downstream_and_leaves_the_release(copied):
    name = "Batch3/Trade_audit.csv"
    wrong = FILES[name].replace(b",T_NEW,1", b",T_NEW,2")
    write_landing(copied.home / "landing", {name: wrong})
    before = releases.find_current(Home(copied.home))

    result = copied.day(LAST)

    assert not result.success
    checks = evaluated(result)
    assert checks[CONTROL_FIGURES] is False
    assert [one for one, passed in checks.items() if not passed] == [CONTROL_FIGURES]
    assert not {"silver/built_loads", "docs", "release"} & materialized(result)
    assert "assert_control_figures_are_met" in why(result)
    assert releases.find_current(Home(copied.home)) == before


def test_a_batch_that_is_held_is_shown_and_what_came_before_is_published(copied):
    rows = FILES["Batch3/Trade.txt"].count(b"\n")
    write_landing(copied.home / "landing", {"Batch3/Trade.txt": b"no trade\r\n" * rows})

    result = copied.day(LAST)

    assert result.success, why(result)
    failed = [one for one, passed in evaluated(result).items() if not passed]
    assert ("raw/brokerage/batch_date", ACCEPTED) in failed
    current = [one for one in releases.list_releases(Home(copied.home)) if one.is_current]
    assert [batch.batch_date for batch in current[0].batches] == [FIRST, MIDDLE]


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        ("Batch3/*", f"No batch of {LAST} was delivered"),
        ("Batch3/Trade.txt", "Batch3/Trade.txt is missing"),
    ],
)
def test_a_day_that_cannot_be_loaded_is_refused_at_once(copied, gone, sentence):
    for path in (copied.home / "landing").glob(gone):
        path.unlink()

    result = copied.day(LAST)

    assert not result.success
    assert materialized(result) == set()
    assert sentence in why(result)
    retries = [e for e in result.all_events if e.event_type == DagsterEventType.STEP_UP_FOR_RETRY]
    assert retries == []


def test_one_process_writes_and_the_others_wait_or_say_so(copied):
    """The command line is refused while Dagster writes; Dagster waits while another one does."""
    home, seen = Home(copied.home), []

    def ask() -> None:
        while not any(code == 5 for code, _ in seen) and len(seen) < 200:
            holder = locks.find_holder(home)
            if holder is not None and holder["command"].startswith("Dagster run"):
                done = subprocess.run(
                    [sys.executable, "-m", "tradehouse.cli.parser", "run"],
                    env={**os.environ, "PYTHONPATH": str(PROJECT)},
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                seen.append((done.returncode, done.stderr))
            time.sleep(0.05)

    asking = threading.Thread(target=ask)
    with locks.writing(home):
        asking.start()
        waiting = threading.Thread(
            target=lambda: seen.append((0, copied.day(MIDDLE, select=["docs"])))
        )
        waiting.start()
        time.sleep(3)
        assert waiting.is_alive()
    waiting.join(120)
    again = copied.day(MIDDLE, select=["gold/dim_date", "gold/dim_trade"])
    asking.join(60)

    result = next(one for code, one in seen if code == 0)
    logs = copied.instance.all_logs(result.run_id)
    assert any("Waiting for `" in entry.user_message for entry in logs)
    assert result.success, why(result)
    assert again.success, why(again)
    [refused] = [words for code, words in seen if code == 5]
    assert "Another process is writing into" in refused
    assert "Dagster run" in refused


def test_a_model_whose_code_changed_is_shown_as_stale(loaded, prepared, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_HOME", str(loaded.home))
    partitions.brokerage_days.cache_clear()
    changed = {**manifest.read_codes(), "model.tradehouse.dim_broker": "changed"}
    graph = assembly.assemble(prepared, changed).resolve_asset_graph()
    keys = [AssetKey(["gold", name]) for name in ("dim_broker", "dim_date")]

    with open_instance(loaded.home) as instance:
        context = LoadingContextForTest(instance)
        stale = CachingStaleStatusResolver(instance, graph, context)
        found = [stale.get_status(key, MIDDLE) for key in keys]

    assert found == [StaleStatus.STALE, StaleStatus.FRESH]
