"""What spares dbt time changes nothing of what it does: each measure beside dbt as it is."""

import ast
import io
import os
import re
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from types import SimpleNamespace

import pytest
import yaml

from tests.compare_gold import GOLD_TABLES, MARTS, compare_files
from tests.tradehouse.support import copy_home, deliver
from tradehouse.dbt import speedups
from tradehouse.errors import UsageError
from tradehouse.home import state
from tradehouse.home.paths import PROJECT, Home

SCHEMAS = """
import json, sys
from tradehouse.dbt import speedups
if sys.argv[1] == "prepared":
    speedups.prepare()
    speedups.prepare()
import dbt.cli.main
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.artifacts.resources import ModelConfig, SeedConfig, SourceConfig, TestConfig
from dbt.contracts.graph.unparsed import UnparsedModelUpdate, UnparsedSourceDefinition
from dbt.contracts.project import Project, ProjectFlags
kinds = [DuckDBCredentials, ModelConfig, SeedConfig, SourceConfig, TestConfig]
kinds += [UnparsedModelUpdate, UnparsedSourceDefinition, Project, ProjectFlags]
print(json.dumps({kind.__name__: kind.json_schema() for kind in kinds}, sort_keys=True))
"""


def test_dbt_checks_the_same_when_it_starts_faster():
    as_it_is, prepared = (
        subprocess.run(
            [sys.executable, "-c", SCHEMAS, how], capture_output=True, text=True, check=True
        ).stdout
        for how in ("as it is", "prepared")
    )
    assert prepared == as_it_is
    assert '"default": ' in prepared


@pytest.fixture
def events():
    """dbt's events, as they are made sparing; `original` fires them as dbt does by itself."""
    speedups.prepare()
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.logger import LineFormat, LoggerConfig

    def manager_of(level, *callbacks):
        manager, stream = EventManager(), io.StringIO()
        name = f"test_{id(stream)}"
        text = LineFormat.PlainText
        config = LoggerConfig(name=name, level=level, line_format=text, output_stream=stream)
        manager.add_logger(config)
        for callback in callbacks:
            manager.add_callback(callback)
        return manager, stream

    return SimpleNamespace(
        level=EventLevel, manager_of=manager_of, original=EventManager.fire_event.original
    )


def some_events():
    from dbt.adapters.events.types import SQLQuery
    from dbt.events.types import LogStartLine, MainEncounteredError, NodeFinished
    from dbt_common.events.types import Formatting, Note

    node = {"node_name": "orders", "unique_id": "model.shop.orders"}
    return [
        (SQLQuery(conn_name="main", sql="select 1", node_info=node), None),
        (NodeFinished(node_info=node, run_result={"status": "success", "num_failures": 3}), None),
        (LogStartLine(description="orders", index=1, total=7, node_info=node), None),
        (Note(msg="told to everybody"), "INFO"),
        (Formatting("an empty line"), "DEBUG"),
        (MainEncounteredError(exc="out of paper"), None),
    ]


def test_events_are_told_as_dbt_tells_them(events):
    told = {"sparing": [], "original": []}
    lines = {}
    for how, found in told.items():
        callback = found.append
        manager, stream = events.manager_of(events.level.DEBUG, callback)
        for event, level in some_events():
            chosen = events.level[level] if level else None
            if how == "sparing":
                manager.fire_event(event, chosen)
            else:
                events.original(manager, event, chosen)
        lines[how] = [line[line.find("  ") :] for line in stream.getvalue().splitlines()]

    assert [message.info.name for message in told["sparing"]] == [
        "SQLQuery",
        "NodeFinished",
        "LogStartLine",
        "Note",
        "Formatting",
        "MainEncounteredError",
    ]
    assert [message.data for message in told["sparing"]] == [
        message.data for message in told["original"]
    ]
    assert [(m.info.level, m.info.msg, m.info.code) for m in told["sparing"]] == [
        (m.info.level, m.info.msg, m.info.code) for m in told["original"]
    ]
    assert lines["sparing"] == lines["original"]
    assert told["sparing"][1].data.run_result.num_failures == 3


def test_a_debug_event_is_told_to_who_hears_it_and_made_for_nobody_else(events):
    told = []

    class Watcher:
        hears = frozenset({"NodeFinished"})

        def __call__(self, message):
            told.append(message.info.name)

    manager, stream = events.manager_of(events.level.INFO, Watcher())
    fired = some_events()
    for event, level in fired:
        manager.fire_event(event, events.level[level] if level else None)

    assert told == ["NodeFinished", "LogStartLine", "Note", "MainEncounteredError"]
    assert "out of paper" in stream.getvalue()
    assert "select 1" not in stream.getvalue()
    made = [type(event).__name__ for event, _ in fired if "pb_msg" in event.__dict__]
    assert made == told


def test_what_is_printed_is_told_at_any_level(events):
    from dbt_common.events.types import PrintEvent

    manager, stream = events.manager_of(events.level.INFO)
    manager.fire_event(PrintEvent(msg="said by a macro"), events.level.DEBUG)
    assert "said by a macro" in stream.getvalue()


