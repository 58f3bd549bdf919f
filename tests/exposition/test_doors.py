"""What is around the endpoints: metrics, health, figures, documentation, the server's start."""

import re
import subprocess
import sys
from datetime import datetime, timedelta

import duckdb
import pytest

from exposition import access_log, tokens
from exposition.api import __main__ as server
from exposition.api import metrics
from exposition.release import NothingPublishedError, Reader, find_edition
from tests.exposition.conftest import client_of, fill, publish
from tests.exposition.server import PROJECT
from tradehouse.errors import UsageError
from tradehouse.home.paths import Home
from tradehouse.publish import releases

TRADES = metrics.Metric(
    name="trades",
    description="Trades completed.",
    unit="trades",
    owner="Analytics",
    dimensions=["branch"],
    grains=["month"],
)


class Trades:
    """One metric, which answers with what it was asked."""

    def list(self, edition):
        return [TRADES]

    def query(self, edition, name, question):
        if name != "trades":
            raise KeyError(name)
        if question.by == ["moon"]:
            raise metrics.MetricQuestionError("trades cannot be split by moon, only by branch.")
        asked = ";".join(
            f"{one.dimension} {one.comparison} {one.values}" for one in question.filters
        )
        return metrics.MetricAnswer(
            columns=["asked", "trades"], rows=[[f"{question.by}{question.grain}{asked}", 3]]
        )


@pytest.fixture(scope="module")
def measured(home):
    token = tokens.create(home, "metrics")[1]
    with client_of(home, token, Trades()) as found:
        yield found


def test_a_metric_is_asked_with_typed_filters(measured):
    assert measured.get("/v1/metrics").json() == [TRADES.model_dump()]
    answer = measured.get("/v1/metrics/trades?by=branch&grain=month&branch__in=A&branch__in=B&x=1")
    assert answer.json() == {
        "columns": ["asked", "trades"],
        "rows": [["['branch']monthbranch in ['A', 'B'];x eq ['1']", 3]],
    }


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("trades?by=moon", 400, "trades cannot be split by moon, only by branch."),
        ("trades?grain=second", 422, "grain: Input should be 'day', 'week'"),
        ("trades?since=yesterday", 422, "since: String should match"),
        ("trades?until=2024-02-30", 400, "until: Input should be a valid date"),
        ("profit", 404, "There is no metric 'profit'. /v1/metrics lists them."),
    ],
)
def test_a_question_that_a_metric_cannot_answer(measured, address, status, said):
    answer = measured.get(f"/v1/metrics/{address}")
    assert answer.status_code == status
    assert said in answer.json()["detail"]


class Broken(Trades):
    def query(self, edition, name, question):
        if name == "large":
            raise duckdb.OutOfMemoryException("the words of DuckDB")
        raise RuntimeError("the words of a bug")


def test_what_is_too_large_is_told(own_home):
    with client_of(own_home, tokens.create(own_home, "a")[1], Broken()) as client:
        answer = client.get("/v1/metrics/large")
    assert answer.status_code == 503
    assert "This needs more memory than the API has." in answer.json()["detail"]


def test_a_release_that_goes_while_it_is_opened_is_tried_again(own_client, own_home):
    assert own_client.get("/v1/release").status_code == 200
    (own_home.releases / "current" / "tradehouse.duckdb").unlink()
    answer = own_client.get("/v1/tables")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_what_nobody_foresaw_is_told_by_its_id_alone(own_home):
    with client_of(own_home, tokens.create(own_home, "a")[1], Broken()) as client:
        answer = client.get("/v1/metrics/trades", headers={"X-Request-ID": "mine"})
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"] == "mine"
    assert "Tell whoever runs the API" in answer.json()["detail"]
    assert "bug" not in answer.text
    *_, logged = access_log.path_of(own_home).read_text().splitlines()
    assert '"status":500' in logged
    assert '"request_id":"mine"' in logged


