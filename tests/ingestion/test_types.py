"""Types: what fits arrives equal, the rest is NULL with its original; changes of a schema."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import json_text
from ingestion.errors import DeclarationError
from ingestion.tables import columns_of, duckdb_type
from tests.ingestion.conftest import Source, record, status, stream

DATE_TIME = {"type": "string", "format": "date-time"}
TYPES: dict[str, Any] = {
    "integer": {"type": ["null", "integer"]},
    "number": {"type": "number"},
    "big": {"type": "integer", "airbyte_type": "big_integer"},
    "boolean": {"type": "boolean"},
    "text": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "moment": DATE_TIME,
    "local": DATE_TIME | {"airbyte_type": "timestamp_without_timezone"},
    "clock": {"type": "string", "format": "time", "airbyte_type": "time_without_timezone"},
    "clock_zone": {"type": "string", "format": "time"},
    "object": {"type": "object"},
    "array": {"type": ["array", "null"]},
    "either": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
}
UTC = dt.UTC


def load(source: Source, field: str, *values: Any) -> tuple[list[Any], list[Any], int]:
    """Load values of one field; returns what is stored and the originals of what is not."""
    lines = [record("a", {"i": i, field: value}) for i, value in enumerate(values)]
    streams = [stream("a", i="integer", **{field: TYPES[field]})]
    source.plays([*lines, status("a")], streams=streams)
    result = source.sync()
    assert result.status == "succeeded", result.errors
    rows = source.query(f'select "{field}", _airbyte_meta from played.a order by i')
    originals = [row[1] and json.loads(row[1])["changes"][0]["original"] for row in rows]
    return [row[0] for row in rows], originals, result.streams["a"].nulled_values


FITS = [
    ("integer", 0, 0),
    ("integer", -9223372036854775808, -9223372036854775808),
    ("integer", "12", 12),
    ("integer", 3.0, 3),
    ("integer", 1e16, 10**16),
    ("integer", -9e18, -9 * 10**18),
    ("big", 1.5e37, 15 * 10**36),
    ("number", 0.1, 0.1),
    ("number", 5, 5.0),
    ("number", 1e300, 1e300),
    ("boolean", True, True),
    ("boolean", False, False),
    ("text", "", ""),
    ("text", "null", "null"),
    ("text", " Nan ", " Nan "),
    ("text", 1.5, "1.5"),
    ("text", True, "true"),
    ("text", "\u20ac \U0001f600 \x00 \n", "\u20ac \U0001f600 \x00 \n"),
    ("date", "2024-02-29", dt.date(2024, 2, 29)),
    ("moment", "2024-01-01T12:00:00Z", dt.datetime(2024, 1, 1, 12, tzinfo=UTC)),
    ("moment", "2024-01-01T12:00:00.5+02:00", dt.datetime(2024, 1, 1, 10, 0, 0, 500000, UTC)),
    ("moment", "2024-01-01 12:00:00", dt.datetime(2024, 1, 1, 12, tzinfo=UTC)),
    ("local", "2024-01-01T12:00:00", dt.datetime(2024, 1, 1, 12)),
    ("local", "2024-01-01T12:00:00.123456", dt.datetime(2024, 1, 1, 12, 0, 0, 123456)),
    ("clock", "23:59:59.123456", dt.time(23, 59, 59, 123456)),
    ("clock_zone", "00:00:00Z", dt.time(0, tzinfo=UTC)),
    ("clock_zone", "01:02:03+02:00", dt.time(1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
    ("object", {"a": [1, None]}, '{"a":[1,null]}'),
    ("object", "text", '"text"'),
    ("array", [], "[]"),
    ("either", "x", '"x"'),
    ("either", 5, "5"),
    ("either", "null", '"null"'),
]
DOES_NOT_FIT = [
    ("integer", 1.5, "1.5"),
    ("integer", True, "true"),
    ("integer", "x", "x"),
    ("integer", 9223372036854775808, "9223372036854775808"),
    ("integer", 10**30, str(10**30)),
    ("number", "x", "x"),
    ("number", "nan", "nan"),
    ("number", "", ""),
    ("boolean", "yes", "yes"),
    ("boolean", 1, "1"),
    ("date", "2024-02-30", "2024-02-30"),
    ("date", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
    ("date", "infinity", "infinity"),
    ("moment", "yesterday", "yesterday"),
    ("moment", "epoch", "epoch"),
    ("moment", "2024-13-01T00:00:00Z", "2024-13-01T00:00:00Z"),
    ("local", "2024-01-01T12:00:00+02:00", "2024-01-01T12:00:00+02:00"),
    ("local", "2024-01-01T12:00:00Z", "2024-01-01T12:00:00Z"),
    ("clock", "12:00:00+02:00", "12:00:00+02:00"),
    ("clock", "25:00:00", "25:00:00"),
    ("clock_zone", "noon", "noon"),
    ("date", {"a": 1}, '{"a":1}'),
]


@pytest.mark.parametrize("field", list(TYPES))
def test_values_that_fit_are_equal_and_others_null_with_their_original(
    source: Source, field: str
) -> None:
    fits = [(value, stored) for name, value, stored in FITS if name == field]
    others = [(value, text) for name, value, text in DOES_NOT_FIT if name == field]
    values = [*(value for value, _ in fits), None, *(value for value, _ in others)]
    stored, originals, nulled = load(source, field, *values)
    assert stored == [*(found for _, found in fits), None, *([None] * len(others))]
    assert originals == [*([None] * len(fits)), None, *(text for _, text in others)]
    assert nulled == len(others)


def test_what_is_finer_than_a_microsecond_is_truncated_and_listed(source: Source) -> None:
    fine = "2024-01-01T00:00:00.123456789Z"
    stored, originals, nulled = load(source, "moment", fine, "2024-01-01T00:00:00.123456000Z")
    assert stored == [dt.datetime(2024, 1, 1, 0, 0, 0, 123456, UTC)] * 2
    assert (originals, nulled) == ([fine, None], 0)
    [row] = source.query("select _airbyte_meta ->> '$.changes[0].change' from played.a where i = 0")
    assert row == ("TRUNCATED",)


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(), max_size=30), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30))
def test_any_text_and_any_integer_arrive_equal(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], integers: list[int]
) -> None:
    source = Source(tmp_path_factory.mktemp("any"))
    assert load(source, "text", *texts)[0] == texts
    source = Source(tmp_path_factory.mktemp("any"))
    assert load(source, "integer", *integers)[0] == integers


def test_lone_surrogates_spoil_no_neighbour(source: Source) -> None:
    lines: list[str | bytes] = [
        record("a", {"i": 1, "text": "before"}),
        rb'{"type": "RECORD", "record": {"stream": "a", "data": {"i": 2, "text": "x\ud83dy"},'
        rb' "emitted_at": 1}}',
        rb'{"type": "RECORD", "record": {"stream": "a", "data": {"i": 3,'
        rb' "text": "\ud83d\ude00 \\ud83d \udc00"}, "emitted_at": 1}}',
    ]
    source.plays([*lines, status("a")], streams=[stream("a", i="integer", text="string")])
    result = source.sync()
    assert result.status == "succeeded", result.errors
    assert source.query("select text from played.a order by i") == [
        ("before",),
        ("x\ufffdy",),
        ("\U0001f600 \\ud83d \ufffd",),
    ]


def test_of_a_name_that_stands_twice_the_last_value_counts(source: Source) -> None:
    lines = [
        record("a", {"i": 1, "text": "before", "deep": 0}),
        '{"type": "RECORD", "record": {"stream": "a", "data": {"i": 2, "text": "old", "more": 1,'
        ' "deep": {"x": 1.50, "x": 12345678901234567890.10}, "text": "new", "more": 2},'
        ' "emitted_at": 1, "emitted_at": 2}}',
    ]
    schema = stream("a", i="integer", text="string", deep="object")
    source.plays([*lines, status("a")], streams=[schema])
    result = source.sync()
    assert result.status == "succeeded", result.errors
    assert source.query("select i, text, deep, epoch_ms(_airbyte_extracted_at) from played.a")[
        1:
    ] == [(2, "new", '{"x":12345678901234567890.10}', 2)]
    [warning] = result.warnings
    assert "more (1)" in warning


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Cs"])))
def test_surrogate_repair_makes_valid_json_and_changes_only_lone_ones(text: str) -> None:
    line = json.dumps({"x": text}).encode()
    repaired = json.loads(json_text.replace_lone_surrogates(line))["x"]
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert repaired.encode("utf-16", "surrogatepass").decode("utf-16") == repaired
    if not any(0xD800 <= ord(c) < 0xE000 for c in text):
        assert repaired == text == joined


def test_long_records_are_loaded(source: Source) -> None:
    long = "x" * 6_000_000
    stored, _, _ = load(source, "text", long, "short")
    assert stored == [long, "short"]


def test_large_objects_get_more_memory_or_are_refused_with_what_to_do(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [record("a", {"i": i, "o": {"k": "y" * 8_000_000}}) for i in range(4)]
    source.plays([*rows, status("a")], streams=[stream("a", i="integer", o="object")])
    monkeypatch.setenv("TRADEHOUSE_MEMORY_LIMIT", "100MB")
    [error] = source.sync().errors
    assert "Set TRADEHOUSE_MEMORY_LIMIT to more" in error.message
    monkeypatch.delenv("TRADEHOUSE_MEMORY_LIMIT")
    assert source.sync().status == "succeeded"
    assert source.query("select sum(length(o::varchar)) from played.a") == [(4 * 8_000_008,)]


def test_names_that_differ_only_in_case_are_both_kept(source: Source) -> None:
    streams = [stream("a", Id="integer", id="string", ID="object")]
    lines = [record("a", {"Id": 1, "id": "x", "ID": {"y/z": 2}}), record("a", {"id": "only"})]
    source.plays([*lines, status("a")], streams=streams)
    assert source.sync().status == "succeeded"
    assert source.query('select "Id", id_2, "ID_3" from played.a order by all') == [
        (1, "x", '{"y/z":2}'),
        (None, "only", None),
    ]


def test_names_of_metadata_columns_are_not_taken(source: Source) -> None:
    streams = [stream("a", _airbyte_meta="string")]
    source.plays([record("a", {"_airbyte_meta": "theirs"}), status("a")], streams=streams)
    assert source.sync().status == "succeeded"
    assert source.query("select _airbyte_meta_2, _airbyte_meta from played.a") == [("theirs", None)]


def test_odd_names_are_quoted(source: Source) -> None:
    odd = "a \"b\" 'c' {d} $e, f\\"
    streams = [stream("a", **{odd: "string"})]
    source.plays([record("a", {odd: "x"}), status("a")], streams=streams)
    assert source.sync().status == "succeeded"
    assert source.query("select columns(c -> c like 'a%') from played.a") == [("x",)]


def evolve(source: Source, *steps: tuple[str, Any]) -> Any:
    """Sync one record a step, the field `x` having another type each time."""
    for kind, value in steps:
        source.plays([record("a", {"x": value}), status("a")], streams=[stream("a", x=kind)])
        result = source.sync()
        assert result.status == "succeeded", result.errors
    return result


def test_a_new_column_is_added_and_a_removed_one_stays(source: Source) -> None:
    evolve(source, ("integer", 1))
    streams = [stream("a", y="string")]
    source.plays([record("a", {"y": "new"}), status("a")], streams=streams)
    result = source.sync()
    assert result.warnings == ["a: new column y VARCHAR"]
    assert source.query("select x, y from played.a order by x") == [(1, None), (None, "new")]


@pytest.mark.parametrize(
    ("steps", "stored"),
    [
        ([("integer", 1), ("number", 1.5)], [1.0, 1.5]),
        ([("integer", 1), ("string", "x")], ["1", "x"]),
        ([("string", "x"), ("integer", 1)], ["1", "x"]),
        ([("number", 0.5), ("integer", 1)], [0.5, 1.0]),
        ([("boolean", True), ("integer", 1)], ["1", "true"]),
        ([("integer", 1), ("object", {"a": 1})], ["1", '{"a":1}']),
    ],
)
def test_a_changed_type_is_widened(
    source: Source, steps: list[tuple[str, Any]], stored: list[Any]
) -> None:
    evolve(source, *steps)
    assert sorted(row[0] for row in source.query("select x from played.a")) == stored


def test_a_changed_type_can_fail(source: Source) -> None:
    source.declared["streams"] = {"a": {"on_type_change": "fail"}}
    evolve(source, ("integer", 1))
    source.plays([status("a")], streams=[stream("a", x="boolean")])
    with pytest.raises(Exception, match="x is BIGINT; the source now says BOOLEAN"):
        source.sync()
    assert source.query("select x from played.a") == [(1,)]


@pytest.mark.parametrize("change", ["fail", "new_column", "widen"])
def test_a_table_without_a_row_takes_the_type_that_is_offered(source: Source, change: str) -> None:
    """Its type was a promise: of a contract that is older than the first load, or of the source."""
    source.declared["streams"] = {"a": {"on_type_change": change}}
    source.plays([status("a")], streams=[stream("a", v="integer")])
    assert source.sync().status == "succeeded"
    source.plays([record("a", {"v": "1.50"}), status("a")], streams=[stream("a", v="string")])
    result = source.sync()
    assert result.status == "succeeded", result.errors
    assert source.query("select v, typeof(v) from played.a") == [("1.50", "VARCHAR")]


def test_a_changed_type_can_be_a_new_column(source: Source) -> None:
    source.declared["streams"] = {"a": {"on_type_change": "new_column"}}
    evolve(source, ("integer", 1), ("boolean", True), ("boolean", False), ("integer", 2))
    assert source.query("select x, x_boolean from played.a order by all") == [
        (1, None),
        (2, None),
        (None, False),
        (None, True),
    ]


def test_types_of_schemas() -> None:
    assert duckdb_type({"type": ["string", "integer"]}) == "JSON"
    assert duckdb_type({"type": ["integer", "number"]}) == "DOUBLE"
    assert duckdb_type({"type": "number", "airbyte_type": "integer"}) == "BIGINT"
    for untyped in ({}, {"description": "x"}, {"enum": [1, 2]}, {"const": 1}, {"type": []}):
        assert duckdb_type(untyped) == "JSON"
    assert duckdb_type({"type": "null"}) == duckdb_type({"type": ["null"]}) == "JSON"
    assert duckdb_type({"$ref": "WellKnownTypes.json#/definitions/Integer"}) == "BIGINT"
    assert duckdb_type({"$ref": "#/definitions/Integer"}) == "JSON"
    for number in ("big_integer", "big_number"):
        assert duckdb_type({"type": "string", "airbyte_type": number}) == "VARCHAR"
    assert duckdb_type(True) == "JSON"


@pytest.mark.parametrize("kind", [5, True, {"x": 1}, [["string"]], ["string", 5], "decimal", [{}]])
def test_a_type_that_is_none_holds_any_value(source: Source, kind: Any) -> None:
    source.declared["streams"] = {
        "a": {"sync_mode": "incremental_deduplicated", "key": "n", "cursor": ["o", "v"]}
    }
    nested = {"type": "object", "properties": {"v": {"type": kind}}}
    rows = [{"n": 1, "x": {"y": 0.1}, "o": {"v": v}} for v in (9, 10)]
    source.plays(
        [*(record("a", row) for row in rows), status("a")],
        streams=[stream("a", n="integer", x={"type": kind, "format": ["date"]}, o=nested)],
    )
    assert source.sync().status == "succeeded"
    assert source.query("select n, x, o from played.a") == [(1, '{"y":0.1}', '{"v":10}')]


def test_columns_of_a_stream_without_properties() -> None:
    assert columns_of({}, None, provenance=False) == ()


def test_unsupported_modes_are_refused(source: Source) -> None:
    only = stream("a", n="integer") | {"supported_sync_modes": ["full_refresh"]}
    source.declared["streams"] = {"a": {"sync_mode": "incremental_append"}}
    source.plays([status("a")], streams=[only])
    with pytest.raises(DeclarationError, match="supports only full_refresh"):
        source.sync()
