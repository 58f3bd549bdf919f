"""Metrics through the API and the command line: the same figures, by the release's definitions."""

import json
from datetime import date
from decimal import Decimal

import pytest

from exposition import access_log, tokens
from exposition.api.released_metrics import ReleasedMetrics
from exposition.metrics.answers import Metrics
from exposition.metrics.questions import ask
from tests.exposition.conftest import client_of
from tests.tradehouse.support import command
from tradehouse.home.paths import Home

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("run")]

QUESTIONS = [
    ("trades", "", "", []),
    ("commission", "broker__branch", "month", []),
    ("traded_value", "customer__tier", "", ["broker__branch is not null"]),
    ("customers", "", "", []),
    ("net_new_money", "", "year", []),
]


@pytest.fixture
def home(published):
    return Home(published)


def plain(value):
    return str(value) if isinstance(value, Decimal | date) else value


def test_every_metric_is_offered_and_answered_alike(home):
    """Each by itself and by its first dimension: rows of the library, the API and what it lists."""
    metrics = Metrics(home.releases / "current")
    token = tokens.create(home, "reader")[1]
    with client_of(home, token, ReleasedMetrics()) as client:
        listed = client.get("/v1/metrics").json()
        open_ones = [
            one
            for one in metrics.definitions.metrics.values()
            if one.classification in ("public", "internal")
        ]
        assert [one["name"] for one in listed] == [one.name for one in open_ones]
        assert len(listed) >= 25
        for one in listed:
            by = one["dimensions"][:1]
            for asked in ([], by):
                expected = metrics.answer(ask(metrics.definitions, [one["name"]], by=asked))
                answer = client.get(f"/v1/metrics/{one['name']}", params={"by": ",".join(asked)})
                assert answer.status_code == 200, (one["name"], answer.text)
                assert answer.json()["columns"] == list(expected.columns)
                got = [[plain(value) for value in row] for row in answer.json()["rows"]]
                wanted = [[plain(value) for value in row] for row in expected.rows]
                assert [list(map(figure, row)) for row in got] == [
                    list(map(figure, row)) for row in wanted
                ], one["name"]


def figure(value):
    """A number as such, however it is written."""
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return value


@pytest.mark.parametrize(("name", "by", "grain", "where"), QUESTIONS)
def test_the_command_line_and_the_api_say_the_same(home, name, by, grain, where):
    arguments = ["metrics", "query", name, "--format", "json"]
    arguments += ["--by", by] if by else []
    arguments += ["--grain", grain] if grain else []
    parameters = {"by": by} | ({"grain": grain} if grain else {})
    said = command(home.root, *arguments)
    assert said.returncode == 0, said.stderr
    rows = json.loads(said.stdout)["rows"]
    assert rows, "There is nothing to compare."
    with client_of(home, tokens.create(home, "reader")[1], ReleasedMetrics()) as client:
        answer = client.get(f"/v1/metrics/{name}", params=parameters).json()
    assert [list(map(figure, row.values())) for row in rows] == [
        list(map(figure, row)) for row in answer["rows"]
    ]


def test_what_is_personal_takes_a_right_and_is_logged(home):
    metrics = ReleasedMetrics()
    with client_of(home, tokens.create(home, "reader")[1], metrics) as client:
        refused = client.get("/v1/metrics/customers", params={"by": "customer__last_name"})
        assert refused.status_code == 400
        assert "class personal" in refused.json()["detail"]
    said = command(home.root, "metrics", "query", "customers", "--by", "customer__last_name")
    assert said.returncode == 2
    said = command(
        home.root, *("metrics", "query", "customers", "--by", "customer__last_name", "--personal")
    )
    assert said.returncode == 0, said.stderr
    last = json.loads(access_log.path_of(home).read_text().splitlines()[-1])
    assert (last["door"], last["path"], last["personal"]) == (
        *("tradehouse metrics", "customers"),
        True,
    )


def test_a_wrong_question_is_refused_in_words(home):
    with client_of(home, tokens.create(home, "reader")[1], ReleasedMetrics()) as client:
        for query, code, words in (
            ("by=nothing", 400, "cannot be asked by 'nothing'"),
            ("customer__tier__like=1", 400, "cannot be asked by 'customer__tier__like'"),
            ("customer__tier=x%27;drop", 400, "customer__tier is a number"),
            ("grain=hour", 422, "grain"),
        ):
            answer = client.get(f"/v1/metrics/customers?{query}")
            assert answer.status_code == code, answer.text
            assert words in answer.text
        assert client.get("/v1/metrics/nothing").status_code == 404
