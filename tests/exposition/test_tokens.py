"""Tokens: made, recognised, expired, revoked; what the access log says of them and of requests."""

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest

from exposition import access_log, tokens
from tests.exposition.conftest import client_of, make_home
from tradehouse.cli import parser
from tradehouse.errors import UsageError
from tradehouse.home import state
from tradehouse.home.paths import Home
from tradehouse.home.records import Tokens


def entries(home):
    lines = access_log.path_of(home).read_text().splitlines()
    return [json.loads(line) for line in lines]


def status(home, token):
    with client_of(home, token) as client:
        return client.get("/v1/release").status_code


def test_a_token_is_kept_as_a_digest_that_only_the_owner_can_read(tmp_path):
    home = Home(tmp_path / "home")
    token, text = tokens.create(home, "partner", days=10)

    kept = home.state / "tokens.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert text.rpartition("_")[2] not in kept.read_text()
    assert text not in "".join(path.read_text() for path in home.logs.glob("*"))
    assert len(text) > 50
    left = datetime.fromisoformat(token.expires_at) - datetime.now(UTC)
    assert timedelta(days=9.9) < left <= timedelta(days=10)
    assert tokens.Book(home).find(text).name == "partner"


@pytest.mark.parametrize("cut", [slice(None, -1), slice(1, None), slice(0, 15), slice(0, 0)])
def test_part_of_a_token_is_none(tmp_path, cut):
    home = Home(tmp_path / "home")
    _, text = tokens.create(home, "partner")
    assert tokens.Book(home).find(text[cut]) is None
    assert tokens.Book(home).find(f"{text}\udcff\0é") is None


def test_a_token_that_has_expired_is_refused(own_home):
    _, text = tokens.create(own_home, "partner", days=1)
    assert status(own_home, text) == 200
    kept = state.find(own_home, Tokens)
    kept.tokens[0].expires_at = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    state.keep(own_home, kept)
    assert status(own_home, text) == 401


def test_a_token_is_made_and_revoked_while_the_server_runs(own_home):
    with client_of(own_home) as client:

        def asked(text):
            given = {"Authorization": f"Bearer {text}"}
            return client.get("/v1/release", headers=given).status_code

        assert asked("th_000000000000_x") == 401
        _, text = tokens.create(own_home, "partner")
        _, other = tokens.create(own_home, "auditor")
        assert (asked(text), asked(other)) == (200, 200)
        tokens.revoke(own_home, "partner")
        assert (asked(text), asked(other)) == (401, 200)
        tokens.create(own_home, "partner")
        assert asked(text) == 401
        (own_home.state / "tokens.json").write_bytes(b"damaged")
        assert asked(other) == 401


def test_a_name_has_one_valid_token(tmp_path):
    home = Home(tmp_path / "home")
    tokens.create(home, "partner")
    with pytest.raises(UsageError, match=r"partner has a valid token\. Revoke it first"):
        tokens.create(home, "partner")
    with pytest.raises(
        UsageError, match=r"nobody has no valid token\. Valid are those of: partner"
    ):
        tokens.revoke(home, "nobody")
    for name in ("", " ", "a\nb", "x" * 61):
        with pytest.raises(UsageError, match="1 to 60 printable characters"):
            tokens.create(home, name)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer th_",
        "Bearer th__",
        "Bearer th_aaaaaaaaaaaa_" + "a" * 9000,
        "bearer é".encode(),
    ],
)
def test_without_a_valid_token_nothing_is_said(home, given):
    with client_of(home) as client:
        for path in (
            "/v1/tables",
            "/v1/tables/customers",
            "/v1/release",
            "/metrics",
            "/v1/metrics",
        ):
            answer = client.get(path, headers={"Authorization": given} if given else {})
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert "A valid token is needed" in answer.json()["detail"]
            assert "customers" not in answer.text


def test_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TRADEHOUSE_HOME", str(tmp_path / "home"))

    def say(*words):
        parser.app(["tokens", *words], standalone_mode=False)
        return capsys.readouterr()

    assert say("list").out.startswith("There is no token. `tradehouse tokens create NAME`")
    made = say("create", "partner", "--days", "5")
    assert made.out.startswith("th_")
    assert len(made.out.split()) == 1
    assert "sees no personal column. It is not shown again" in " ".join(made.err.split())
    other = json.loads(say("create", "compliance", "--personal", "--json").out)
    assert other["may_see_personal"] is True
    assert "digest" not in other
    listed = say("list").out
    assert made.out.strip() not in listed
    assert say("revoke", "partner").out == "The token of partner is not valid any more.\n"
    states = {one["name"]: one["state"] for one in json.loads(say("list", "--json").out)}
    assert states == {"partner": "revoked", "compliance": "valid"}
    events = [(one["event"], one["token"], one["may_see_personal"]) for one in entries(
        Home(tmp_path / "home"))]  # fmt: skip
    assert events == [
        ("token created", "partner", False),
        ("token created", "compliance", True),
        ("token revoked", "partner", False),
    ]


def test_every_request_is_logged_without_the_values_of_filters(tmp_path):
    home = make_home(tmp_path / "home")
    _, text = tokens.create(home, "compliance", may_see_personal=True)
    with client_of(home, text) as client:
        given = {"X-Request-ID": "mine-1"}
        client.get("/v1/tables/customers?limit=2&last_name=Name 5", headers=given)
        client.get("/v1/tables/customers?columns=branch&limit=2")
        client.get("/v1/tables/customers/extract?format=csv", headers={"X-Request-ID": "a b\n"})
        client.get("/v1/tables/../../etc/passwd")
    with client_of(home) as client:
        client.get("/v1/release")

    found = [one for one in entries(home) if one["event"] == "request"]
    first, _, third, fourth, fifth = found
    assert first["request_id"] == "mine-1"
    assert (first["token"], first["client"], first["method"]) == ("compliance", "testclient", "GET")
    assert (first["path"], first["status"]) == ("/v1/tables/customers", 200)
    assert first["parameters"] == ["limit=2", "last_name"]
    assert first["ms"] > 0
    assert [one["personal"] for one in found] == [True, False, True, False, False]
    assert third["path"].endswith("/extract")
    assert third["is_whole"] is True
    assert third["bytes"] > 100_000
    assert len(third["request_id"]) == 32
    assert (fourth["status"], fifth["status"], fifth["token"]) == (404, 401, None)
    assert "Name 5" not in access_log.path_of(home).read_text()


def test_who_only_compares_a_personal_column_is_logged_as_seeing_it(own_home):
    _, text = tokens.create(own_home, "compliance", may_see_personal=True)
    with client_of(own_home, text) as client:
        client.get("/v1/tables/customers?columns=branch&last_name=Name 5")
        client.get("/v1/tables/customers?columns=branch&customer_id=5")
    assert [one["personal"] for one in entries(own_home)[-2:]] == [True, False]


def test_old_access_logs_go(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare()
    now = datetime.now(UTC).date()
    for days in (0, 89, 91, 400):
        access_log.path_of(home, now - timedelta(days=days)).write_text("{}\n")
    access_log.remove_old(home)
    left = sorted(path.name for path in home.logs.glob("access-*"))
    assert left == [f"access-{now - timedelta(days=days)}.jsonl" for days in (89, 0)]
