"""The comparison of two golds and the golden check: that they find what is wrong."""

import duckdb
import pytest

from tests.compare_gold import GOLD_TABLES, Difference, compare
from tests.golden import check_golden
from tests.golden_values import golden_checks


@pytest.fixture
def golds():
    connections = [duckdb.connect(), duckdb.connect()]
    for connection in connections:
        connection.execute("create schema gold")
    yield connections
    for connection in connections:
        connection.close()


def create(connection, table, rows, columns="sk_id, name"):
    connection.execute(
        f"create table gold.{table} as select * from (values {rows}) as t({columns})"
    )


def test_order_of_rows_and_columns_does_not_count(golds):
    create(golds[0], "dim_time", "(1, 'a'), (2, null), (2, null)")
    create(golds[1], "dim_time", "(null, 2), ('a', 1), (null, 2)", "name, sk_id")
    assert compare(*golds, tables=["dim_time"]) == []


def test_repeated_rows_and_keys_count(golds):
    create(golds[0], "dim_time", "(1, 'a'), (2, 'b'), (2, 'b')")
    create(golds[1], "dim_time", "(1, 'a'), (2, 'b'), (3, 'b')")
    assert compare(*golds, tables=["dim_time"]) == [
        Difference(
            "dim_time",
            only_in_a=1,
            only_in_b=1,
            samples=("a {'name': 'b', 'sk_id': 2}", "b {'name': 'b', 'sk_id': 3}"),
        )
    ]


def test_null_is_not_an_empty_text(golds):
    create(golds[0], "dim_time", "(1, null)")
    create(golds[1], "dim_time", "(1, '')")
    [difference] = compare(*golds, tables=["dim_time"])
    assert (difference.only_in_a, difference.only_in_b) == (1, 1)


def test_only_time_stamps_of_messages_may_differ(golds):
    columns = "message_date_and_time, message_text"
    create(golds[0], "di_messages", "(timestamp '2020-01-01', 'x')", columns)
    create(golds[1], "di_messages", "(timestamp '2020-01-02', 'x')", columns)
    assert compare(*golds, tables=["di_messages"]) == []
    golds[1].execute("update gold.di_messages set message_text = 'y'")
    [difference] = compare(*golds, tables=["di_messages"])
    assert difference.samples == ("a {'message_text': 'x'}", "b {'message_text': 'y'}")


@pytest.mark.parametrize(
    ("rows", "columns", "problem"),
    [
        ("(1, 'a', 0)", "sk_id, name, more", "columns only in a: [], only in b: ['more']"),
        ("(1.5::double, 'a')", "sk_id, name", "floating-point columns cannot be equal: ['sk_id']"),
    ],
)
def test_tables_that_cannot_be_compared(golds, rows, columns, problem):
    create(golds[0], "dim_time", "(1, 'a')")
    create(golds[1], "dim_time", rows, columns)
    assert compare(*golds, tables=["dim_time"]) == [Difference("dim_time", problem=problem)]


def test_a_missing_table_is_a_difference(golds):
    create(golds[0], "dim_time", "(1, 'a')")
    assert [str(difference) for difference in compare(*golds, tables=["dim_time"])] == [
        "dim_time: missing in b"
    ]
    assert len(compare(*golds)) == len(GOLD_TABLES)


def test_golden_check_names_expected_and_found(golds):
    golds[0].execute("create table gold.tax_rate as select range as tx_id from range(319)")
    results = check_golden(golds[0])
    [tax_rate] = [result for result in results if result.name == "tax_rate: rows"]
    assert str(tax_rate) == "WRONG tax_rate: rows: expected 320, found 319"
    golds[0].execute("insert into gold.tax_rate values (319)")
    assert str(check_golden(golds[0])[0]).startswith("WRONG dim_date: rows: expected 25933, found")
    assert "OK    tax_rate: rows" in [str(result) for result in check_golden(golds[0])]


def test_no_golden_value_passes_without_data(golds):
    assert not any(result.ok for result in check_golden(golds[0]))


def test_golden_checks_have_names_of_their_own():
    names = [check.name for check in golden_checks()]
    assert len(names) == len(set(names))
