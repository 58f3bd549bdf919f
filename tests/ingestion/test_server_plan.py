"""Comparing declarations with a server, and applying them."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ingestion.errors import DeclarationError, ServerError
from ingestion.server.created_resources import Made, flatten
from tests.ingestion.airbyte_server import Fault
from tests.ingestion.server_home import ServedHome
from tradehouse.cli import parser

pytestmark = pytest.mark.xdist_group("airbyte_server")


def writes(served: ServedHome) -> list[tuple[str, str]]:
    return [
        (method, path)
        for method, path, status in served.server.requests
        if method != "GET" and "token" not in path and status
    ]


def test_apply_twice_changes_nothing(served: ServedHome) -> None:
    planned = served.plan()
    kinds = ["destination", "source", "connection"]
    assert [(c.kind, c.action) for c in planned] == [(kind, "create") for kind in kinds]
    assert writes(served) == []
    assert [c.action for c in served.plan(apply=True)] == ["create"] * 3
    assert [c.action for c in served.plan(apply=True)] == ["none"] * 3
    assert writes(served) == [("POST", f"/{kind}s") for kind in kinds]
    [connection] = served.server.objects["connection"].values()
    assert connection["namespaceFormat"] == "shop"
    assert connection["schedule"] == {"scheduleType": "manual"}
    assert connection["configurations"]["streams"] == [
        {"name": "orders", "syncMode": "incremental_append"}
    ]


def test_secrets_are_masked_and_their_changes_seen(
    served: ServedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = json.dumps([vars(d) for c in served.plan() for d in c.differences])
    assert "a-long-secret" not in shown
    assert "secret_access_key" in shown
    served.plan(apply=True)
    [kept] = served.paths.connectors.glob("airbyte-*.json")
    assert "a-long-secret" not in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("TEST_SECRET", "another-secret")
    [change] = [c for c in served.plan() if c.action != "none"]
    assert (change.kind, change.action) == ("destination", "update")
    assert [vars(d) for d in change.differences] == [
        {"path": "secret_access_key", "before": "****", "after": "**** (changed)"}
    ]
    served.plan(apply=True)
    [destination] = served.server.objects["destination"].values()
    assert destination["configuration"]["secret_access_key"] == "another-secret"
    assert [c.action for c in served.plan()] == ["none"] * 3


def test_every_difference_is_shown_before_it_is_made(served: ServedHome) -> None:
    served.plan(apply=True)
    served.declared = {
        "server": {"source_type": "faker", "config": {"count": 9}, "cron": "0 0 6 * * ?"}
    }
    served.streams = {"orders": {"sync_mode": "full_refresh_overwrite"}}
    found = {
        (change.kind, each.path): (each.before, each.after)
        for change in served.plan()
        for each in change.differences
    }
    assert found == {
        ("source", "count"): ("5", "9"),
        ("connection", "schedule.scheduleType"): ("manual", "cron"),
        ("connection", "schedule.cronExpression"): ("", "0 0 6 * * ?"),
        ("connection", "streams.orders.syncMode"): (
            "incremental_append",
            "full_refresh_overwrite",
        ),
    }
    served.plan(apply=True)
    assert [c.action for c in served.plan()] == ["none"] * 3
    assert [method for method, _ in writes(served)[3:]] == ["PUT", "PATCH"]


def test_a_change_made_on_the_server_is_shown_and_undone(served: ServedHome) -> None:
    served.plan(apply=True)
    [source] = served.server.objects["source"].values()
    [connection] = served.server.objects["connection"].values()
    source["configuration"]["count"] = 77
    connection["status"] = "inactive"
    shown = {(c.kind, d.path, d.before, d.after) for c in served.plan() for d in c.differences}
    assert shown == {
        ("source", "count", "77", "5"),
        ("connection", "status", "inactive", "active"),
    }
    served.plan(apply=True)
    assert (source["configuration"]["count"], connection["status"]) == (5, "active")


def test_a_setting_that_is_no_longer_declared_goes(served: ServedHome) -> None:
    served.declared = {"server": {"source_type": "faker", "config": {"count": 5, "seed": 3}}}
    served.plan(apply=True)
    served.declared = {}
    [change] = [c for c in served.plan(apply=True) if c.action != "none"]
    assert [(d.path, d.before, d.after) for d in change.differences] == [("seed", "3", "(removed)")]
    [source] = served.server.objects["source"].values()
    assert source["configuration"] == {"count": 5, "sourceType": "faker"}


def foreign(served: ServedHome, kind: str, name: str) -> dict[str, Any]:
    """Something on the server that Tradehouse did not make."""
    [workspace] = served.server.workspaces
    configuration = {"sourceType": "no-such-type-in-the-sdk", "count": 1}
    body = {"name": name, "workspaceId": workspace, "configuration": configuration}
    made = body | {
        f"{kind}Id": "11111111-2222-3333-4444-555555555555",
        "sourceType": "custom",
        "definitionId": "d",
        "createdAt": 1,
    }
    served.server.objects[kind][made[f"{kind}Id"]] = made
    return made


def test_what_tradehouse_did_not_make_is_not_touched(served: ServedHome) -> None:
    other = foreign(served, "source", "somebody's source")
    same_name = {"name": "tradehouse-shop", "sourceId": "taken", "sourceType": "faker"}
    configuration = {"sourceType": "faker", "count": 1}
    served.server.objects["source"]["taken"] = other | same_name | {"configuration": configuration}
    before = json.dumps(served.server.objects, sort_keys=True)
    [refused] = [c for c in served.plan(apply=True) if c.action == "refused"]
    assert "was not made from this home" in refused.reason
    assert "--adopt" in refused.reason
    assert json.dumps(served.server.objects, sort_keys=True) == before
    actions = {(c.kind, c.action) for c in served.plan(apply=True, adopt=True)}
    assert ("source", "update") in actions
    assert served.server.objects["source"]["taken"]["configuration"]["count"] == 5
    assert served.server.objects["source"][other["sourceId"]]["configuration"]["count"] == 1


@pytest.mark.parametrize("kind", ["destination", "source", "connection"])
def test_a_creation_without_an_answer_is_not_made_twice(served: ServedHome, kind: str) -> None:
    served.server.faults = [Fault("POST", f"/{kind}s", drop="after")]
    served.plan(apply=True)
    assert {name: len(of) for name, of in served.server.objects.items()} == {
        "source": 1,
        "destination": 1,
        "connection": 1,
    }
    assert [c.action for c in served.plan()] == ["none"] * 3


@pytest.mark.parametrize("kind", ["destination", "source", "connection"])
def test_an_apply_that_was_killed_goes_on(
    served: ServedHome, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    whole = Made.record

    def killed(self: Made, of: str, *arguments: Any) -> None:
        if of == kind:
            raise KeyboardInterrupt
        whole(self, of, *arguments)

    monkeypatch.setattr(Made, "record", killed)
    with pytest.raises(KeyboardInterrupt):
        served.plan(apply=True)
    monkeypatch.setattr(Made, "record", whole)
    [begun] = [c for c in served.plan(apply=True) if c.kind == kind]
    assert begun.reason == "was being made when Tradehouse was stopped"
    assert [len(of) for of in served.server.objects.values()] == [1, 1, 1]
    assert [c.action for c in served.plan()] == ["none"] * 3


def test_the_command_line_names_what_is_missing() -> None:
    run = CliRunner()
    nothing = run.invoke(parser.app, ["airbyte", "plan"])
    assert "No source is declared with `runner: server`" in str(nothing.exception)
    embedded = run.invoke(parser.app, ["airbyte", "apply", "faker"])
    assert "faker is declared with runner: embedded" in str(embedded.exception)


def test_a_connector_of_ones_own_goes_by_its_definition(served: ServedHome) -> None:
    served.server.data["custom"] = served.server.data["faker"]
    served.declared = {
        "server": {"definition_id": "aaaa", "config": {"landing": "/x", "nested": {"deep": [1]}}}
    }
    served.plan(apply=True)
    [source] = served.server.objects["source"].values()
    assert source["configuration"] == {"landing": "/x", "nested": {"deep": [1]}}
    assert source["definitionId"] == "aaaa"
    assert [c.action for c in served.plan()] == ["none"] * 3


def test_the_servers_own_words_are_given(served: ServedHome) -> None:
    served.declared = {"server": {"source_type": "faker", "config": {"coun": 5}}}
    with pytest.raises(ServerError, match="400: json schema validation failed: unknown setting"):
        served.plan(apply=True)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"detail": "Unauthorized"}, "401: Unauthorized. What to do: check client_id"),
        (403, {"title": "Forbidden", "detail": "needs EDITOR"}, "403: Forbidden: needs EDITOR"),
        (404, {"message": "gone"}, "404: gone. What to do: check api_url and workspace"),
        (400, {"detail": "x" * 990 + "a-long-secret"}, f"400: {'x' * 990}****"),
    ],
)
def test_refusals_say_what_to_do(
    served: ServedHome, status: int, body: dict[str, str], said: str
) -> None:
    served.server.faults = [Fault("GET", "/workspaces", times=9, status=status, body=body)]
    with pytest.raises(ServerError) as raised:
        served.plan()
    assert said in str(raised.value)
    assert raised.value.status == status


def test_wrong_credentials_and_workspaces_are_named(served: ServedHome) -> None:
    served.write_settings(client_secret="wrong")
    with pytest.raises(ServerError, match=r"401.*check client_id and client_secret"):
        served.plan()
    served.write_settings(workspace="nowhere")
    with pytest.raises(ServerError, match=r"'nowhere'.*there is none. Found: brokerage"):
        served.plan()
    [by_id] = served.server.workspaces
    served.write_settings(workspace=by_id)
    assert len(served.plan()) == 3


def test_declarations_that_a_server_cannot_run_are_refused(served: ServedHome) -> None:
    served.streams = {"nothing": {}}
    served.plan()  # The source does not stand yet: nobody knows its streams.
    with pytest.raises(DeclarationError, match="does not offer nothing; it offers orders"):
        served.plan(apply=True)
    served.streams = {"orders": {"file": {"delimiter": "|", "columns": ["a"]}}}
    with pytest.raises(DeclarationError, match="runner: embedded"):
        served.plan()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": {"format_type": "CSV"}}, "must be Parquet"),
        ({"s3_path_format": "$${YEAR}/$${STREAM_NAME}/"}, "must begin with"),
    ],
)
def test_destinations_that_cannot_be_read_are_refused(
    served: ServedHome, changes: dict[str, Any], said: str
) -> None:
    served.destination["config"] |= changes
    served.write_settings()
    with pytest.raises(DeclarationError, match=said):
        served.plan()


def test_a_path_format_is_written_with_two_dollars(served: ServedHome) -> None:
    served.destination["config"]["s3_path_format"] = "$${NAMESPACE}/$${STREAM_NAME}/$${YEAR}_"
    served.write_settings()
    served.plan(apply=True)
    [destination] = served.server.objects["destination"].values()
    assert destination["configuration"]["s3_path_format"] == "${NAMESPACE}/${STREAM_NAME}/${YEAR}_"


def test_hashes_tell_changes_and_nothing_else(tmp_path: Any) -> None:
    one, other = Made(tmp_path / "a", "w"), Made(tmp_path / "b", "w")
    one.record("source", "x", "1", flatten({"a": {"b": "secret", "c": [1]}}))
    again = Made(tmp_path / "a", "w")
    assert again.sent("source", "x") == {"a.b": one.hash("secret"), "a.c": one.hash([1])}
    assert one.hash("secret") != other.hash("secret")
    assert again.id_of("source", "x") == "1"
    assert again.id_of("source", "y") is None
