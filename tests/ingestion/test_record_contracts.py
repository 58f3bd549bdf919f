"""Records by their contract: typed exactly, in quarantine with a reason, and none lost."""

import json
import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ingestion import bronze, declarations, inventory
from ingestion.contracts import gate, generation, model, record_contracts
from ingestion.errors import DeclarationError
from ingestion.scaffold import scaffold
from tests.ingestion.conftest import Source, record, state, status, stream
from tests.ingestion.modelling import Models

DELETED = "_ab_cdc_deleted_at"
MOMENT = {"type": ["null", "string"], "format": "date-time"}
DAY = {"type": ["null", "string"], "format": "date"}
OFFERED = stream(
    "Sales",
    id="integer",
    amount="number",
    state="string",
    sold=DAY,
    at=MOMENT,
    is_open="boolean",
    note="string",
    count="string",
    place={"type": "object", "properties": {"zip": {"type": "string"}}},
    _ab_cdc_deleted_at="string",
)
GOOD = {
    "id": 1,
    "amount": 12.5,
    "state": "NEW",
    "sold": "2024-02-29",
    "at": "2024-02-29T12:00:00.5Z",
    "is_open": True,
    "note": "good",
    "count": "12",
    "place": {"zip": "1000"},
}
TYPED = (
    *(1, Decimal("12.50"), "NEW", date(2024, 2, 29)),
    *(datetime(2024, 2, 29, 12, 0, 0, 500000, UTC), True, "good", 12, "1000"),
)


def narrow(sales: dict[str, Any]) -> None:
    """What people make of the contract of what is offered."""
    columns = sales["columns"]
    columns["id"]["required"] = True
    columns["amount"]["type"] = "decimal(8,2)"
    columns["state"] |= {"type": "code(NEW, OLD)", "required": True}
    columns["note"]["type"] = "text(5)"
    columns["count"] |= {"type": "integer(4)", "delivered": "text"}
    columns["zip"] = {"type": "text(4)", "from": ["place", "zip"], "meaning": "Where it was sold."}
    del columns["place"]


