"""The asset graph as a whole: its shape, what importing it costs and touches."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import AssetKey, AutomationCondition, BackfillPolicy

from orchestration import sources
from orchestration.translators import DOCS, RELEASE
from tests.orchestration.support import FIRST
from tradehouse.home.paths import PROJECT

LEDGER = AssetKey(["raw", "ledger", "loads"])  # The loader keeps it itself.
SNAPSHOT = Path(__file__).with_name("asset_graph.json")
IMPORT_RATIO = 1.7


def describe(definitions):
    """Return every asset with its group, what it reads, its blocking checks and its owners."""
    graph = definitions.resolve_asset_graph()
    found = {}
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        checks = [check for check in graph.asset_check_keys if check.asset_key == key]
        found[key.to_user_string()] = {
            "group": node.group_name,
            "reads": sorted(one.to_user_string() for one in node.parent_keys),
            "checks": len(checks),
            "blocking": sum(graph.get(check).blocking for check in checks),
            "owners": sorted(node.owners),
            "by_day": node.is_partitioned,
        }
    return found


def test_the_graph_is_the_one_that_was_looked_at(definitions):
    """`TRADEHOUSE_SNAPSHOT=write` writes it anew; look at the difference before committing it."""
    found = describe(definitions)
    if os.environ.get("TRADEHOUSE_SNAPSHOT") == "write":
        lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in found.items()]
        SNAPSHOT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")

    assert found == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_every_raw_stream_leads_to_an_exposure_and_nothing_stands_alone(definitions):
    graph = definitions.resolve_asset_graph()

    def downstream(key):
        reached, waiting = set(), [key]
        while waiting:
            for child in graph.get(waiting.pop()).child_keys:
                if child not in reached:
                    reached.add(child)
                    waiting.append(child)
        return reached

    streams = [key for key in graph.get_all_asset_keys() if key.path[:2] == ["raw", "brokerage"]]
    exposures = {key for key in graph.get_all_asset_keys() if key.path[0] == "exposures"}
    assert len(streams) == 21
    assert len(exposures) >= 4
    for stream in streams:
        assert {RELEASE, *exposures} <= downstream(stream), stream
    assert all(graph.get(key).group_name != "default" for key in graph.get_all_asset_keys())


def test_only_what_can_be_made_is_executable(definitions):
    graph = definitions.resolve_asset_graph()
    external = {key for key in graph.get_all_asset_keys() if not graph.get(key).is_executable}

    off = {one.name for one in sources.read_all() if not one.declaration.enabled}
    waiting = {key for key in external if key.path[0] == "raw" and key.path[1] in off}
    assert waiting, "sources that are off have their tables"
    assert {key.path[0] for key in external - waiting - {LEDGER}} == {"exposures"}
    assert LEDGER in external


def test_several_days_of_everything_are_one_run(definitions):
    """Assets of other days, or of none, would be taken out of a backfill into runs of their own."""
    graph = definitions.resolve_asset_graph()
    made = [graph.get(key) for key in graph.get_all_asset_keys() if graph.get(key).is_executable]

    assert len(made) > 90
    assert {node.partitions_def for node in made} == {graph.get(RELEASE).partitions_def}
    assert {node.backfill_policy for node in made} == {BackfillPolicy.single_run()}


def test_the_release_waits_for_sound_gold_under_declarative_automation_too(definitions):
    condition = definitions.resolve_asset_graph().get(RELEASE).automation_condition
    sound = AutomationCondition.all_deps_blocking_checks_passed()

    assert sound in condition.children
    assert definitions.resolve_asset_graph().get(DOCS).automation_condition is None


def test_days_begin_with_the_first_delivery(prepared, home):
    from tests.orchestration.conftest import define
    from tests.orchestration.support import deliver

    deliver(home / "landing", days=0)
    graph = define(prepared).resolve_asset_graph()

    days = graph.get(AssetKey(["raw", "brokerage", "trade"])).partitions_def
    assert days.get_first_partition_key() == FIRST
    assert days.get_last_partition_key() == FIRST


@pytest.mark.parametrize("ahead", [-700, -1, 0, 1, 400])
def test_days_end_with_the_last_delivery_also_today_and_after(home, ahead):
    from orchestration import partitions
    from tradehouse.home import state
    from tradehouse.home.paths import Home

    last = datetime.now(UTC).date() + timedelta(days=ahead)
    days = [str(last - timedelta(days=4)), str(last)]
    batches = [
        {"batch": n, "batch_date": day, "is_accepted": True} for n, day in enumerate(days, start=1)
    ]
    state.write(Home(home), "build", {"status": "passed", "batches": batches})
    partitions.brokerage_days.cache_clear()

    found = partitions.brokerage_days().get_partition_keys()
    assert (found[0], found[-1], len(found)) == (*days, 5)


def test_the_definitions_are_short():
    text = (PROJECT / "orchestration" / "definitions.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40


PROBE = """
import socket, sys
import duckdb
def refuse(*_, **__):
    raise AssertionError("touched at import")
duckdb.connect = socket.socket.connect = refuse
import orchestration.definitions
assert orchestration.definitions.defs.resolve_all_asset_specs()
"""


def test_importing_opens_no_database_and_no_network_and_needs_no_secret(prepared, home):
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**bare, "TRADEHOUSE_HOME": str(home), "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not home.exists()


def test_importing_costs_little_more_than_dagster_itself(prepared, home):
    """Processor time in turn with the libraries' own, since machines differ; 1.2 times on ours."""

    def seconds(modules):
        done = subprocess.run(
            [sys.executable, "-c", f"import time, {modules}; print(time.process_time())"],
            env={**os.environ, "TRADEHOUSE_HOME": str(home), "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return float(done.stdout)

    pairs = [(seconds("orchestration.definitions"), seconds("dagster, dagster_dbt"))]
    pairs += [(seconds("orchestration.definitions"), seconds("dagster, dagster_dbt"))]
    assert min(pair[0] for pair in pairs) < IMPORT_RATIO * min(pair[1] for pair in pairs), pairs


def test_no_two_definitions_share_a_name(definitions):
    """Jobs, graphs and ops of a repository share one namespace; only loading it as a whole asks."""
    assert definitions.get_repository_def().get_all_jobs()
