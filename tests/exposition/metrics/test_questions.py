"""What may be asked, how words become typed values, and that nothing else reaches the SQL."""

import csv
import io
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exposition.metrics.conditions import Filter, filter_of
from exposition.metrics.planning import Planner
from exposition.metrics.questions import Question, ask, last_days
from tradehouse.errors import UsageError

HOSTILE = (
    "' or 1=1 --",
    "'; drop table gold.sales; --",
    "{{ Dimension('sale__seller') }}",
    "{% for x in range(9) %}{{ x }}{% endfor %}",
    "{# comment #}",
    "/* comment */ -- comment",
    '"gold"."sales"',
    "$since",
    "$filter_1_1",
    "\\",
    "%s %(name)s {0} {name}",
    "line\nbreak\r\ttab",
    "Zoë 東京 \u202e \ufeff \U0001f600 \x7f",
    "null",
    "a, b",
    "",
)


def asked(metrics, where, names=("revenue",), **more):
    return metrics.answer(ask(metrics.definitions, names, where=[where], **more)).rows


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("sale__branch = North", ("=", ("North",))),
        ("sale__branch='North'", ("=", ("North",))),
        ('sale__branch <> " North "', ("!=", (" North ",))),
        ("sale__branch in (North, 'O''x', \"a, b\")", ("in", ("North", "O''x", "a, b"))),
        ("sale__branch NOT  IN North", ("not in", ("North",))),
        ("sale__branch is null", ("is null", ())),
        ("sale__branch = is null", ("=", ("is null",))),
        ("sale__branch = ''", ("=", ("",))),
        ("sale__size>=2", (">=", (Decimal(2),))),
        ("sale__size in 1,-2.50", ("in", (Decimal(1), Decimal("-2.50")))),
        ("sale__due < 2017-02-28", ("<", (date(2017, 2, 28),))),
        ("sale__is_cash = Yes", ("=", (True,))),
        ("sale__is_cash != false", ("!=", (False,))),
    ],
)
def test_a_condition_is_read_by_the_type_of_its_dimension(metrics, where, expected):
    [found] = ask(metrics.definitions, ["revenue"], where=[where]).filters
    assert (found.operator, found.values) == expected


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"where": ["sale__branch"]}, "no condition"),
        ({"where": ["sale__branch ="]}, "has no value"),
        ({"where": ["sale__branch like N%"]}, "no condition"),
        ({"where": ["sale__branch < North"]}, "is a text, which '<' does not suit"),
        ({"where": ["sale__branch is null or true"]}, "Nothing may follow"),
        ({"where": ["sale__branch = a\0b"]}, "none of them NUL"),
        ({"where": ["sale__branch = \ud800"]}, "characters"),
        ({"where": ["sale__branch = " + "x" * 1001]}, "up to 1,000 characters"),
        ({"where": ['sale__branch in "a']}, "no list of values"),
        ({"where": ["sale__branch in " + "a," * 200 + "a"]}, "at most 200 values"),
        ({"where": ["sale__size = 1 or 1"]}, "number such as 2 or -0.5"),
        ({"where": ["sale__size = nan"]}, "number such as"),
        ({"where": ["sale__size = \u0661"]}, "number such as"),
        ({"where": ["sale__size = 1" + "0" * 18]}, "number such as"),
        ({"where": ["sale__due > 2017-02-30"]}, "date such as"),
        ({"where": ["sale__due > 20170228"]}, "date such as"),
        ({"where": ["sale__is_cash = 1"]}, "true or false"),
        ({"where": ["sale__branhc = x"]}, "Close to it: sale__branch"),
        ({"where": ["sale__branch = x"] * 21}, "At most 20 conditions"),
        ({"by": ["stock__item"]}, "revenue cannot be asked by 'stock__item'"),
        ({"by": ["{{ x }}"]}, "cannot be asked by"),
        ({"by": ["sale__branch') }}"]}, "cannot be asked by"),
        ({"grain": "decade"}, "Possible: day, week, month, quarter, year"),
        ({"since": "yesterday"}, "is no day"),
        ({"until": "2017-02-29"}, "is no day"),
        ({"since": "2017-02-02", "until": "2017-02-01"}, "is no day: the first one is the later"),
        ({"limit": 0}, "from 1 to 1,000,000"),
    ],
)
def test_what_cannot_be_meant_is_answered_with_a_sentence(metrics, question, words):
    with pytest.raises(UsageError, match=None) as told:
        ask(metrics.definitions, ["revenue"], **question)
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 400


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("revenu", "Close to it: revenue."),
        ("REVENUE", "Close to it: revenue."),
        ("piecesx", "Close to it: pieces"),
        ("zzzzzz", "There is no metric 'zzzzzz'. All of them"),
        ("hidden", "There is no metric 'hidden'."),
        ("x" * 5000, "There is no metric 'xxx"),
        ("a'; drop", "There is no metric"),
    ],
)
def test_a_metric_that_is_not_there_is_named_with_those_close_to_it(metrics, name, words):
    with pytest.raises(UsageError) as told:
        ask(metrics.definitions, ["sales", name])
    assert words in str(told.value)
    assert "salaries" not in str(told.value)


