"""The kept catalogue: when the connector is asked again what it offers, and when it is not."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion import inventory
from ingestion.declarations import Declaration
from tests.ingestion.conftest import Source, error_trace, record, state, status, stream

A = [stream("a", n="integer")]
LINES = [record("a", {"n": 1}), state("a", {"at": 1}), status("a")]


@pytest.fixture
def kept(source: Source) -> Source:
    """A source whose catalogue is kept for a day."""
    source.declared["rediscover_after"] = "1 day"
    source.plays(LINES, streams=A)
    assert source.sync().status == "succeeded"
    assert discoveries(source) == 1
    return source


def discoveries(source: Source) -> int:
    return (source.directory / "asked.txt").read_text().splitlines().count("discover")


def catalogue(source: Source) -> Path:
    return source.paths.connectors / "played.catalog.json"


def test_an_unchanged_connector_is_not_asked_again(kept: Source) -> None:
    assert kept.sync().status == "succeeded"
    assert discoveries(kept) == 1
    assert kept.query("select n from played.a") == [(1,), (1,)]
    assert catalogue(kept).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "change",
    [
        {"streams": {"a": {"sync_mode": "full_refresh_append"}}},
        {"config": {"account": 2}},
        {"rediscover_after": "0 minutes"},
    ],
    ids=["streams", "configuration", "age"],
)
def test_a_changed_declaration_is_asked_for_again(kept: Source, change: dict[str, Any]) -> None:
    kept.declared |= change
    assert kept.sync().status == "succeeded"
    assert discoveries(kept) == 2


def test_a_changed_connector_is_asked_again(kept: Source) -> None:
    script = kept.directory / "wrapper.py"
    played = kept.declaration().connector
    start = "import runpy, sys; sys.path.insert(0, '.'); runpy.run_path({!r}, run_name='__main__')"
    command = list(played.command)  # type: ignore[union-attr]
    script.write_text(start.format(command[1]))
    kept.declared["connector"] = {"command": [command[0], str(script), *command[2:]]}
    kept.sync()
    kept.sync()
    assert discoveries(kept) == 2
    script.write_text("# changed\n" + start.format(command[1]))
    kept.sync()
    assert discoveries(kept) == 3


def test_the_command_and_a_full_refresh_ask_again(kept: Source) -> None:
    kept.plays(LINES, streams=[stream("a", n="integer", more="string")])
    [offered] = inventory.discover(kept.declaration(), kept.home)
    assert list(offered.columns) == ["n", "more"]
    kept.sync()
    assert discoveries(kept) == 2
    assert kept.query("select more from played.a") == [(None,), (None,)]
    kept.sync(full_refresh=True)
    assert discoveries(kept) == 3


def test_a_failed_sync_lets_the_connector_be_asked_again(kept: Source) -> None:
    kept.plays([error_trace("no such table")], exit_code=1)
    assert kept.sync().status == "failed"
    kept.plays(LINES)
    assert kept.sync().status == "succeeded"
    assert discoveries(kept) == 2


def test_a_field_that_is_new_is_told_and_loaded_from_the_next_sync_on(kept: Source) -> None:
    lines = [record("a", {"n": 2, "more": "x"}), state("a", {"at": 2}), status("a")]
    kept.plays(lines, streams=[stream("a", n="integer", more="string")])
    result = kept.sync()
    assert result.status == "succeeded"
    assert "a brings fields that its catalogue does not have" in result.warnings[0]
    assert "more" in result.warnings[0]
    second = kept.sync()
    assert discoveries(kept) == 2
    assert second.warnings == ["a: new column more VARCHAR"]
    assert kept.query("select n, more from played.a order by all") == [
        (1, None),
        (2, "x"),
        (2, None),
    ]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"asked_for": 1, "discovered_at": 3}'])
def test_a_kept_catalogue_that_is_not_whole_is_asked_for_again(kept: Source, content: str) -> None:
    catalogue(kept).write_text(content)
    assert kept.sync().status == "succeeded"
    assert discoveries(kept) == 2


def test_a_secret_in_the_catalogue_is_not_kept(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYED_TOKEN", "sesame-1234")
    source.declared |= {"rediscover_after": "1 day", "config": {"token": "${PLAYED_TOKEN}"}}
    source.plays(LINES, streams=[A[0] | {"note": "from sesame-1234"}])
    assert source.sync().status == "succeeded"
    assert not catalogue(source).exists()


def test_only_durations_are_taken() -> None:
    content = {"name": "a", "description": "d", "owner": "o", "connector": {"command": ["x"]}}
    assert Declaration.model_validate(content).rediscovery_limit() == timedelta(0)
    for wrong in ("soon", "99999999999999 days", "\u0663 days"):
        with pytest.raises(ValueError, match="expected a duration"):
            Declaration.model_validate(content | {"rediscover_after": wrong})
    assert json.loads(Declaration.model_validate(content).model_dump_json())["rediscover_after"]