class Shop:
    """A source of sales with what its contract makes."""

    def __init__(self, source: Source, mode: str) -> None:
        self.source, self.mode = source, mode
        source.declared["streams"] = {"Sales": {"sync_mode": mode, "key": "id", "cursor": "at"}}
        self.offered = OFFERED

    def bring(self, *rows: dict[str, Any], offered: dict[str, Any] | None = None) -> None:
        self.offered = offered or self.offered
        lines = [record("Sales", row) for row in rows]
        self.source.plays([*lines, state("Sales", 1), status("Sales")], streams=[self.offered])
        result = self.source.sync()
        assert result.status == "succeeded", result.errors

    def models(self) -> Models:
        declared = self.source.declaration()
        self.source.plays([], streams=[OFFERED])
        return Models(declared, inventory.discover_tables(declared, self.source.home), narrow)

    def build(self) -> tuple[list[Any], list[Any]]:
        """The rows of bronze and of quarantine, none of which may be lost."""
        models = self.models()
        with duckdb.connect(str(self.source.paths.raw_database)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("begin")
            assert models.build(connection) == []
            names = "id, amount, state, sold, at_, is_open, note, count, zip"
            rows = connection.execute(f"select {names} from bronze_played__sales order by id")
            found = rows.fetchall()
            held = connection.execute(
                "select reason, detail from bronze_played__quarantine order by all"
            ).fetchall()
            connection.execute("rollback")
        return found, held


MODES = [
    "incremental_append",
    "incremental_deduplicated",
    "full_refresh_append",
    "full_refresh_overwrite",
]
BREACHES = [
    ({"id": None}, "missing_value", "id: missing_value"),
    ({"id": "seven"}, "not_a_number", 'id: not_a_number "seven"'),
    ({"id": 2**63}, "not_a_number", f'id: not_a_number "{2**63}"'),
    ({"amount": 12.345}, "not_a_number", 'amount: not_a_number "12.345"'),
    ({"amount": 1e7}, "not_a_number", 'amount: not_a_number "10000000"'),
    ({"amount": "much"}, "not_a_number", 'amount: not_a_number "much"'),
    ({"state": "GONE"}, "unknown_code", 'state: unknown_code "GONE"'),
    ({"state": ""}, "missing_value", "state: missing_value"),
    ({"state": None}, "missing_value", "state: missing_value"),
    ({"sold": "2023-02-29"}, "not_a_date", 'sold: not_a_date "2023-02-29"'),
    ({"sold": "1066-10-14"}, "not_a_date", 'sold: not_a_date "1066-10-14"'),
    ({"at": "2101-01-01T00:00:00Z"}, "not_a_timestamp", "at_: not_a_timestamp "),
    ({"at": "noon"}, "not_a_timestamp", 'at_: not_a_timestamp "noon"'),
    ({"is_open": "maybe"}, "unknown_code", 'is_open: unknown_code "maybe"'),
    ({"note": "longer"}, "too_long", 'note: too_long "longer"'),
    ({"count": "1.0"}, "not_a_number", 'count: not_a_number "1.0"'),
    ({"place": {"zip": "10000"}}, "too_long", 'zip: too_long "10000"'),
]


@pytest.mark.parametrize("mode", MODES)
def test_every_breach_is_in_quarantine_with_its_reason(source: Source, mode: str) -> None:
    shop = Shop(source, mode)
    bad = [GOOD | {"id": 10 + number} | change for number, (change, _, _) in enumerate(BREACHES)]
    shop.bring(GOOD, *bad)
    rows, held = shop.build()
    assert rows == [TYPED]
    expected = sorted((reason, detail) for _, reason, detail in BREACHES)
    assert [reason for reason, _ in held] == [reason for reason, _ in expected]
    for (_, said), (_, detail) in zip(held, expected, strict=True):
        assert said.startswith(detail)


def test_a_bad_version_leaves_the_last_good_one(source: Source) -> None:
    shop = Shop(source, "incremental_append")
    later = {"at": "2024-03-01T00:00:00Z"}
    shop.bring(GOOD, GOOD | {"id": 2})
    shop.bring(GOOD | later | {"amount": 1.234}, GOOD | later | {"id": 2, "note": "new"})
    rows, held = shop.build()
    assert [(row[0], row[1], row[6]) for row in rows] == [
        (1, Decimal("12.50"), "good"),
        (2, Decimal("12.50"), "new"),
    ]
    assert held == [("not_a_number", 'amount: not_a_number "1.234"')]


@pytest.mark.parametrize("mode", MODES[:2])
def test_what_says_that_a_row_was_deleted_need_not_keep_the_contract(
    source: Source, mode: str
) -> None:
    shop = Shop(source, mode)
    shop.bring(GOOD, GOOD | {"id": 2})
    gone = {"id": 2, "at": "2024-03-01T00:00:00Z", "_ab_cdc_deleted_at": "2024-03-01"}
    shop.bring(gone)
    assert shop.build() == ([TYPED], [])


def test_a_type_that_changed_at_the_source_is_still_typed_as_the_contract_says(
    source: Source,
) -> None:
    shop = Shop(source, "incremental_append")
    shop.bring(GOOD)
    words = stream("Sales", **OFFERED["json_schema"]["properties"] | {"id": "string"})
    shop.bring(GOOD | {"id": "2"}, GOOD | {"id": "x3"}, GOOD | {"id": " 4"}, offered=words)
    rows, held = shop.build()
    assert [row[0] for row in rows] == [1, 2]
    assert [detail for _, detail in held] == ['id: not_a_number " 4"', 'id: not_a_number "x3"']


@pytest.mark.parametrize("mode", MODES)
def test_a_row_too_few_or_too_many_is_found(source: Source, mode: str) -> None:
    shop = Shop(source, mode)
    shop.bring(GOOD, GOOD | {"id": 2}, GOOD | {"id": None})
    models = shop.models()
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        assert models.build(raw) == []
        for change in (
            "delete from bronze_played__sales where id = 2",
            "insert into bronze_played__sales select * from bronze_played__sales limit 1",
            "delete from bronze_played__quarantine",
        ):
            raw.execute("begin")
            raw.execute(change)
            assert [row[0] for row in models.conserved(raw)] == ["sales"], change
            raw.execute("rollback")


class Written(str):
    """A value as it is written in a message of the connector."""


def line_of(name: str, n: int, value: Any) -> str:
    if isinstance(value, Written):
        return record(name, {"n": n, "v": "@"}).replace('"@"', value)
    return record(name, {"n": n, "v": value})


LARGE = {"type": "integer", "airbyte_type": "big_integer"}
WORDS = {"type": ["null", "string"], "format": "date-time"}
NUMBER, TEXT = {"type": "number"}, {"type": "string"}
WHOLE, ANYTHING = {"type": "integer"}, {"type": ["string", "integer"]}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[Any], list[Any]]] = {
    "whole of a number": (NUMBER, {"type": "integer"}, [1, 2.0, 2**53 + 1, 1.5], [1, 2, 2**53 + 1]),
    "small and large": (
        NUMBER,
        {"type": "decimal(30,8)"},
        [1e-05, 1e17, 1e-9, 0.1],
        [Decimal("0.00001"), Decimal(10**17), Decimal("0.1")],
    ),
    "large whole": (NUMBER, {"type": "integer(18)"}, [10**17, 1e18], [10**17]),
    "no decimals": (TEXT, {"type": "decimal(4,0)"}, ["12", "1.5", ".5"], [Decimal(12)]),
    "text of numbers": (WHOLE, {"type": "text", "delivered": "integer"}, [7, "abc"], ["7", "abc"]),
    "text of anything": (
        ANYTHING,
        {"type": "text(3)", "delivered": "json"},
        ["abc", 12, "abcd"],
        ["abc", "12"],
    ),
    "code of anything": (
        ANYTHING,
        {"type": "code(A, 1)", "delivered": "json"},
        ["A", 1, "B"],
        ["A", "1"],
    ),
    "odd codes": (
        TEXT,
        {"type": "code(N/A, a:b, it's, 5%)"},
        ["N/A", "a:b", "it's", "5%", "N", "a"],
        ["N/A", "a:b", "it's", "5%"],
    ),
    "days": (
        TEXT,
        {"type": "date", "delivered": "text"},
        ["2024-02-29", "2024-2-29", "2024-02-29T01:00:00", ""],
        [date(2024, 2, 29), None],
    ),
    "days without an end": (
        DAY,
        {"type": "date", "earliest": "1800-01-01", "latest": "9999-12-31"},
        ["9999-12-31", "1800-01-01", "1799-12-31", None],
        [date(9999, 12, 31), date(1800, 1, 1), None],
    ),
    "moments without an end": (
        MOMENT,
        {"type": "timestamptz", "latest": "9999-12-31"},
        ["9999-12-31T00:00:00Z", "1900-01-01T00:00:00Z", "1899-12-31T00:00:00Z"],
        [datetime(9999, 12, 31, tzinfo=UTC), datetime(1900, 1, 1, tzinfo=UTC)],
    ),
    "in a range": (
        NUMBER,
        {"type": "decimal(8,2)", "least": "-0.5", "most": 100},
        [-0.5, -0.51, 100, 100.01, None, 1.234],
        [Decimal("-0.5"), Decimal(100), None],
    ),
    "not below": (
        WHOLE,
        {"type": "integer", "least": 1, "delivered": "integer"},
        [1, 0, 2**53 + 1],
        [1, 2**53 + 1],
    ),
    "in a range inside": (
        {"type": "object"},
        {"type": "number", "from": ["v", "x"], "most": 2},
        [{"x": 2.0}, {"x": 2.5}, {"x": "y"}, {}],
        [2.0, None],
    ),
    "nothing may be there": (
        TEXT,
        {"type": "text", "absent": True},
        ["broken;line", None],
        [None],
    ),
    "exponents inside": (
        TEXT,
        {"type": "decimal(8,2)", "from": ["v", "x"], "delivered": "text"},
        ['{"x": 1.5E2}', '{"x": 25e-2}', '{"x": 1E-3}'],
        [Decimal(150), Decimal("0.25")],
    ),
    "times": (
        TEXT,
        {"type": "timestamp", "delivered": "text"},
        [
            "2024-01-01T10:00:00",
            "2024-01-01 10:00:00.500",
            "epoch",
            "2024-01-01",
            "2024-01-01T24:00:00",
        ],
        [datetime(2024, 1, 1, 10), datetime(2024, 1, 1, 10, 0, 0, 500000)],
    ),
    "moments": (
        TEXT,
        {"type": "timestamptz", "delivered": "text"},
        ["2024-01-01T10:00:00Z", "2024-01-01T10:00:00+02:00", "2024-01-01T10:00:00", "epoch"],
        [datetime(2024, 1, 1, 10, tzinfo=UTC), datetime(2024, 1, 1, 8, tzinfo=UTC)],
    ),
    "hours": (
        TEXT,
        {"type": "time", "delivered": "text"},
        ["10:00", "10:00:00.500", "24:00:00", "10:00Z"],
        [time(10), time(10, 0, 0, 500000)],
    ),
    "whole inside": (
        {"type": "object"},
        {"type": "integer", "from": ["v", "x"]},
        [{"x": 1.0}, {"x": "y"}, {"x": 2}],
        [1, 2],
    ),
    "digits inside": (
        {"type": "object"},
        {"type": "decimal(38,20)", "from": ["v", "x"]},
        [
            Written('{"x": 0.1234567890123456789}'),
            Written('{"y": [1], "x" : 12345678901234567.89}'),
            Written('{"x": 9007199254740993.0, "y": 9007199254740993.00}'),
            Written('{"\\u0078": 0.12345678901234567}'),
            Written('{"\\u0078": 0.12345678901234567, "y": 0.123456789012345670}'),
        ],
        [
            Decimal("0.1234567890123456789"),
            Decimal("12345678901234567.89"),
            Decimal(9007199254740993),
            Decimal("0.12345678901234567"),
            Decimal("0.12345678901234567"),
        ],
    ),
    "digits of any type": (
        {"type": ["string", "number"]},
        {"type": "decimal(38,20)", "delivered": "json"},
        [Written("0.1234567890123456789"), Written("12345678901234567.89"), "1.50", "x"],
        [Decimal("0.1234567890123456789"), Decimal("12345678901234567.89"), Decimal("1.5")],
    ),
    "text of digits inside": (
        {"type": "object"},
        {"type": "text(50)", "from": ["v", "x"]},
        [Written('{"x": 0.1234567890123456789}'), {"x": 1.5}, {"x": "a"}],
        ["0.1234567890123456789", "1.5", "a"],
    ),
    "inside what could not be kept": (
        {"type": "object"},
        {"type": "text", "from": ["v", "x"]},
        [Written('{"x": "a", "y": NaN}'), {"x": "b"}, None],
        ["a", "b", None],
    ),
    "inside what is no JSON": (
        {"type": "object"},
        {"type": "integer", "from": ["v", "x"]},
        [Written('{"x": 1, "y": 1, "y": "\\ud83d"}'), {"x": 2}],
        [1, 2],
    ),
    "text of what is typed": (
        MOMENT,
        {"type": "text"},
        ["noon", "2024-01-01T00:00:00Z"],
        ["noon", "2024-01-01 00:00:00+00"],
    ),
    "text of a number": (
        NUMBER,
        {"type": "text"},
        ["abc", Written("0.1234567890123456789"), Written("12345678901234567890"), 1.5],
        ["abc", "0.1234567890123456789", "12345678901234567890", "1.5"],
    ),
    "inside no object": (
        TEXT,
        {"type": "text", "from": ["v", "x"]},
        ["no json", '{"x": "a"}'],
        [None, "a"],
    ),
}
"""What the connector offers of a field, its contract, what comes, and what of that is typed."""


