"""The command line for sources."""

import json
import os
from pathlib import Path

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from ingestion import declarations, inventory
from tests.ingestion.conftest import Source, record, status, stream
from tradehouse.cli import parser, sources
from tradehouse.errors import UsageError


@pytest.fixture
def played(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The played source, declared where the command line looks for sources."""
    directory = tmp_path / "declared"
    directory.mkdir()
    content = source.declaration().model_dump(mode="json", exclude_unset=True, exclude={"name"})
    (directory / "played.yml").write_text(yaml.safe_dump(content | {"freshness": "1 hour"}))
    for module in (declarations, inventory):
        monkeypatch.setattr(module, "SOURCES", directory)
    monkeypatch.setattr(declarations.read, "__defaults__", (directory,))
    monkeypatch.setattr(declarations.read_all, "__defaults__", (directory,))
    monkeypatch.setattr(inventory.list_sources, "__defaults__", (None, directory))
    monkeypatch.setenv("TRADEHOUSE_HOME", str(source.home))
    source.plays(
        [record("a", {"n": 1}), record("b", {"n": 2}), status("a"), status("b")],
        streams=[stream("a", n="integer"), stream("b", n="integer")],
    )
    return source


def test_list_check_discover(played: Source) -> None:
    run = CliRunner()
    listed = run.invoke(parser.app, ["sources", "list", "--json"])
    assert listed.exit_code == 0, listed.output
    assert [(s["name"], s["is_late"]) for s in json.loads(listed.stdout)] == [("played", True)]
    assert "played" in run.invoke(parser.app, ["sources", "list"]).stdout
    checked = run.invoke(parser.app, ["sources", "check", "played"])
    assert (checked.exit_code, checked.stdout) == (0, "played: reached\n")
    discovered = run.invoke(parser.app, ["sources", "discover", "played", "--json"])
    assert [s["table"] for s in json.loads(discovered.stdout)] == [
        '"played"."a"',
        '"played"."b"',
    ]


def test_sync_of_one_stream_and_reset(played: Source) -> None:
    run = CliRunner()
    done = run.invoke(parser.app, ["sync", "played", "--stream", "a", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["unselected_records"] == {"b": 1}
    assert run.invoke(parser.app, ["sync", "played"]).exit_code == 0
    assert played.query("select count(*) from played.a") == [(2,)]
    assert run.invoke(parser.app, ["sync", "played", "--reset"]).exit_code == 0
    assert played.query("select count(*) from played.a") == [(1,)]


def test_a_failed_sync_ends_with_1(played: Source) -> None:
    played.plays([], exit_code=2, stderr="boom")
    done = CliRunner().invoke(parser.app, ["sync", "played"])
    assert done.exit_code == 1
    assert "exit code 2: boom" in done.stderr


def test_wrong_usage_is_named(played: Source) -> None:
    run = CliRunner()
    unknown = run.invoke(parser.app, ["sync", "nothing"])
    assert isinstance(unknown.exception, UsageError)
    assert "Known: played." in str(unknown.exception)
    whole = run.invoke(parser.app, ["sync", "brokerage", "--reset"])
    assert "--replace-batch N" in str(whole.exception)
    for arguments in (["--package", "x"], [], ["--package", "x==1", "--command", "y"]):
        added = run.invoke(parser.app, ["sources", "add", "x", "--owner", "me", *arguments])
        assert isinstance(added.exception, UsageError)


def test_add_and_scaffold(played: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = CliRunner()
    directory = tmp_path / "declared"
    monkeypatch.setattr(inventory.add, "__kwdefaults__", {"directory": directory})
    command = " ".join(played.declaration().connector.label.split())
    added = run.invoke(
        parser.app, ["sources", "add", "other", "--owner", "me", "--command", command]
    )
    assert added.exit_code == 0, added.output
    assert declarations.read("other", directory).owner == "me"
    monkeypatch.setattr(sources, "PROJECT", tmp_path / "project")
    written = run.invoke(parser.app, ["sources", "scaffold", "other"])
    assert written.exit_code == 0, written.output
    assert "models/bronze/other/bronze_other__a.sql" in written.stdout
    assert (tmp_path / "project/models/bronze/other/sources.yml").exists()


def test_status_shows_the_ledger_also_while_a_sync_runs(played: Source) -> None:
    run = CliRunner()
    assert run.invoke(parser.app, ["sync", "played"]).exit_code == 0
    shown = run.invoke(parser.app, ["status"])
    assert "Source      played: succeeded 20" in shown.stdout
    assert "2 records of 2 streams" in shown.stdout
    played.plays([record("a", {"n": "x"}), status("a")], exit_code=1, stderr="lost\n")
    assert run.invoke(parser.app, ["sync", "played"]).exit_code == 1
    marker = played.paths.state / "sync-played.json"
    marker.write_text(json.dumps({"source": "played", "pid": os.getpid()}))
    with duckdb.connect(str(played.paths.raw_database)):
        told = run.invoke(parser.app, ["status", "--json"])
    assert told.exit_code == 0, told.output
    [sync] = json.loads(told.stdout)["sources"]
    assert (sync["status"], sync["running"]) == ("failed", os.getpid())
    assert "exit code 1: lost" in str(sync["error"])
    assert {row["stream"] for row in sync["streams"]} == {"a", "b"}
    assert "loading now" in run.invoke(parser.app, ["status"]).stdout
