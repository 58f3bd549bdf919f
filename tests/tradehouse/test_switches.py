"""Sources that a home has switched on or off: everybody sees the same."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner

from orchestration import changes, sources
from tradehouse.cli import parser
from tradehouse.errors import UsageError
from tradehouse.home import files, state, switches
from tradehouse.home.paths import Home
from tradehouse.loads import freshness, polled, syncs

RATES = "exchange_rates"


def invoke(*arguments):
    return CliRunner().invoke(parser.app, list(arguments))


def on(home):
    """Return what each reader takes for switched on."""
    listed = json.loads(invoke("sources", "list", "--json").stdout)
    shown = sources.read_all()
    dry = json.loads(invoke("run", "--demo", "--dry-run", "--json").stdout)
    return [
        {one["name"] for one in listed if one["enabled"]} - {"brokerage"},
        {one.name for one in freshness.read(Home(home)) if one.enabled} - {"brokerage"},
        {one.name for one in shown if one.is_polled},
        set(polled.find_due(Home(home))),
        set(dry["due"]) - {"brokerage"},
    ]


def test_a_home_switches_a_source_on_and_off_over_its_declaration(home):
    assert on(home) == [set()] * 5
    before = changes.look(Home(home))
    done = invoke("sources", "enable", RATES)
    assert (done.exit_code, done.stdout) == (
        0,
        f"exchange_rates is enabled in {home}. Next: tradehouse run\n",
    )
    assert on(home) == [{RATES}] * 5
    assert changes.look(Home(home)) != before
    assert freshness.is_on(Home(home), RATES)
    late = {
        one["name"]: one["is_late"]
        for one in json.loads(invoke("sources", "list", "--json").stdout)
    }
    assert (late[RATES], late["branch_targets"]) == (True, None)

    invoke("sources", "enable", "branch_targets")
    invoke("sources", "disable", RATES)
    assert on(home) == [{"branch_targets"}] * 5
    assert switches.read(home / "state") == {RATES: False, "branch_targets": True}


def test_switches_that_are_turned_at_once_are_all_kept(tmp_path):
    names = [f"source_{number}" for number in range(16)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: switches.turn(tmp_path, name, on=True), names))
    assert switches.read(tmp_path) == dict.fromkeys(names, True)


def test_another_home_is_not_concerned(home, tmp_path, monkeypatch):
    invoke("sources", "enable", RATES)
    monkeypatch.setenv("TRADEHOUSE_HOME", str(tmp_path / "other"))
    assert on(tmp_path / "other") == [set()] * 5


def test_the_brokerage_can_be_switched_off_too(home):
    assert "Off " not in invoke("status").stdout
    invoke("sources", "disable", "brokerage")
    assert not freshness.is_on(Home(home), "brokerage")
    said = "Off         brokerage: what it delivers is not loaded until `tradehouse sources enable"
    assert said in invoke("status").stdout


def test_a_source_that_is_not_declared_is_named(home):
    done = invoke("sources", "enable", "nowhere")
    assert isinstance(done.exception, UsageError)
    assert "There is no source 'nowhere'" in str(done.exception)
    assert not state.exists(Home(home), "switches")


def test_a_damaged_file_is_told_and_the_declarations_hold(home, capsys, monkeypatch):
    monkeypatch.setattr(files, "_told", set())
    invoke("sources", "enable", RATES)
    (home / "state" / "switches.json").write_text('{"sources": ["exchange_rates"]}')
    assert not freshness.is_on(Home(home), RATES)
    assert "as their declarations say" in capsys.readouterr().err
    assert [name for name, _ in state.find_damage(Home(home))] == ["switches"]


@pytest.mark.parametrize("name", ["exchange_rates", "branch_targets"])
def test_what_is_switched_off_is_not_late(home, name):
    invoke("sources", "enable", name)
    invoke("sources", "disable", name)
    assert name not in invoke("status").stdout
    assert syncs.last_syncs(Home(home)) == []