def test_values_of_every_type_are_typed_or_held(source: Source) -> None:
    lines = []
    for name, (_, _, values, _) in CASES.items():
        lines += [line_of(name, n, value) for n, value in enumerate(values)]
        lines.append(status(name))
    streams = [stream(name, n="integer", v=of) for name, (of, _, _, _) in CASES.items()]
    source.plays(lines, streams=streams)
    source.declared["streams"] = {name: {} for name in CASES}
    assert source.sync().status == "succeeded"

    def change(each: dict[str, Any]) -> None:
        name = each["description"].removeprefix("One row per record of ")
        each["columns"]["v"] = {**CASES[name][1], "meaning": "What is tried."}

    tables = inventory.discover_tables(source.declaration(), source.home)
    models = Models(source.declaration(), tables, change)
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        raw.execute("set TimeZone = 'UTC'")
        assert models.build(raw) == []
        for table in tables:
            found = raw.execute(f"select v from {models.name(table)} order by n").fetchall()
            _, _, values, expected = CASES[table.key[1]]
            assert [value for (value,) in found] == expected, table.key[1]
            [(held,)] = raw.execute(
                "select count(*) from bronze_played__quarantine where stream = ?",
                [models.called[table.name]],
            ).fetchall()
            assert held == len(values) - len(expected), table.key[1]