def test_an_event_can_be_read_and_changed_before_it_is_told(events):
    (query, _), *_ = some_events()
    assert query.sql == "select 1"
    (query, _), *_ = some_events()
    query.sql = "select 2"
    assert query.to_dict()["sql"] == "select 2"
    assert query.to_dict()["node_info"]["node_name"] == "orders"


@pytest.fixture
def as_it_is(monkeypatch):
    """Say whether `prepare` would replace anything, with other versions or settings."""
    monkeypatch.delenv(speedups.SETTING, raising=False)
    done = []
    monkeypatch.setattr(speedups, "MEASURES", {"one": lambda: done.append("one")})

    def is_as_it_is():
        done.clear()
        speedups.prepare()
        return done == []

    return is_as_it_is


def test_one_setting_leaves_dbt_as_it_is(as_it_is, monkeypatch):
    assert not as_it_is()
    for said, is_off in (("off", True), ("on", False), ("", False)):
        monkeypatch.setenv(speedups.SETTING, said)
        assert as_it_is() is is_off
    monkeypatch.setenv(speedups.SETTING, "0")
    with pytest.raises(UsageError, match="should be on or off"):
        as_it_is()


def test_dbt_of_other_versions_is_left_as_it_is(as_it_is, monkeypatch):
    monkeypatch.setattr(speedups, "TESTED_PYTHONS", ((2, 7),))
    assert as_it_is()
    monkeypatch.undo()
    for name in speedups.TESTED:
        with monkeypatch.context() as patched:
            patched.setitem(speedups.TESTED, name, "0.0")
            assert not speedups.are_applied()


def test_the_versions_of_the_lock_are_those_that_are_tested():
    assert speedups.are_applied()
    lines = (PROJECT / "requirements.lock").read_text().splitlines()
    locked = dict(line.split()[0].split("==") for line in lines if "==" in line.split(";")[0])
    assert {name: locked[name] for name in speedups.TESTED} == speedups.TESTED
    matrix = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text())["jobs"]["check"]
    pythons = matrix["strategy"]["matrix"]["python"]
    assert [tuple(map(int, one.split("."))) for one in pythons] == [*speedups.TESTED_PYTHONS]


def take_day(home, way):
    """Take a day in a new process; returns what dbt compiled and ran, and what it said of it."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.dbt_speedups", f"--without={way}", "run"],
        cwd=PROJECT,
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "TRADEHOUSE_HOME": str(home),
            speedups.SETTING: "off" if way == "off" else "on",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    texts = {
        str(path.relative_to(home)): re.sub(r"__dbt_tmp\d+", "__dbt_tmp", path.read_text())
        for folder in ("compiled", "run")
        for path in (home / "target" / folder).rglob("*")
        if path.is_file()
    }
    nodes = state.read(Home(home), "build")["nodes"]
    said = {name: {k: v for k, v in one.items() if k != "seconds"} for name, one in nodes.items()}
    return texts, said


@pytest.mark.slow
@pytest.mark.xdist_group("run")
def test_a_day_is_compiled_and_built_as_by_dbt_as_it_is(finished, tmp_path):
    """With each measure alone and with both: the same SQL, results and rows."""
    found, released = {}, {}
    for way in ("off", *speedups.MEASURES, "none left out"):
        home = copy_home(finished.home, tmp_path / way.replace(" ", "_") / "home")
        deliver(home, days=2)
        found[way] = take_day(home, way)
        released[way] = home / "releases" / "current" / "tradehouse.duckdb"
    texts, said = found["off"]
    assert len(texts) > 100
    assert any(one.endswith("dim_trade.sql") for one in texts)
    assert len(said) > 100
    for way, of in found.items():
        assert of == (texts, said), way
        assert compare_files(released["off"], released[way], GOLD_TABLES + MARTS) == []


def test_nothing_that_is_run_is_kept_in_a_home(published):
    """Neither by its name nor by what it begins with; connectors' own environments are apart."""
    names = {".py", ".pyc", ".pickle", ".pkl", ".marshal", ".so", ".dill"}
    begins = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x7fELF", MAGIC_NUMBER)
    found = [path for path in published.rglob("*") if path.is_file()]
    assert found
    assert [path for path in found if path.suffix in names] == []
    assert [path for path in found if path.read_bytes()[:4].startswith(begins)] == []


def test_the_code_unpickles_and_executes_no_file():
    modules = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "runpy", "joblib"}
    for package in ("tradehouse", "orchestration", "ingestion", "connectors", "simulator"):
        for path in (PROJECT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    names = {alias.name.split(".")[0] for alias in node.names}
                    names.add((getattr(node, "module", None) or "").split(".")[0])
                    assert not names & modules, path
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    assert node.func.id not in ("exec", "eval", "compile"), path


def test_compiled_templates_that_a_former_version_kept_in_a_home_go(published):
    kept = published / "target" / "templates.marshal"
    kept.write_bytes(b"of a former version")
    Home(published).tidy()
    assert not kept.exists()
