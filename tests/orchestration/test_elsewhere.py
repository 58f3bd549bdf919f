"""Days that the command line built are told to the page, once, and only when they stand."""

import pytest
from dagster import AssetKey, DagsterInstance, DagsterRunStatus, build_sensor_context

from orchestration.command_line_builds import DAYS_A_TICK, LAST
from orchestration.jobs import DAY
from orchestration.translators import DOCS, RELEASE
from tests.orchestration.conftest import define
from tests.orchestration.support import FIRST, MIDDLE, deliver
from tests.orchestration.support import LAST as HELD
from tradehouse.home import locks, state
from tradehouse.home.paths import Home

TRADES = AssetKey(["silver", "silver_trades"])
MODEL = "model.tradehouse.silver_trades"
# As the command line leaves it: rows are counted at the end, not with each model.
NODE = {"status": "success", "seconds": 1.5, "rows": None, "columns": {"trade_id": "BIGINT"}}
ROWS = {"bronze": {}, "silver": {"silver_trades": 7}, "gold": {}}


def record(status="passed", days=(FIRST, MIDDLE)):
    batches = [{"batch": n, "batch_date": day, "is_accepted": True} for n, day in enumerate(days)]
    held = {"batch": 99, "batch_date": HELD, "is_accepted": False}
    batches.append(held)
    return {"id": "1", "status": status, "batches": batches, "nodes": {MODEL: NODE}, "rows": ROWS}


@pytest.fixture
def defined(prepared, home):
    deliver(home / "landing", days=2)
    state.write(Home(home), "build", record())
    return define(prepared)


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as opened:
        yield opened


def tick(defined, instance):
    context = build_sensor_context(instance=instance, definitions=defined)
    return defined.resolve_sensor_def("days_built_elsewhere").evaluate_tick(context).skip_message


def test_days_that_were_built_are_told_once(defined, instance):
    assert tick(defined, instance) == f"Told: {FIRST}, {MIDDLE}"

    for key in (AssetKey(["raw", "brokerage", "trade"]), TRADES, LAST):
        assert instance.get_materialized_partitions(key) == {FIRST, MIDDLE}
    told = instance.get_latest_materialization_event(TRADES).asset_materialization
    assert told.metadata["dagster/row_count"].value == 7
    assert told.metadata["dagster/column_schema"].value.columns[0].type == "BIGINT"
    version = defined.resolve_asset_graph().get(TRADES).code_version
    assert told.tags["dagster/code_version"] == version
    assert tick(defined, instance) == "Every day that is built is known."


def test_loads_without_a_day_are_told_once_on_the_newest(home, defined, instance):
    tick(defined, instance)
    for number in (1, 2):
        loads = {"built_loads": {"own": [number, 1500000000000000 + number]}}
        state.write(Home(home), "build", record() | loads)
        assert tick(defined, instance) == f"Told: {MIDDLE}"
        assert tick(defined, instance) == "Every day that is built is known."
    told = instance.fetch_materializations(TRADES, limit=10).records
    assert [one.partition_key for one in told] == [MIDDLE, MIDDLE, MIDDLE, FIRST]


def test_loads_of_a_home_without_a_brokerage_are_told_without_a_day(home, defined, instance):
    loads = {"built_loads": {"own": [1, 1500000000000000]}}
    state.write(Home(home), "build", record(days=()) | loads)
    assert tick(defined, instance) == "Told: what has no day"
    assert tick(defined, instance) == "Every day that is built is known."
    [told] = instance.fetch_materializations(TRADES, limit=10).records
    assert told.partition_key is None


def test_what_is_not_published_or_documented_is_not_told_to_be(defined, instance):
    tick(defined, instance)

    assert instance.get_materialized_partitions(RELEASE) == set()
    assert instance.get_materialized_partitions(DOCS) == set()


def test_a_long_history_is_told_bit_by_bit(home, defined, instance):
    days = [f"2019-07-{day:02}" for day in range(1, DAYS_A_TICK + 2)]
    state.write(Home(home), "build", record(days=days))

    tick(defined, instance)
    assert instance.get_materialized_partitions(LAST) == set(days[:DAYS_A_TICK])
    tick(defined, instance)
    assert instance.get_materialized_partitions(LAST) == set(days)


@pytest.mark.parametrize("status", ["tests failed", "begun", "was done in part"])
def test_a_build_that_did_not_pass_is_not_told(home, defined, instance, status):
    state.write(Home(home), "build", record(status))

    assert tick(defined, instance) == "Every day that is built is known."
    assert instance.get_materialized_partitions(TRADES) == set()


def test_while_somebody_writes_nothing_is_told(home, defined, instance):
    with locks.writing(Home(home)):
        tick(defined, instance)
    job = defined.resolve_job_def(DAY)
    instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
    tick(defined, instance)

    assert instance.get_materialized_partitions(TRADES) == set()


TEST = "test.tradehouse.silver_trades_keeps_rules"


def told_checks(instance, defined):
    graph = defined.resolve_asset_graph()
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        list(graph.asset_check_keys)
    )
    return {
        f"{key.asset_key.to_user_string()}:{key.name}": one.event.dagster_event.event_specific_data
        for key, one in found.items()
    }


def with_tests(prepared, outcome, **more):
    unique_id = next(one for one in prepared["nodes"] if one.startswith(f"{TEST}."))
    test = {"status": outcome, "seconds": 0.2, "message": "Got 3 results"}
    started = {"started_at": "2026-11-28T10:00:00+00:00", **more}
    made = record() | started
    return made | {"nodes": {**made["nodes"], unique_id: test}}


def test_tests_of_a_build_of_the_command_line_are_told_with_its_days(
    home, prepared, defined, instance
):
    counted = {"stream": "trade", "delivered": 3, "typed": 2, "quarantined": 1, "dropped": 0}
    batches = record()["batches"][:2]
    made = with_tests(prepared, "pass", streams=[counted], batches=batches)
    state.write(Home(home), "build", made)

    assert tick(defined, instance) == f"Told: {FIRST}, {MIDDLE}"

    told = told_checks(instance, defined)
    assert told["silver/silver_trades:silver_trades_keeps_rules"].passed
    assert told["raw/brokerage/trade:rows_are_conserved"].passed
    assert told["raw/brokerage/batch_date:every_batch_is_accepted"].passed
    assert tick(defined, instance) == "Every day that is built is known."


def test_a_test_that_failed_is_told_though_the_day_is_not(home, prepared, defined, instance):
    failed = with_tests(prepared, "fail", status="tests failed")
    state.write(Home(home), "build", failed)

    assert tick(defined, instance) == "Told: 1 tests"

    told = told_checks(instance, defined)["silver/silver_trades:silver_trades_keeps_rules"]
    assert not told.passed
    assert told.description == "Got 3 results"
    assert instance.get_materialized_partitions(TRADES) == set()


def test_what_the_page_knows_newer_is_not_told_again(home, prepared, defined, instance):
    state.write(Home(home), "build", with_tests(prepared, "fail", status="tests failed"))
    tick(defined, instance)
    older = with_tests(prepared, "pass", status="tests failed", id="2")
    state.write(Home(home), "build", older)

    assert tick(defined, instance) == "Every day that is built is known."
    assert not told_checks(instance, defined)[
        "silver/silver_trades:silver_trades_keeps_rules"
    ].passed