def test_other_columns_of_raw_do_not_disturb_the_choice_of_the_newest(source: Source) -> None:
    source.declared["streams"] = {"s": {"key": "id", "cursor": "at"}}
    more = stream(
        "s", id="integer", at="integer", v="string", arrival_number="integer", key_1="integer"
    )
    row = {"id": 1, "arrival_number": 9, "key_1": 1}
    source.plays(
        [
            record("s", row | {"at": 9, "v": "new"}),
            record("s", row | {"at": 1, "v": "old", "key_1": 2}),
            status("s"),
        ],
        streams=[more],
    )
    source.sync()

    def narrow(each: dict[str, Any]) -> None:
        del each["columns"]["arrival_number"], each["columns"]["key_1"]
        each["columns"]["at_"] = each["columns"].pop("at_")
        each["cursor"] = ["at_"]  # As the contract calls it.

    tables = inventory.discover_tables(source.declaration(), source.home)
    models = Models(source.declaration(), tables, narrow)
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        assert models.build(raw) == []
        assert raw.execute("select v from bronze_played__s").fetchall() == [("new",)]


VERSIONS: list[tuple[dict[str, Any], list[tuple[Any, Any]], list[int]]] = [
    ({"type": "integer(4)", "delivered": "text"}, [("9", "7"), ("10", "07")], [1]),
    (
        {"type": "timestamptz", "delivered": "text"},
        [("2024-01-01T10:00:00+02:00", "7"), ("2024-01-01T09:00:00Z", "7")],
        [1],
    ),
    ({"type": "text"}, [("9", "7"), ("10", "7"), ("10", "8")], [0, 2]),
]


@pytest.mark.parametrize(("cursor", "rows", "left"), VERSIONS)
def test_versions_are_compared_as_the_contract_types_them(
    source: Source, cursor: dict[str, Any], rows: list[tuple[Any, Any]], left: list[int]
) -> None:
    source.declared["streams"] = {"s": {"key": "k", "cursor": "c"}}
    lines = [record("s", {"k": k, "c": c, "v": v}) for v, (c, k) in enumerate(rows)]
    offered = stream("s", k="string", c="string", v="integer")
    source.plays([*lines, status("s")], streams=[offered])
    source.sync()

    def narrow(each: dict[str, Any]) -> None:
        each["columns"]["c"] |= cursor
        each["columns"]["k"] |= {"type": "integer(4)", "delivered": "text"}

    tables = inventory.discover_tables(source.declaration(), source.home)
    models = Models(source.declaration(), tables, narrow)
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        raw.execute("set TimeZone = 'UTC'")
        assert models.build(raw) == []
        found = raw.execute("select v from bronze_played__s order by v").fetchall()
    assert [v for (v,) in found] == left


@pytest.mark.parametrize("kinds", [("integer", LARGE), (WORDS, "string")])
def test_a_key_that_raw_came_to_hold_is_the_same_key_in_bronze(
    source: Source, kinds: tuple[Any, Any]
) -> None:
    source.declared["streams"] = {"s": {"key": "k", "cursor": "c"}}
    key = 2**63 if kinds[0] == "integer" else "2024-01-01T00:00:00.000Z"
    mark = {"_ab_cdc_deleted_at": "string"}
    for c, kind in enumerate(kinds):
        rows = [{"k": key, "c": c}, {"k": 1 if c else 2, "c": c}]
        rows[0] |= {"_ab_cdc_deleted_at": "2024-01-02"} if c else {}
        rows = rows[: 1 if kinds[1] == "string" else 2]
        source.plays(
            [*(record("s", row) for row in rows), status("s")],
            streams=[stream("s", k=kind, c="integer", **mark)],
        )
        assert source.sync().status == "succeeded"

    def narrow(each: dict[str, Any]) -> None:
        each["columns"]["k"]["type"] = "integer(38)" if kinds[0] == "integer" else "timestamptz"

    tables = inventory.discover_tables(source.declaration(), source.home)
    models = Models(source.declaration(), tables, narrow)
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        raw.execute("set TimeZone = 'UTC'")
        assert models.build(raw) == []
        found = raw.execute("select k from bronze_played__s order by k").fetchall()
    assert found == ([(1,), (2,)] if kinds[0] == "integer" else [])


def test_the_field_of_a_nested_key_is_the_right_one_of_two_that_differ_in_case(
    source: Source,
) -> None:
    inside = {"type": "object", "properties": {"id": {"type": "string"}}}
    source.declared["streams"] = {"s": {"key": [["Meta", "id"]]}}
    rows = [{"meta": {"id": "wrong"}, "Meta": {"id": one}} for one in ("a", "b")]
    source.plays(
        [*(record("s", row) for row in rows), status("s")],
        streams=[stream("s", meta=inside, Meta=inside)],
    )
    source.sync()
    tables = inventory.discover_tables(source.declaration(), source.home)
    models = Models(source.declaration(), tables)
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        found = models.rows(raw, tables[0])
        assert sorted(row[found.columns.index("meta_id")] for row in found.rows) == ["a", "b"]