def test_what_is_personal_or_sensitive_takes_a_right(metrics):
    every = {"public", "internal", "personal", "sensitive"}
    with pytest.raises(UsageError, match="salaries is of class sensitive"):
        ask(metrics.definitions, ["salaries"])
    with pytest.raises(UsageError, match="sale__seller is of class personal"):
        ask(metrics.definitions, ["revenue"], by=["sale__seller"])
    with pytest.raises(UsageError, match="sale__seller is of class personal"):
        ask(metrics.definitions, ["revenue"], where=["sale__seller = Ann"])
    assert ask(metrics.definitions, ["salaries"], by=["sale__seller"], may_see=every).by


def test_one_dimension_has_to_suit_all_metrics(metrics):
    ask(metrics.definitions, ["revenue", "sales"], by=["sale__branch"])
    with pytest.raises(UsageError, match="revenue and pieces cannot be asked by"):
        ask(metrics.definitions, ["revenue", "pieces"], by=["sale__branch"])


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
@example('O\'Neil; "{{ x }}"')
@pytest.mark.parametrize("operator", ["=", "in"])
def test_a_text_is_compared_as_it_is_and_is_no_part_of_the_sql(metrics, operator, text):
    dimension = metrics.definitions.dimensions["sale__branch"]
    condition = filter_of(dimension, operator, [text])
    question = replace(ask(metrics.definitions, ["sales"]), filters=(condition,))

    expected = {"North": 3, 'O\'Neil; "{{ x }}"': 1}.get(text, 0)
    assert metrics.answer(question).rows == [(expected,)]
    other = replace(question, filters=(Filter(dimension.name, operator, ("other",)),))
    assert question.shape == other.shape


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_find_nothing_and_break_nothing(metrics, text):
    quoted = io.StringIO()
    csv.writer(quoted).writerow([text])
    assert asked(metrics, f"sale__branch = '{text}'", ["sales"]) == [(0,)]
    assert asked(metrics, f"sale__branch not in North,{quoted.getvalue().strip()}", ["sales"]) == [
        (1,)
    ]
    for question in ({"by": [text]}, {"where": [text]}, {"where": [f"{text} = x"]}):
        with pytest.raises(UsageError):
            ask(metrics.definitions, ["sales"], **question)
    for word in ("grain", "since", "until"):
        with pytest.raises(UsageError):
            ask(metrics.definitions, ["sales"], **{word: text})


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_a_condition_or_refused_with_a_sentence(metrics, text):
    for where in (text, f"sale__branch {text}", f"sale__size in {text}", f"sale__due = {text}"):
        try:
            question = ask(metrics.definitions, ["sales"], where=[where])
        except UsageError:
            continue
        metrics.answer(question)


def test_the_sql_of_a_plan_depends_on_names_alone(metrics):
    planner = Planner()
    for text in HOSTILE:
        dimension = metrics.definitions.dimensions["sale__branch"]
        condition = filter_of(dimension, "=", [text])
        question = replace(ask(metrics.definitions, ["sales"]), filters=(condition,))
        plan = planner.plan(metrics.definitions, question.shape)
        assert "sale__branch = $filter_1_1" in plan.sql
        assert plan.names == {"filter_1_1"}


@pytest.mark.parametrize(
    ("grain", "since", "until", "expected"),
    [
        (None, None, None, ["2017-07-09"]),
        (None, None, date(2016, 2, 3), ["2016-02-03"]),
        ("day", date(2017, 7, 8), None, ["2017-07-08", "2017-07-09"]),
        ("week", date(2017, 6, 26), None, ["2017-07-02", "2017-07-09"]),
        ("month", date(2016, 1, 31), date(2016, 3, 1), ["2016-01-31", "2016-02-29", "2016-03-01"]),
        (
            "quarter",
            date(2016, 11, 1),
            date(2017, 4, 1),
            ["2016-12-31", "2017-03-31", "2017-04-01"],
        ),
        ("year", date(2016, 5, 1), date(2099, 1, 1), ["2016-12-31", "2017-07-09"]),
        ("month", date(2017, 7, 10), None, []),
    ],
)
def test_a_level_is_taken_from_the_last_day_of_each_period(grain, since, until, expected):
    question = Question(("x",), grain=grain, since=since, until=until)
    assert [str(day) for day in last_days(question, date(2017, 7, 9))] == expected
    assert last_days(question, None) == []