def test_a_release_nobody_asks_for_is_closed(own_client, own_home, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("exposition.api.opened.time.monotonic", lambda: now[0])
    opened = own_client.app.state.service.releases
    own_client.get("/v1/tables/months")
    first = releases.find_current(own_home)
    second = publish(own_home, 2)
    own_client.get("/v1/tables/months")
    assert sorted(opened._open) == [first, second]
    now[0] += 601
    own_client.get("/v1/tables/months?limit=3")
    assert sorted(opened._open) == [second]


def test_without_metrics_there_are_none(client):
    assert client.get("/v1/metrics").json() == []
    assert client.get("/v1/metrics/trades").status_code == 404


def test_health_needs_no_token_and_says_when_nothing_can_be_read(own_home):
    with client_of(own_home, tokens.create(own_home, "a")[1]) as client:
        found = client.get("/health", headers={"Authorization": ""})
        assert found.json() == {"status": "ok", "release": releases.find_current(own_home)}
        (own_home.releases / "current").unlink()
        for path in ("/health", "/v1/release", "/v1/tables/customers"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.json()["detail"].startswith("No release can be read at the moment.")


def test_an_edition_is_the_published_release(own_home):
    first = find_edition(own_home, Reader("a"))
    assert first is not find_edition(own_home, Reader("a"))
    assert first == find_edition(own_home, Reader("b"))
    fill(own_home, 3)
    second = publish(own_home, 2)
    assert find_edition(own_home, Reader("a")).release.id == second != first.release.id
    assert first.path.parent.name == first.release.id
    with pytest.raises(NothingPublishedError, match=r"Nothing is published yet\. .tradehouse run."):
        find_edition(Home(own_home.root / "other"), Reader("a"))


def test_columns_of_unknown_classes_are_hidden(home):
    edition = find_edition(home, Reader("a"))
    seen = [
        column
        for column in ("branch", "BRANCH", "last_name", "tax_id", "of_unknown_class", "other")
        if edition.may_see("customers", column)
    ]
    assert seen == ["branch", "BRANCH"]
    assert not edition.may_see("other", "branch")
    assert find_edition(home, Reader("a", may_see_personal=True)).may_see("other", "branch")
    assert edition.key_of("customers") == ("customer_id",)
    assert edition.key_of("by_name") == ()


def test_figures_for_prometheus(client):
    client.get("/v1/release")
    text = client.get("/metrics").text
    counted = r'tradehouse_api_requests_total\{route="/v1/release",status="200"\} [1-9]'
    assert re.search(counted, text)
    assert "tradehouse_api_extracts_running 0.0" in text
    assert re.search(r"tradehouse_api_release_timestamp_seconds [0-9.]+e\+09", text)
    assert "partner" not in text


def test_the_documentation_needs_no_network(client):
    page = client.get("/docs")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) == 3
    for address in addresses:
        assert address.startswith("/static-offline-docs/")
        assert client.get(address).status_code == 200
    described = client.get("/openapi.json").json()
    assert sorted(described["paths"]) == [
        "/health",
        "/metrics",
        "/v1/metrics",
        "/v1/metrics/{name}",
        "/v1/release",
        "/v1/tables",
        "/v1/tables/{name}",
        "/v1/tables/{name}/extract",
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_can_be_written(client, method):
    answer = client.request(method, "/v1/tables/customers", content=b"x" * 1000)
    assert answer.status_code == 405
    assert answer.json()["detail"] == "This can only be read: GET."


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.com", "", "1.2.3"])
def test_other_machines_need_tls(host):
    with pytest.raises(UsageError, match="tokens would pass there unencrypted"):
        server.require_secure(host, None, None)


def test_a_server_that_others_could_reach_does_not_start(own_home):
    done = subprocess.run(
        [sys.executable, "-m", "exposition.api", "--host", "0.0.0.0", "--port", "8999"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "0.0.0.0 can be reached from other machines, and tokens would pass" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_does_not(host):
    server.require_secure(host, None, None)


def test_tls_needs_a_certificate_and_its_key(tmp_path):
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    with pytest.raises(UsageError, match="TLS needs both files"):
        server.require_secure("0.0.0.0", certificate, None)
    with pytest.raises(UsageError, match="cannot be used for TLS"):
        server.require_secure("0.0.0.0", certificate, key)
    make_certificate(certificate, key)
    server.require_secure("0.0.0.0", certificate, key)
    with pytest.raises(UsageError, match="cannot be used for TLS"):
        server.require_secure("0.0.0.0", key, certificate)


def make_certificate(certificate, key):
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )


def test_figures_are_asked_again_on_another_day(measured, monkeypatch):
    """A metric may depend on the day: how old the newest data is."""
    first = measured.get("/v1/metrics/trades")
    tag = {"If-None-Match": first.headers["etag"]}
    assert measured.get("/v1/metrics/trades", headers=tag).status_code == 304

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=1)

    monkeypatch.setattr("exposition.api.service.datetime", Tomorrow)
    again = measured.get("/v1/metrics/trades", headers=tag)
    assert (again.status_code, again.json()) == (200, first.json())