def test_a_contract_that_leaves_a_deletion_out_or_spells_otherwise_holds_its_source(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(source, "incremental_append")
    shop.bring(GOOD)
    project = Project(source, tmp_path, monkeypatch)
    for change, said in (
        (lambda columns: columns.pop("ab_cdc_deleted_at"), "no line for _ab_cdc_deleted_at, by"),
        (lambda columns: columns["id"].update({"from": "ID"}), "no field ID, its name is id: say"),
    ):
        project.write(change)
        for waiting in ({"played": [1]}, {}):  # Also after its rows were built.
            [verdict] = project.judge(waiting)
            assert said in str(verdict.reason)
            assert verdict.since_load == (1 if waiting else 2)
            assert project.judge(waiting) == []
            project.forget()
    project.write(change)
    project.judge({})
    project.write(lambda columns: None)
    assert [verdict.reason for verdict in project.judge({})] == [None]
    assert project.judge({}) == []


def test_a_held_load_ends_with_what_its_source_mends_or_its_contract_allows(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(source, "incremental_append")
    shop.bring(GOOD | {"amount": "much"}, GOOD | {"id": 2})
    project = Project(source, tmp_path, monkeypatch)

    def allow(share: float) -> None:
        def change(columns: dict[str, Any]) -> None:
            columns["amount"]["type"] = "decimal(8,2)"

        project.write(change, share)

    allow(0.4)
    [verdict] = project.judge({"played": [1]})
    assert str(verdict.reason).startswith("1 of 2 records of sales are bound for quarantine, more")
    assert project.judge({"played": [1]}) == []
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        raw.execute('alter table played."Sales" add column _arrival varchar')
    allow(0.5)
    assert [one.reason for one in project.judge({"played": [1]})] == [None]
    allow(0.4)
    assert [one.is_held for one in project.judge({"played": [1]})] == [True]

    def more(columns: dict[str, Any]) -> None:
        columns["amount"]["type"] = "decimal(8,2)"
        columns["rank"] = {"type": "integer", "meaning": "Its place."}

    project.write(more, 0.4)  # What is new in the contract is no fault of it.
    assert gate.accept(source.home, "played") == verdict.reason
    assert project.judge({"played": [1]}) == []
    shop.bring(GOOD | {"at": "2024-03-01T00:00:00Z"})
    assert [one[1:] for one in project.judge({"played": [1, 2]})] == [(2, 1, None)]


def test_a_contract_that_gainsays_raw_is_mended_and_not_accepted(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(source, "incremental_append")
    shop.bring(GOOD)
    project = Project(source, tmp_path, monkeypatch)
    project.write(lambda columns: columns.pop("ab_cdc_deleted_at"))
    assert [one.is_held for one in project.judge({"played": [1]})] == [True]
    with pytest.raises(DeclarationError, match="tradehouse contracts generate played"):
        gate.accept(source.home, "played")
    (project.contracts / "played.yml").write_text("streams: [")
    [verdict] = project.judge({"played": [1]})
    assert "contracts/played.yml" in str(verdict.reason)
    assert project.judge({"played": [1]}) == []


@pytest.mark.parametrize(
    ("bad", "breach"), [("no; note: 4711", "not_a_number"), (-4711, "out_of_range")]
)
def test_a_load_is_judged_by_its_own_rows_and_the_newest_of_each(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: Any, breach: str
) -> None:
    shop = Shop(source, "incremental_deduplicated")
    shop.bring(*(GOOD | {"id": n} for n in range(100)))
    project = Project(source, tmp_path, monkeypatch)

    def narrow(columns: dict[str, Any]) -> None:
        columns["amount"] |= {"type": "decimal(8,2)", "least": 0, "class": "personal"}

    project.write(narrow)
    assert [one.reason for one in project.judge({"played": [1]})] == [None]
    later = [f"2024-03-01T00:00:{n:02}Z" for n in range(10)]
    shop.bring(*(GOOD | {"id": n, "amount": bad, "at": at} for n in (1, 2) for at in later))
    [verdict] = project.judge({"played": [2]})
    # What is personal is not told.
    assert str(verdict.reason) == (
        "2 of 2 records of sales are bound for quarantine, more than 5 %; the first: "
        f"amount: {breach}"
    )


def test_every_breach_that_a_model_finds_can_be_told_of_what_is_personal() -> None:
    text = (gate.MACROS / "typed_value.sql").read_text()
    found = re.findall(r"'\w+': '(\w+)'", text[text.index("macro breach_of") :])
    assert len(found) > 20
    assert {*found, "missing_value"} == set(gate._BREACHES)


@pytest.mark.parametrize("mode", ["incremental_append", "incremental_deduplicated"])
def test_a_load_tells_whether_quarantine_takes_keys_away(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    shop = Shop(source, mode)
    shop.bring(*(GOOD | {"id": n} for n in range(40)))
    project = Project(source, tmp_path, monkeypatch)
    project.write(lambda columns: columns["amount"].update({"type": "decimal(8,2)"}))
    assert [one.is_held for one in project.judge({"played": [1]})] == [False]
    later = {"at": "2024-03-01T00:00:00Z"}
    shop.bring(*(GOOD | later | {"id": n, "amount": "no" if n == 1 else 1} for n in range(40)))
    assert [one.is_held for one in project.judge({"played": [2]})] == [False]
    # Where raw keeps every version the last good one stays in force.
    is_lost = mode == "incremental_deduplicated"
    found = source.query("select load, loses from _tradehouse.judged order by load")
    assert found == [(1, False), (2, is_lost)]


def test_better_versions_end_what_held_older_ones(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(source, "incremental_append")
    shop.bring(*(GOOD | {"id": n, "amount": "no"} for n in range(10)))
    project = Project(source, tmp_path, monkeypatch)
    project.write(lambda columns: columns["amount"].update({"type": "decimal(8,2)"}))
    assert [one.is_held for one in project.judge({"played": [1]})] == [True]
    shop.bring(*(GOOD | {"id": n, "at": "2024-03-01T00:00:00Z"} for n in range(10)))
    assert [one.reason for one in project.judge({"played": [1, 2]})] == [None]


def test_a_type_that_changes_without_a_record_is_judged_by_all_rows(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(source, "incremental_append")
    shop.bring(GOOD, GOOD | {"id": 2})
    project = Project(source, tmp_path, monkeypatch)
    project.write(lambda columns: None)
    assert [one.reason for one in project.judge({"played": [1]})] == [None]
    properties = OFFERED["json_schema"]["properties"]
    shop.bring(offered=stream("Sales", **properties | {"sold": MOMENT}))
    # A day is the midnight of UTC that it has become.
    assert [one.reason for one in project.judge({})] == [None]
    shop.bring(offered=stream("Sales", **properties | {"sold": MOMENT, "more": "string"}))
    assert project.judge({}) == []
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        raw.execute("alter table played.\"Sales\" alter column id type varchar using 'x' || id")
    [verdict] = project.judge({})
    assert str(verdict.reason).startswith("2 of 2 records of sales")


class Project:
    """A project with the contract of a source, and its gate."""

    def __init__(self, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.source, self.contracts = source, tmp_path / "contracts"
        self.contracts.mkdir()
        declared = source.declaration()
        tables = inventory.discover_tables(declared, source.home)
        self.written = record_contracts.content(declared, tables, bronze.stream_names(tables))
        monkeypatch.setattr(model.names, "__defaults__", (self.contracts,))
        monkeypatch.setattr(model.read, "__defaults__", (self.contracts,))
        monkeypatch.setattr(declarations, "read", lambda _: declared)

    def write(self, change: Callable[[dict[str, Any]], object], share: float = 0.05) -> None:
        content = yaml.safe_load(self.written) | {"bad_share": share}
        [each] = content["streams"].values()
        change(each["columns"])
        (self.contracts / "played.yml").write_text(yaml.safe_dump(content, sort_keys=False))

    def judge(self, waiting: dict[str, list[int]]) -> list[gate.Verdict]:
        path = self.source.paths.raw_database
        before = path.stat().st_mtime_ns
        with duckdb.connect(str(path), read_only=True) as raw:
            cases = gate.pending(raw, waiting)
        verdicts = gate.judge(self.source.home, cases) if cases else []
        assert cases or path.stat().st_mtime_ns == before
        return verdicts

    def forget(self) -> None:
        with duckdb.connect(str(self.source.paths.raw_database)) as raw:
            raw.execute("delete from _tradehouse.judged")


MIXED: dict[str, tuple[list[Any], list[Any]]] = {
    "id": ([0, 1, 2], [None, "x", 1.5, 2**64]),
    "amount": ([None, 0, 1.5, -3.25, 999999.99], [1.234, 1e6, "much", True, {}]),
    "state": (["NEW", "OLD"], [None, "", "new", 5]),
    "sold": ([None, "2024-02-29", "1900-01-01"], ["1899-12-31", "2024-02-30", 5]),
    "at": (
        [None, *(f"2024-01-0{day}T00:00:00Z" for day in (1, 2, 3))],
        ["noon", "2101-01-01T00:00:00Z"],
    ),
    "is_open": ([None, True, False], ["maybe", 7]),
    "count": ([None, "0", "-12", "9999"], ["10000", "1.0", " 1", "x"]),
}
"""For every field what keeps the contract, and what does not."""


@st.composite
def sales(draw: st.DrawFn) -> tuple[dict[str, Any], bool]:
    """A record, and whether it keeps the contract."""
    bad = draw(st.sets(st.sampled_from(sorted(MIXED)), max_size=1))
    row = {name: draw(st.sampled_from(MIXED[name][name in bad])) for name in MIXED}
    return row, not bad


@given(drawn=st.lists(sales(), min_size=1, max_size=12), mode=st.sampled_from(MODES))
# Every example is a sync, so a failing one is not made smaller.
@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_whatever_comes_is_typed_or_held_or_an_older_version(
    drawn: list[tuple[dict[str, Any], bool]], mode: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = Shop(Source(tmp_path_factory.mktemp("shop")), mode)
    rows = [(row | {"note": str(number)}, good) for number, (row, good) in enumerate(drawn)]
    shop.bring(*(row for row, _ in rows))
    found, held = shop.build()
    good = [row for row, is_good in rows if is_good]
    if mode == "incremental_deduplicated":  # Raw has the newest alone, whether it is good or not.
        assert {row[6] for row in found} <= {row["note"] for row in good}
        return
    assert len(held) == len(rows) - len(good)
    if mode == "incremental_append":
        newest = {row["id"]: row for row in sorted(good, key=lambda row: row["at"] or "")}
        good = list(newest.values())
    expected = {row["note"]: (row["id"], row["state"], row["is_open"]) for row in good}
    assert {row[6]: (row[0], row[2], row[5]) for row in found} == expected
    assert len(found) == len(good)
    amounts = {row["note"]: row["amount"] for row in good}
    for row in found:
        wanted = amounts[row[6]]
        assert row[1] == (None if wanted is None else Decimal(str(wanted)))


def test_a_new_column_is_an_entry_and_a_command(source: Source, tmp_path: Path) -> None:
    """A contract is written once; then it is people's, and what is made of it follows."""
    shop = Shop(source, "incremental_append")
    shop.bring(GOOD)
    declared = source.declaration()
    project = tmp_path / "project"
    (project / "ingestion" / "sources").mkdir(parents=True)
    (project / "ingestion" / "sources" / "played.yml").write_text(
        yaml.safe_dump(json.loads(declared.model_dump_json(exclude_defaults=True)))
    )
    tables = inventory.discover_tables(declared, source.home)
    assert project / "contracts" / "played.yml" in scaffold(declared, tables, project)
    contract = model.read("played", project / "contracts")
    assert generation.outdated(contract, project) == []
    path = project / "contracts" / "played.yml"
    path.write_text(f"{path.read_text()}      rank: {{type: integer(2), meaning: Its place.}}\n")
    contract = model.read("played", project / "contracts")
    changed = {one.name for one in generation.write(contract, project)}
    assert changed == {
        "_played.yml",
        "sources.yml",
        "bronze_played__sales.sql",
        "bronze_played__quarantine.sql",
    }
    sql = (project / "models/bronze/played/bronze_played__sales.sql").read_text()
    assert "{{ record_value('rank', 'integer\\U0000003a2') }}" not in sql
    assert "{{ record_value('rank', 'integer:2') }} as rank" in sql
    with pytest.raises(DeclarationError, match="exist already and are not overwritten"):
        scaffold(declared, tables, project)


@pytest.mark.parametrize("mode", ["incremental_append", "incremental_deduplicated"])
def test_one_sync_or_three_give_the_same_bronze_but_for_the_load(tmp_path: Path, mode: str) -> None:
    chance = random.Random(7)
    gone = [None, None, None, "2024-01-01"]
    versions = [
        {
            "id": chance.randrange(20),
            "at": chance.randrange(9),
            "n": n,
            DELETED: chance.choice(gone),
        }
        for n in range(90)
    ]
    offered = stream("s", id="integer", at="integer", n="integer", **{DELETED: "string"})
    found = {}
    for parts in (1, 3):
        (tmp_path / str(parts)).mkdir()
        source = Source(tmp_path / str(parts))
        source.declared["streams"] = {"s": {"sync_mode": mode, "key": "id", "cursor": "at"}}
        for part in range(parts):
            some = versions[part * 90 // parts : (part + 1) * 90 // parts]
            lines = [*(record("s", row) for row in some), state("s", part), status("s")]
            source.plays(lines, streams=[offered])
            assert source.sync().status == "succeeded"
        declared = source.declaration()
        models = Models(declared, inventory.discover_tables(declared, source.home))
        with duckdb.connect(str(source.paths.raw_database)) as connection:
            assert models.build(connection) == []
            model = "from bronze_played__s select"
            loads = dict(connection.execute(f"{model} n, _load").fetchall())
            found[parts] = connection.execute(f"{model} id, at_, n order by id").fetchall()
        assert loads == {n: 1 + n * parts // 90 for n in loads}
    assert len(found[1]) > 10
    assert found[1] == found[3]


FINE = {"type": ["null", "string"], "format": "time"}
NEAR: dict[str, tuple[Any, list[str]]] = {
    "whole numbers": ("number", ["9007199254740993", "9007199254740992"]),
    "fractions": ("number", ["0.1", "0.10000000000000000555"]),
    "an exponent": ("number", ["12.345678901234567890123", "1.2345678901234567890124e1"]),
    "moments": (MOMENT, ['"2024-01-01T00:00:00.1234567Z"', '"2024-01-01T00:00:00.1234568Z"']),
    "local moments": (
        MOMENT | {"airbyte_type": "timestamp_without_timezone"},
        ['"2024-01-01T00:00:00.1234567"', '"2024-01-01T00:00:00.1234568"'],
    ),
    "times": (FINE, ['"10:00:00.1234567Z"', '"10:00:00.1234568Z"']),
}


def line(data: str) -> str:
    return f'{{"type":"RECORD","record":{{"stream":"t","data":{data},"emitted_at":1}}}}'


def shown(source: Source, mode: str, data: list[str], key: Any, **fields: Any) -> list[int]:
    """The numbers `n` that raw shows of a de-duplicated stream, or bronze of one with history."""
    source.declared["streams"] = {"t": {"sync_mode": mode} | key}
    lines = [*map(line, data), state("t", 1), status("t")]
    source.plays(lines, streams=[stream("t", n="integer", **fields)])
    result = source.sync()
    assert result.status == "succeeded", result.errors
    if mode == "incremental_deduplicated":
        return sorted(n for (n,) in source.query("select n from played.t"))
    declared = source.declaration()
    models = Models(declared, inventory.discover_tables(declared, source.home))
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        raw.execute("set TimeZone = 'UTC'")
        assert models.build(raw) == []
        return sorted(n for (n,) in raw.execute("select n from bronze_played__t").fetchall())


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("name", NEAR)
def test_bronze_tells_keys_and_versions_apart_as_the_loader_does(
    source: Source, mode: str, name: str
) -> None:
    kind, (one, other) = NEAR[name]
    keyed = [f'{{"n":1,"x":{one}}}', f'{{"n":2,"x":{other}}}', f'{{"n":3,"x":{one}}}']
    assert shown(source, mode, keyed, {"key": "x"}, x=kind) == [2, 3]
    greater, less = (other, one) if name not in ("whole numbers",) else (one, other)
    source.declared["name"] = "played"
    dated = [f'{{"n":11,"id":9,"y":{greater}}}', f'{{"n":12,"id":9,"y":{less}}}']
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        raw.execute("drop table played.t")
    more = {"key": "id", "cursor": "y"}
    assert shown(source, mode, dated, more, id="integer", y=kind) == [11]


CDC = {"id": "integer", "u": "integer", DELETED: "string"}
LEFT = {"key": "id", "cursor": "u"}


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("kind", ["integer", "number", "string", MOMENT, {"type": "object"}])
def test_a_deletion_without_a_cursor_deletes_what_came_before_it(
    source: Source, mode: str, kind: Any
) -> None:
    moment = '"2024-01-0{}T00:00:00Z"' if kind == MOMENT else '"{}"' if kind == "string" else "{}"
    rows = [
        *(f'{{"n":{n},"id":{n % 3},"u":{moment.format(9 - n)}}}' for n in range(1, 7)),
        *(f'{{"n":{n},"id":{n % 3},"{DELETED}":"x"}}' for n in (7, 8)),
        f'{{"n":10,"id":1,"u":{moment.format(1)}}}',
    ]
    assert shown(source, mode, rows, LEFT, **CDC | {"u": kind}) == [3, 10]


@pytest.mark.parametrize("name", NEAR)
def test_a_model_that_rounds_a_key_is_found(source: Source, name: str) -> None:
    kind, (one, other) = NEAR[name]
    mode, data = "incremental_append", [f'{{"n":1,"x":{one}}}', f'{{"n":2,"x":{other}}}']
    assert shown(source, mode, data, {"key": "x"}, x=kind) == [1, 2]
    declared = source.declaration()
    models = Models(declared, inventory.discover_tables(declared, source.home))
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        raw.execute("delete from bronze_played__t where n = 1")
        assert models.conserved(raw) == [("t", 1, 2)]


def test_what_raw_holds_exactly_keeps_a_contract_as_it_was_written(source: Source) -> None:
    big = {"type": "integer", "airbyte_type": "big_integer"}
    data = [
        f'{{"n":1,"b":{10**38},"t":"24:00:00Z"}}',
        f'{{"n":2,"b":{2**127 - 1},"t":"24:00Z"}}',
        f'{{"n":3,"b":-{2**127 - 1},"t":"23:59:59.999999-15:59"}}',
    ]
    assert shown(source, "incremental_append", data, {}, b=big, t=FINE) == [1, 2, 3]
    with duckdb.connect(str(source.paths.raw_database), read_only=True) as raw:
        found = raw.execute("select b::varchar, t::varchar from bronze_played__t order by n")
        assert found.fetchall() == [
            (str(10**38), "24:00:00+00"),
            (str(2**127 - 1), "24:00:00+00"),
            (str(1 - 2**127), "23:59:59.999999-15:59"),
        ]


DIGITS = st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(
    lambda number: abs(number.adjusted()) < 390
)


@settings(max_examples=30, deadline=None)
@given(st.lists(DIGITS, min_size=1, max_size=20), st.integers(-390, 390))
def test_the_digits_of_a_number_are_spelled_out_exactly(
    found: list[Decimal], exponent: int
) -> None:
    texts = [f"{number:f}"[:40].rstrip(".") + f"e{exponent}" for number in found]
    texts += [f"{number:e}".lower() for number in found] + ["1e20", "1e22", "-1.5E+3", "0e0"]
    sql = Models.rendered_macro("plain_digits", "t")
    with duckdb.connect() as raw:
        query = f"select t, {sql} from (select unnest(?::varchar[]) as t)"
        for text, plain in raw.execute(query, [texts]).fetchall():
            assert Decimal(plain) == Decimal(text)
            assert abs(Decimal(text).adjusted()) > 380 or "e" not in plain.lower()


def test_a_number_with_an_exponent_is_a_decimal(source: Source) -> None:
    source.declared["streams"] = {"t": {"sync_mode": "incremental_append"}}
    data = [f'{{"f":{text},"g":{text}}}' for text in ("1e20", "1e22", "12e34", "1" + "0" * 23)]
    streams = [stream("t", f="number", g="number")]
    source.plays([*map(line, data), status("t")], streams=streams)
    assert source.sync().status == "succeeded"

    def change(of: dict[str, Any]) -> None:
        of["columns"]["f"]["type"] = "decimal(38,2)"
        of["columns"]["g"] |= {"type": "integer(38)", "delivered": "number"}

    declared = source.declaration()
    models = Models(declared, inventory.discover_tables(declared, source.home), change)
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        assert models.build(raw) == []
        rows = raw.execute("select f, g from bronze_played__t order by g").fetchall()
        assert rows == [(Decimal(n), n) for n in (10**20, 10**22, 10**23, 12 * 10**34)]


WELL_KNOWN = {"$ref": "WellKnownTypes.json#/definitions/Integer"}
UNTYPED: dict[str, tuple[Any, list[str]]] = {
    "nothing": ({}, ["9", "10", "8"]),
    "a description": ({"description": "x"}, ["9", "10", "8.5"]),
    "null": ({"type": ["null"]}, ["9", "10.5", "10.25"]),
    "an empty list": ({"type": []}, ["9", "10", "8"]),
    "an enum": ({"enum": [8, 9, 10]}, ["9", "10", "8"]),
    "a const": ({"const": 1}, ["9", "10", "8"]),
    "a reference": (WELL_KNOWN, ["9", "10", "8"]),
    "texts": ({}, ['"b"', '"c"', '"a"']),
    "big integers": ({"type": "string", "airbyte_type": "big_integer"}, ['"9"', '"10"', '"8"']),
    "big numbers": (
        {"type": ["null", "string"], "airbyte_type": "big_number"},
        ['"9.5"', '"10.50000000000000000000000000000001"', '"10.5"'],
    ),
}


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("name", UNTYPED)
def test_cursors_without_a_type_are_ordered_as_what_they_are(
    source: Source, mode: str, name: str
) -> None:
    kind, texts = UNTYPED[name]
    flat = [f'{{"n":{n},"id":1,"u":{text}}}' for n, text in enumerate(texts)]
    assert shown(source, mode, flat, {"key": "id", "cursor": "u"}, id="integer", u=kind) == [1]
    if kind.get("airbyte_type"):
        return  # A contract types no part of an object that it has no line for.
    with duckdb.connect(str(source.paths.raw_database)) as raw:
        raw.execute("drop table played.t")
    inside = [f'{{"n":{n},"id":1,"o":{{"u":{text}}}}}' for n, text in enumerate(texts)]
    nested = {"type": "object", "properties": {"u": kind}}
    more = {"key": "id", "cursor": ["o", "u"]}
    assert shown(source, mode, inside, more, id="integer", o=nested) == [1]


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("kind", [{}, {"enum": [1]}, {"type": ["null"]}], ids=str)
def test_keys_without_a_type_are_equal_by_type_and_value(
    source: Source, mode: str, kind: Any
) -> None:
    keys = ["1", '"1"', "1.0", "1e0", "true", '"true"', '{"a":1}', '"{\\"a\\":1}"', "1.5"]
    keys += ["9007199254740993", "9007199254740992.0", "null"]
    data = [f'{{"n":{n},"id":{key}}}' for n, key in enumerate(keys)]
    found = shown(source, mode, data, {"key": "id"}, id=kind)
    assert found == [1, 3, 4, 5, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize("mode", MODES[:2])
def test_a_column_of_texts_of_the_version_before_goes_on(source: Source, mode: str) -> None:
    """Its rows are those of their texts; numbers are ordered as such from now on."""
    rows = ['{"n":1,"id":"1.10","u":"9"}', '{"n":2,"id":"1.1","u":"9"}']
    more = {"key": "id", "cursor": "u"}
    assert shown(source, mode, rows, more, id="string", u="string") == [1, 2]
    later = ['{"n":3,"id":1.5,"u":10}', '{"n":4,"id":1.5,"u":9}', '{"n":5,"id":"1.1","u":8}']
    assert shown(source, mode, later, more, id={}, u={}) == [1, 2, 3]
    assert source.query("select distinct typeof(id), typeof(u) from played.t") == [
        ("VARCHAR", "VARCHAR")
    ]


def test_an_empty_column_of_texts_takes_what_has_no_type(source: Source) -> None:
    assert shown(source, MODES[1], [], {"key": "id"}, id="string") == []
    data = ['{"n":1,"id":1}', '{"n":2,"id":"1"}']
    assert shown(source, MODES[1], data, {"key": "id"}, id={}) == [1, 2]
