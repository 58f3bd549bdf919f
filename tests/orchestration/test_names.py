"""Names of sources, streams, models and tests as Dagster takes them: valid and apart."""

import re

import pytest
from dagster import AssetKey
from hypothesis import given
from hypothesis import strategies as st

from orchestration import check_names, names
from orchestration.check_names import Owner

TEXTS = st.text(max_size=40) | st.from_regex(r"[a-c_.-]{0,6}(x[0-9a-f]{12})?", fullmatch=True)


@given(TEXTS, TEXTS)
def test_names_are_valid_and_stay_apart(one, other):
    made, beside = names.valid(one), names.valid(other)

    assert re.fullmatch(r"[A-Za-z0-9_]{1,100}", made)
    assert (made == beside) == (one == other)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_what_dagster_joins_stays_apart(schema, name, other_schema, other_name):
    one = AssetKey([names.schema(schema), names.valid(name)])
    other = AssetKey([names.schema(other_schema), names.valid(other_name)])

    joined = one.to_python_identifier() == other.to_python_identifier()
    assert joined == ((schema, name) == (other_schema, other_name))


@pytest.mark.parametrize("name", ["users", "Users", "_1", "gold", "a__b", "x" * 100])
def test_a_name_that_is_valid_stays(name):
    assert names.valid(name) == name


def test_what_is_readable_of_a_name_stays():
    assert names.valid("Customer's orders") == "Customer_s_orders_x63df180edd25"
    assert names.valid("Café/été").startswith("Cafe_ete_x")
    assert names.valid("") == "xe3b0c44298fc"


def test_a_name_that_was_made_does_not_meet_one_that_is_so():
    made = names.valid("a b")
    assert names.valid(made) != made


def generic(rule, model, name=None, column=None, namespace=None, arguments="made_of_arguments"):
    made = f"{namespace + '_' if namespace else ''}{rule}_{model}_{arguments}"
    return {
        "name": name or made,
        "column_name": column,
        "test_metadata": {"name": rule, "namespace": namespace, "kwargs": {}},
    }


@pytest.mark.parametrize(
    ("test", "name"),
    [
        (generic("keeps_rules", "dim_date"), "dim_date_keeps_rules"),
        (generic("unique", "dim_date", column="day"), "dim_date_unique_day"),
        (generic("unique", "dim_date", column="the day", namespace="utils"), "dim_date_unique_the"),
        (generic("keeps_rules", "dim_date", name="days_are_days"), "days_are_days"),
        ({"name": "assert_all", "test_metadata": None}, "assert_all"),
        ({"name": "it's all right"}, "it_s_all_right_x"),
    ],
)
def test_a_check_has_its_tests_name_or_model_and_rule(test, name):
    assert check_names.short_name(test, "dim_date").startswith(name)


def test_checks_that_dagster_would_take_for_one_are_told_apart_whatever_comes_first():
    tests = {
        "test.p.a.1": generic("keeps_rules", "a", arguments="one"),
        "test.p.a.2": generic("keeps_rules", "a", arguments="two"),
        "test.p.b.3": generic("keeps_rules", "a", name="b_c"),
        "test.p.ab.4": generic("keeps_rules", "a_b", name="c"),
        "test.p.a.5": generic("unique", "a", column="id"),
    }
    owners = dict.fromkeys(tests, Owner("a", "gold__a"))
    owners["test.p.ab.4"] = Owner("a_b", "gold__a_b")

    found = check_names.names_of({"nodes": tests}, owners)
    backwards = check_names.names_of(
        {"nodes": dict(reversed(tests.items()))}, dict(reversed(owners.items()))
    )

    assert found == backwards
    joined = {f"{owners[one].identifier}_{name}" for one, name in found.items()}
    assert len(joined) == len(tests)
    assert found["test.p.a.5"] == "a_unique_id"
