"""Answers from a release: figures, periods, levels, plans that are kept, SQL for people."""

import datetime
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import duckdb
import pytest

from exposition.metrics import planning
from exposition.metrics.answers import Metrics, MetricsOfReleases
from exposition.metrics.questions import ask
from tests.exposition.metrics.conftest import MANIFEST, publish
from tradehouse.errors import TradehouseError

JANUARY, FEBRUARY = datetime.date(2017, 1, 1), datetime.date(2017, 2, 1)


def asked(metrics, *names, **question):
    return metrics.answer(ask(metrics.definitions, names, **question))


def test_amounts_are_exact_and_rows_are_in_order(metrics):
    answer = asked(metrics, "revenue", "sales", by=["sale__branch"], until="2017-12-31")
    assert answer.columns == ("sale__branch", "revenue", "sales")
    assert answer.rows == [
        ("North", Decimal("30.30"), 2),
        ('O\'Neil; "{{ x }}"', Decimal("0.07"), 1),
        (None, Decimal("5.00"), 1),
    ]
    assert answer.release_id == "20170203T000000.000Z"
    assert answer.seconds > 0


def test_days_are_included_on_both_sides_and_a_grain_makes_periods(metrics):
    question = {"since": "2017-01-31", "until": "2017-02-01", "grain": "month"}
    answer = asked(metrics, "revenue", **question)
    assert answer.columns == ("metric_time__month", "revenue")
    assert answer.rows == [(JANUARY, Decimal("20.20")), (FEBRUARY, Decimal("0.07"))]


def test_what_has_no_day_is_in_no_period(metrics):
    assert asked(metrics, "sales").rows == [(5,)]
    assert asked(metrics, "sales", grain="month").rows == [(JANUARY, 2), (FEBRUARY, 2)]


def test_a_limit_takes_the_first_rows(metrics):
    assert asked(metrics, "sales", grain="month", limit=1).rows == [(JANUARY, 2)]


def test_nothing_is_0(metrics):
    assert asked(metrics, "sales", "revenue", since="2017-06-01").rows == [(0, 0)]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({}, [(3,)]),
        ({"until": "2099-01-01"}, [(3,)]),
        ({"until": "2017-02-01"}, [(22,)]),
        ({"until": "2017-01-30"}, [(0,)]),
        ({"where": ["stock__item = b"]}, [(0,)]),
        ({"where": ["stock__item = b"], "until": "2017-02-01"}, [(20,)]),
        ({"grain": "month"}, [(JANUARY, 11), (FEBRUARY, 3)]),
        ({"grain": "month", "until": "2017-02-01"}, [(JANUARY, 11), (FEBRUARY, 22)]),
        ({"grain": "month", "where": ["stock__item = b"]}, [(JANUARY, 10)]),
        ({"grain": "year"}, [(JANUARY, 3)]),
        ({"by": ["stock__item"], "until": "2017-02-01"}, [("a", 2), ("b", 20)]),
    ],
)
def test_a_level_is_that_of_the_last_day_whatever_is_left_of_it(metrics, question, expected):
    assert asked(metrics, "pieces", **question).rows == expected


def test_a_level_and_what_happens_go_into_one_figure(metrics):
    assert asked(metrics, "pieces_per_sale", until="2017-02-01").rows == [(22 / 3,)]
    by_day = asked(metrics, "pieces_per_sale", grain="day", since="2017-01-31").rows
    assert [value for _, value in by_day] == [11, 22, 3]


def test_a_plan_is_made_once_for_all_values(release, monkeypatch):
    metrics, made = Metrics(release), []
    original = planning._make
    monkeypatch.setattr(planning, "_make", lambda *of: made.append(1) or original(*of))
    for branch in ("North", "South", "' or true"):
        asked(metrics, "sales", where=[f"sale__branch = {branch}"], limit=len(branch))
    assert len(made) == 1
    asked(metrics, "sales", where=["sale__branch in North, South"])
    assert len(made) == 2
    metrics.close()


def test_each_release_answers_with_its_own_definitions(tmp_path, release):
    changed = json.loads(json.dumps(MANIFEST))
    changed["semantic_models"][0]["measures"][0]["expr"] = "amount * 2"
    planner = planning.Planner()
    older, newer = (
        Metrics(folder, planner)
        for folder in (release, publish(tmp_path, "20170204T000000.000Z", changed))
    )
    assert asked(older, "revenue").rows == [(Decimal("1035.37"),)]
    assert asked(newer, "revenue").rows == [(Decimal("2070.74"),)]
    assert asked(older, "revenue").rows == [(Decimal("1035.37"),)]


def test_a_release_without_definitions_says_so(tmp_path):
    folder = publish(tmp_path, "20170204T000000.000Z", None)
    with pytest.raises(TradehouseError, match="has no metrics: it was made before"):
        Metrics(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"metrics": [{}]}', "\0"])
def test_definitions_that_cannot_be_read_are_named(tmp_path, text):
    folder = publish(tmp_path, "20170204T000000.000Z", None)
    (folder / "semantic_manifest.json").write_text(text)
    with pytest.raises(TradehouseError, match=r"semantic_manifest\.json cannot be read"):
        Metrics(folder)


def test_explained_sql_gives_the_same_anywhere(metrics, release):
    quoted = '"O\'Neil; ""{{ x }}"""'
    question = ask(
        metrics.definitions,
        ["revenue", "sales"],
        by=["sale__size"],
        where=[f"sale__branch in 'North',{quoted}", "sale__due < 2017-03-02"],
        since="2017-01-01",
        grain="week",
        limit=2,
    )
    with duckdb.connect(str(release / "tradehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(metrics.explain(question)).fetchall()
    assert [row[1:] for row in found] == [row[1:] for row in metrics.answer(question).rows]
    assert len(found) == 2


def test_a_level_is_explained_with_its_day(metrics):
    sql = metrics.explain(ask(metrics.definitions, ["pieces"], grain="month"))
    assert "date '2017-01-31', date '2017-02-02']" in sql
    assert "$" not in sql


def test_the_file_can_do_nothing_but_be_read(metrics):
    asked(metrics, "sales")
    cursor = metrics._connection.cursor()
    for statement in (
        "create table gold.x as select 1",
        "select * from read_text('/etc/hostname')",
        "copy gold.sales to '/tmp/x.csv'",
        "set enable_external_access = true",
        "install httpfs",
    ):
        with pytest.raises(duckdb.Error):
            cursor.execute(statement)


def test_many_threads_ask_at_once(release):
    metrics = Metrics(release)
    names = ["North", "South", "x"] * 8

    def count(branch):
        return asked(metrics, "sales", where=[f"sale__branch = {branch}"]).rows[0][0]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(count, names)) == [3, 0, 0] * 8
    metrics.close()


def test_a_server_keeps_the_releases_that_were_asked_last(tmp_path):
    folders = [publish(tmp_path, f"2017020{day}T000000.000Z", MANIFEST) for day in (4, 5, 6)]
    kept = MetricsOfReleases(most=2)
    first = kept.of(folders[0])
    assert kept.of(tmp_path / "releases" / "current") is kept.of(folders[2])
    assert kept.of(folders[0]) is first
    kept.of(folders[1])
    assert kept.of(folders[2]) is not None
    assert kept.of(folders[0]) is not first
    assert asked(first, "sales").rows == asked(kept.of(folders[1]), "sales").rows
