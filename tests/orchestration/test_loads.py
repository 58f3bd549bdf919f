"""Loads of polled sources on the page: a sensor sees what waits, a job builds and publishes it."""

import json

import pytest
from dagster import build_sensor_context

from orchestration import pending_loads
from tests.ingestion.conftest import Source, record, state, status, stream
from tests.ingestion.test_shipped_contracts import Shipped, rate
from tests.orchestration.support import why
from tests.tradehouse.support import gold
from tradehouse.home import state as home_state
from tradehouse.home.paths import Home
from tradehouse.publish import releases

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("orchestration")]


def tick(run):
    context = build_sensor_context(instance=run.instance, definitions=run.definitions)
    return run.definitions.resolve_sensor_def("loads_waiting").evaluate_tick(context)


def test_a_load_is_built_and_published_once(copied, tmp_path):
    home = Home(copied.home)
    assert tick(copied).skip_message == "Every load is built."
    source = Source(tmp_path)
    source.home = copied.home
    source.plays([record("a", {"n": 1}), state("a", 1), status("a")], streams=[stream("a")])
    assert source.sync().status == "succeeded"

    [request] = tick(copied).run_requests
    assert json.loads(request.run_key)["loads"] == {"played": 1}
    assert tick(copied).run_requests[0].run_key == request.run_key
    before = releases.find_current(home)
    job = copied.definitions.resolve_job_def(pending_loads.TAKE)
    result = job.execute_in_process(instance=copied.instance)

    assert result.success, why(result)
    assert tick(copied).skip_message == "Every load is built."
    build = home_state.read(home, "build")
    assert build["reasons"] == ["load 1 of played waits"]
    assert [load for load, _ in build["built_loads"].values()] == [1]
    assert releases.find_current(home) != before


def test_new_changed_and_removed_rows_reach_the_release_by_the_job(copied, tmp_path):
    source = Source(tmp_path)
    source.home = copied.home
    bank = Shipped(source, "exchange_rates")
    job = copied.definitions.resolve_job_def(pending_loads.TAKE)
    query = (
        "select currency, round(sum(traded_value) / sum(traded_value_usd), 2)"
        " from gold.mart_customer_monthly_trading where trades_completed > 0"
        " and customer_id in (select customer_id from gold.dim_customer where country = 'Canada')"
        " group by all order by all"
    )
    found = []
    for rates in (
        [],
        [rate("2000-01-03", "CAD", 1.5)],
        [rate("2000-01-03", "CAD", 2), rate("2000-01-04", "CAD", 4), rate("2000-01-04", "EUR", 9)],
        [rate("2000-01-04", "EUR", 9)],
    ):
        if rates:
            bank.bring(*rates)
            result = job.execute_in_process(instance=copied.instance)
            assert result.success, why(result)
        found.append(gold(copied.home, query))
    assert found == [[("USD", 1)], [("CAD", 1.5)], [("CAD", 4)], [("USD", 1)]]
