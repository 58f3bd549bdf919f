"""dbt in this process: parsing in a thread beside something else."""

import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from tradehouse.dbt.runner import DbtRunner
from tradehouse.errors import TradehouseError
from tradehouse.home.paths import PROJECT, Home


@pytest.fixture
def runner(home):
    return DbtRunner(Home(home))


def test_a_block_that_fails_leaves_no_parsing_behind(runner, monkeypatch):
    ended = []
    monkeypatch.setattr(runner, "_invoke_parse", lambda: (time.sleep(0.3), ended.append(True)))

    with pytest.raises(ValueError, match="the sync failed"), runner.parsing_in_background():
        raise ValueError("the sync failed")

    assert ended == [True]


def test_what_failed_beside_is_raised_where_it_is_needed(runner, monkeypatch):
    broken = SimpleNamespace(success=False, result=None, exception=ValueError("no such macro"))
    calls = []
    monkeypatch.setattr(runner, "_invoke_parse", lambda: calls.append(True) or broken)

    with runner.parsing_in_background():
        pass

    with pytest.raises(TradehouseError, match=r"dbt cannot read the project.*no such macro"):
        runner.parse()
    assert calls == [True]


def test_an_error_of_the_thread_is_raised_and_the_next_call_parses_again(runner, monkeypatch):
    def fail():
        raise OSError("no space left")

    monkeypatch.setattr(runner, "_invoke_parse", fail)
    with runner.parsing_in_background():
        pass
    with pytest.raises(OSError, match="no space left"):
        runner.parse()

    mended = SimpleNamespace(success=True, exception=None, result=SimpleNamespace(nodes={}))
    monkeypatch.setattr(runner, "_invoke_parse", lambda: mended)
    monkeypatch.setattr("tradehouse.dbt.runner.fingerprint_nodes", lambda *_: {})
    assert runner.parse() is mended.result


@pytest.mark.parametrize(
    ("from_nothing", "success", "compiles"),
    [(True, True, False), (False, True, True), (True, False, True)],
)
def test_docs_compile_only_what_no_build_compiled_from_nothing(
    runner, monkeypatch, from_nothing, success, compiles
):
    invoked = []
    plain = SimpleNamespace(name="plain", raw_code="select 1", tags=[])
    differing = SimpleNamespace(name="differing", raw_code="{{ flags.WHICH }}", tags=[])
    runner.manifest = SimpleNamespace(nodes={"a": plain, "b": differing})

    def invoke(arguments, *_, **__):
        invoked.append(arguments)
        return SimpleNamespace(success=success, result=None, exception=None)

    monkeypatch.setattr(runner, "_invoke", invoke)
    monkeypatch.setattr("dbt.parser.manifest.write_manifest", lambda *_: None)
    runner.build({}, from_nothing=from_nothing)
    runner.generate_docs()

    assert ("--no-compile" not in invoked[-1]) == compiles
    selected = [one[one.index("--select") :] for one in invoked if one[0] == "compile"]
    assert selected == ([] if compiles else [["--select", "differing"]])


@pytest.mark.slow
@pytest.mark.xdist_group("run")
def test_a_home_that_moved_and_has_other_settings_is_not_parsed_anew(published, monkeypatch):
    home = Home(published)
    monkeypatch.setenv("TRADEHOUSE_MEMORY_LIMIT", "900MB")

    parsed = DbtRunner(home).parse()

    said = (home.logs / "dbt.log").read_text().rpartition("Running with dbt")[2]
    assert "Registered adapter" in said
    assert "Unable to do partial parsing" not in said
    assert "Skipping parsing" not in said
    [model] = [node for node in parsed.nodes.values() if node.name == "dim_trade"]
    assert model.relation_name == '"warehouse"."gold"."dim_trade"'


TRACKED = """
import os, signal, time
from multiprocessing.resource_tracker import _resource_tracker as tracker
from tradehouse.dbt import runner
runner._start_resource_tracker()
os.kill(tracker._pid, signal.SIGHUP)
time.sleep(0.5)
assert os.waitpid(tracker._pid, os.WNOHANG) == (0, 0)
assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
"""


def test_a_hang_up_of_the_whole_group_leaves_pythons_own_process():
    done = subprocess.run(
        [sys.executable, "-c", TRACKED], cwd=PROJECT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
