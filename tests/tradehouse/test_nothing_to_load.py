"""A production run invents nothing: where there is nothing to load from it stops and says so."""

import json

import duckdb
import pytest
from typer.testing import CliRunner

from tradehouse.cli import parser
from tradehouse.errors import UsageError
from tradehouse.home import files, switches
from tradehouse.home.paths import PROJECT, Home
from tradehouse.loads import brokerage_sync
from tradehouse.runs import pipeline
from tradehouse.terminal.progress import Steps

WAYS_OUT = ("--landing DIR", "tradehouse sources add", "--demo")


@pytest.fixture
def find(home, monkeypatch):
    """Find a run's landing directory, with a simulated brokerage that is small and quickly made."""
    monkeypatch.setattr(brokerage_sync, "SCALE", 0.01)
    monkeypatch.setattr(brokerage_sync, "DAYS", 0)
    monkeypatch.setattr(files, "_told", set())
    Home(home).prepare()
    return lambda **options: pipeline._find_landing(
        Home(home), pipeline.Options(**options), Steps()
    )


@pytest.mark.parametrize("words", ["run", "run --source brokerage", "run --dry-run", "sync"])
def test_an_empty_home_is_a_wrong_use_and_stays_empty(home, words):
    done = CliRunner().invoke(parser.app, words.split())

    assert isinstance(done.exception, UsageError)
    assert done.exception.exit_code == 2
    assert [way for way in WAYS_OUT if way not in str(done.exception)] == []
    assert not (home / "landing").exists()
    assert not (home / "raw.duckdb").exists()


def test_a_demo_simulates_a_brokerage_and_says_that_it_is_made_up(find, home, capsys):
    assert find(is_demo=True) == home / "landing"
    assert (home / "landing" / "Batch1" / "Date.txt").exists()
    assert json.loads((home / "landing" / "simulation.json").read_text())["profile"] == "plausible"
    assert "made up, for a demo: scale 0.01" in capsys.readouterr().err
    assert find() == find(is_demo=True) == home / "landing"
    assert "made up" not in capsys.readouterr().err


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_demo_makes_nothing_up_where_something_was_delivered_or_loaded(find, home, is_loaded):
    (home / "elsewhere").mkdir()
    if is_loaded:
        duckdb.connect(home / "raw.duckdb").close()
        (home / "state" / "brokerage.json").write_text(
            json.dumps({"first_batch": 1, "digest": "0" * 64, "landing": "landing"})
        )
        assert find(is_demo=True) == home / "landing"
    else:
        assert find(is_demo=True, landing=home / "elsewhere") == home / "elsewhere"
    assert not (home / "landing").exists()


def test_other_sources_are_enough(find, home, capsys):
    with pytest.raises(UsageError, match="nothing to load"):
        find()
    switches.turn(home / "state", "exchange_rates", on=True)
    assert find() is None
    assert "The brokerage is left out" in capsys.readouterr().err
    switches.turn(home / "state", brokerage_sync.SOURCE, on=False)
    files._told.clear()
    assert find() is None
    assert capsys.readouterr().err == ""
    with pytest.raises(UsageError, match="nothing to load"):
        brokerage_sync.ensure_landing(Home(home), None)
    switches.turn(home / "state", "exchange_rates", on=False)
    with pytest.raises(UsageError, match="nothing to load"):
        find()


def test_the_preview_of_a_demo_says_that_a_brokerage_would_be_simulated(home):
    done = CliRunner().invoke(parser.app, ["run", "--demo", "--dry-run", "--json"])
    assert json.loads(done.stdout)["reasons"] == [
        "nothing is loaded yet: a brokerage would be simulated"
    ]
    assert not (home / "landing").exists()


def test_make_run_is_a_demo_until_a_landing_directory_is_named():
    [recipe] = [
        line for line in (PROJECT / "Makefile").read_text().splitlines() if "house run" in line
    ]
    assert '$(if $(LANDING),--landing "$(LANDING)",--demo)' in recipe
