"""Values by value: nothing is rounded, merged or reordered, whatever its size and its spelling."""

import datetime as dt
import json
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import json_text, numbers, tables, values
from ingestion.tables import Column
from tests.ingestion.conftest import Source, record, status, stream
from tradehouse.home.paths import PROJECT

INSTANT = {"type": "string", "format": "date-time"}
LOCAL = INSTANT | {"airbyte_type": "timestamp_without_timezone"}
DAY = {"type": "string", "format": "date"}
NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.integers(2**53 - 3, 2**53 + 3).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str).map(str.lower),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["0", "-0", "0.0", "1.0", "1.00", "-1", "1e2", "100", "1e-300", "0.1"]),
).filter(lambda text: abs(Decimal(text).adjusted()) < 10_000)


@cache
def connected() -> duckdb.DuckDBPyConnection:
    """One connection for all tests of expressions."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    values.define(connection)
    return connection


def typed(kind: str, texts: list[str]) -> list[tuple[Any, str | None]]:
    """What texts become in a column of the type, and what is said to be changed."""
    column = Column("x", "x", kind)
    rows = (
        connected()
        .execute(
            f"""with texts as (select unnest(?::varchar[]) as t0, null::json as meta),
            typed as (select *, {values.value(column, "t0")} as v0 from texts)
            select v0, {values.meta([(0, column)])} ->> '$.changes[0].change' from typed""",
            [texts],
        )
        .fetchall()
    )
    return rows


@settings(max_examples=20, deadline=None)
@given(st.lists(NUMBERS, min_size=2, max_size=40))
def test_exact_numbers_sort_and_are_equal_as_numbers_are(texts: list[str]) -> None:
    query = "select t, _exact_number(t) from (select unnest(?::varchar[]) as t)"
    found = dict(connected().execute(query, [texts]).fetchall())
    ordered = sorted(texts, key=lambda text: found[text])
    assert [Decimal(text) for text in ordered] == sorted(Decimal(text) for text in texts)
    assert len(set(found.values())) == len({Decimal(text) for text in texts})


def macro(name: str, argument: str) -> str:
    """SQL that a macro of the project makes."""
    text = (PROJECT / "macros" / "bronze" / f"{name}.sql").read_text(encoding="utf-8")
    return str(getattr(jinja2.Environment().from_string(text).module, name)(argument))


@settings(max_examples=20, deadline=None)
@given(st.lists(NUMBERS | st.text("0123456789.-+eE x", max_size=12), min_size=1, max_size=40))
def test_models_and_loader_give_numbers_the_same_text(texts: list[str]) -> None:
    query = f"""select t, _exact_number(t), {macro("exact_number", "t")}
        from (select unnest(?::varchar[]) as t)"""
    for text, ours, theirs in connected().execute(query, [texts]).fetchall():
        assert ours == theirs, text


@pytest.mark.parametrize("field", ["id", "it's", 'a"b', "a\\b", "a\0b"], ids=ascii)
def test_models_and_loader_find_the_same_original(field: str) -> None:
    changes = [
        {"field": field, "change": "NULLED", "reason": "SOURCE_ERROR", "original": "theirs"},
        {"field": field, "change": "NULLED", "reason": "DESTINATION_TYPECAST", "original": "ours"},
        {"field": field, "change": "NULLED", "reason": "DESTINATION_TYPECAST"},
        {"field": "x", "change": "NULLED", "reason": "DESTINATION_TYPECAST", "original": "other"},
    ]
    query = f"""select {tables.original(field)}, {macro("original", field)}
        from (select ?::json as _airbyte_meta)"""
    for count, expected in enumerate([None, None, "ours", "ours", "ours"]):
        meta = json.dumps({"changes": changes[:count]})
        assert connected().execute(query, [meta]).fetchone() == (expected, expected)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(NUMBERS | st.integers(-(2**70), 2**70).map(str), st.integers(-20, 20)).map(
            lambda pair: f"{pair[0]}e{pair[1]}" if "e" not in pair[0].lower() else pair[0]
        ),
        max_size=20,
    )
)
def test_a_whole_number_is_one_in_any_spelling(texts: list[str]) -> None:
    for kind, bits in (("BIGINT", 63), ("HUGEINT", 127)):
        for text, (value, change) in zip(texts, typed(kind, texts), strict=True):
            number = Decimal(text)
            fits = number == number.to_integral_value() and -(2**bits) < number < 2**bits
            assert value == (int(number) if fits else None), text
            assert change == (None if fits else "NULLED")


@pytest.mark.parametrize("text", ["14901161193847656250000e-4", "92233720368547758070e-1"])
def test_an_integer_may_have_more_digits_before_its_exponent(text: str) -> None:
    assert typed("BIGINT", [text]) == [(int(Decimal(text)), None)]


@settings(max_examples=20, deadline=None)
@given(st.lists(NUMBERS, max_size=20))
def test_a_number_is_held_exactly_or_its_digits_are_kept(texts: list[str]) -> None:
    for text, (value, change) in zip(texts, typed("DOUBLE", texts), strict=True):
        is_exact = value is not None and Decimal(repr(value)) == Decimal(text)
        assert is_exact == (change is None)


UTC = dt.UTC
SPELLINGS = [
    ("2024-12-31T23:59:60Z", dt.datetime(2025, 1, 1, tzinfo=UTC)),
    ("2016-12-31T18:59:60.5-05:00", dt.datetime(2017, 1, 1, 0, 0, 0, 500000, UTC)),
    ("2024-03-10t02:30:00z", dt.datetime(2024, 3, 10, 2, 30, tzinfo=UTC)),
    ("2024-03-10T02:30Z", dt.datetime(2024, 3, 10, 2, 30, tzinfo=UTC)),
    ("2024-03-10T02Z", dt.datetime(2024, 3, 10, 2, tzinfo=UTC)),
    ("20240310T023000Z", dt.datetime(2024, 3, 10, 2, 30, tzinfo=UTC)),
    ("20240310T0230+0530", dt.datetime(2024, 3, 9, 21, tzinfo=UTC)),
    ("2024-03-10T02:30:00,25Z", dt.datetime(2024, 3, 10, 2, 30, 0, 250000, UTC)),
    ("2024-03-10T24:00:00Z", dt.datetime(2024, 3, 11, tzinfo=UTC)),
    ("2024-W10-7T02:30:00Z", dt.datetime(2024, 3, 10, 2, 30, tzinfo=UTC)),
    ("2024W107", dt.datetime(2024, 3, 10, tzinfo=UTC)),
    ("2024-070T02:30:00Z", dt.datetime(2024, 3, 10, 2, 30, tzinfo=UTC)),
    ("0001-01-01T00:00:00Z", dt.datetime(1, 1, 1, tzinfo=UTC)),
    ("9999-12-31T23:59:59.999999Z", dt.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
]
NO_TIMES = [
    *("infinity", "-infinity", "nan", "epoch", "now", "today", "", " ", "294247-01-10"),
    *("0044-03-15 (BC)", "-0001-01-01", "0000-01-01", "12024-01-01", "2024-02-30", "2023-366"),
    *("2021-W53-7", "2024-W00-1", "2024-000", "2024-03-10T12:30:60Z", "2024-03-10T25:00:00Z"),
    *("2024-03-10T02:30:00+25:00", "2024-03-10T02:30:00+05:99", "0001-01-01T00:00:00+05:00"),
    *("9999-12-31T23:59:59-05:00", "2024-03-10 02:30:00 UTC", "1700000000", "2024-03-10T"),
]


@pytest.mark.parametrize(("text", "moment"), SPELLINGS, ids=str)
def test_spellings_of_times_are_read(text: str, moment: dt.datetime) -> None:
    assert typed("TIMESTAMP WITH TIME ZONE", [text]) == [(moment, None)]


def test_a_month_is_no_time_of_the_day() -> None:
    assert typed("TIME WITH TIME ZONE", ["2024-01"]) == [(None, "NULLED")]


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"])
def test_what_is_no_time_is_null_and_listed(kind: str) -> None:
    assert typed(kind, NO_TIMES) == [(None, "NULLED")] * len(NO_TIMES)


def test_times_of_the_day_and_days() -> None:
    times = ["02:30", "T023000", "t02:30", "02:30:00,5"]
    assert [str(value) for value, _ in typed("TIME", times)] == [
        *("02:30:00", "02:30:00", "02:30:00", "02:30:00.500000"),
    ]
    zoned = ["02:30Z", "02:30:00z", "023000Z", "02:30:00+0530"]
    assert [str(value) for value, _ in typed("TIME WITH TIME ZONE", zoned)] == [
        *("02:30:00+00:00", "02:30:00+00:00", "02:30:00+00:00", "02:30:00+05:30"),
    ]
    days = ["20240310", "2024-W10-7", "2024W107", "2024-070", "2024070"]
    assert typed("DATE", days) == [(dt.date(2024, 3, 10), None)] * len(days)


@settings(max_examples=20, deadline=None)
@given(st.datetimes(), st.sampled_from(["T", "t", " "]), st.sampled_from(["Z", "z", "+00:00"]))
def test_any_moment_in_any_spelling_is_that_moment(
    moment: dt.datetime, joint: str, zone: str
) -> None:
    expected = moment.replace(tzinfo=UTC)
    texts = [
        moment.isoformat(joint) + zone,
        f"{moment:%Y%m%d}".rjust(8, "0") + f"T{moment:%H%M%S}.{moment:%f}Z",
        f"{moment.year:04}-{moment:%j}T{moment:%H:%M:%S},{moment:%f}Z",
    ]
    found = [value for value, _ in typed("TIMESTAMP WITH TIME ZONE", texts)]
    assert found == [expected] * 3


def raw_line(stream_name: str, data: str) -> str:
    return (
        f'{{"type": "RECORD", "record": {{"stream": "{stream_name}", "data": {data},'
        f' "emitted_at": 1}}}}'
    )


def test_numbers_arrive_with_every_digit_in_any_order_of_keys(source: Source) -> None:
    big, long = "123456789012345678901234567890", "0.12345678901234567890123"
    inner = f'{{"n": {big}, "d": 0.1, "l": {long}, "s": "{long} \\" {big}"}}'
    data = (
        f'{{"id": 1, "big": {big}, "txt": {long}, "raw": -{long}, "obj": {inner}, "dbl": {long}}}'
    )
    turned = (
        f'{{"record": {{"data": {data.replace(": 1,", ": 2,", 1)}, "emitted_at": 1,'
        f' "stream": "t"}}, "type": "RECORD"}}'
    )
    streams = [
        stream(
            "t",
            id="integer",
            big={"type": "number", "airbyte_type": "big_integer"},
            txt="string",
            raw={"type": ["object", "array", "integer", "string"]},
            obj="object",
            dbl="number",
        )
    ]
    source.plays([raw_line("t", data), turned, status("t")], streams=streams)
    assert source.sync().status == "succeeded"
    rows = source.query(
        "select big, txt, raw, obj, dbl, _airbyte_meta ->> '$.changes[0].original' from played.t"
    )
    assert (
        rows
        == [
            (
                int(big),
                long,
                f"-{long}",
                f'{{"n":{big},"d":0.1,"l":{long},"s":"{long} \\" {big}"}}',
                float(long),
                long,
            )
        ]
        * 2
    )


def test_infinity_and_nan_are_no_values_of_json(source: Source) -> None:
    data = '{"n": NaN, "o": {"a": Infinity}, "t": "NaN", "p": {"b": "NaN, Infinity"}}'
    streams = [stream("t", n="number", o="object", t="string", p="object")]
    source.plays([raw_line("t", data), status("t")], streams=streams)
    assert source.sync().status == "succeeded"
    [row] = source.query("select n, o, t, p, _airbyte_meta from played.t")
    assert row[:4] == (None, None, "NaN", '{"b":"NaN, Infinity"}')
    assert [each["field"] for each in json.loads(row[4])["changes"]] == ["n", "o"]


def test_fields_that_the_catalogue_lacks_are_all_counted(source: Source) -> None:
    rows: list[dict[str, Any]] = [{"id": 0, "name": "a"}]
    rows += [{"id": n, "name": "b", "email": "x", f"only {n}": None} for n in range(1, 51)]
    source.plays(
        [*(record("a", row) for row in rows), status("a")],
        streams=[stream("a", id="integer", name="string")],
    )
    [warning] = source.sync().warnings
    assert "email (50)" in warning
    assert all(f"only {n} (1)" in warning for n in range(1, 51))
    assert "name (" not in warning


def deduplicated(
    source: Source, rows: list[dict[str, Any]], key: Any, cursor: Any, **fields: Any
) -> list[str]:
    """Load rows, in two syncs, into a stream that keeps the newest of a key."""
    source.declared["streams"] = {
        "a": {"sync_mode": "incremental_deduplicated", "key": key, "cursor": cursor}
    }
    half = len(rows) // 2
    for part in (rows[:half], rows[half:]):
        lines = [record("a", row) for row in part]
        source.plays([*lines, status("a")], streams=[stream("a", **fields)])
        result = source.sync()
        assert result.status == "succeeded", result.errors
    return result.warnings


VERSIONED = {"type": "object", "properties": {"version": {"type": ["null", "integer"]}}}


def test_a_nested_cursor_is_compared_by_its_type(source: Source) -> None:
    fine = {"type": "object", "properties": {"at": INSTANT}}
    rows = [
        {
            "id": 1,
            "meta": {"version": n, "any": 10**20 + n, "at": f"2024-01-01T0{n % 9}:00:00-09:00"},
        }
        for n in (9, 10, 8, 11, 2)
    ]
    for cursor, schema, newest in (
        (["meta", "version"], VERSIONED, 11),
        (["meta", "any"], {"type": "object"}, 11),
        (["meta", "at"], fine, 8),
    ):
        source.declared["name"] = f"played_{cursor[1]}"
        deduplicated(source, rows, "id", cursor, id="integer", meta=schema)
        stored = source.query(f"select meta ->> 'version' from played_{cursor[1]}.a")
        assert stored == [(str(newest),)], cursor


def test_keys_are_as_exact_as_they_are_delivered(source: Source) -> None:
    near = [2**53, 2**53 + 1, 2**53 + 2, 10**25, 10**25 + 1]
    fine = [f"2024-01-01T00:00:00.123456{n}Z" for n in (1, 2)]
    texts = ["a", "A", "a ", "a\0", "", "é", "e\u0301"]
    keys: list[dict[str, Any]] = [{"number": each} for each in near]
    keys += [{"moment": each} for each in fine]
    keys += [{"text": each} for each in texts]
    keys += [{"whole": 2**64 + each} for each in (1, 2)]
    keys += [{"any": each} for each in (1, "1", True, "true", {"a": 1}, {"a": "1"}, [1], 1.5)]
    rows = [{**each, "v": v} for v in (1, 3, 2) for each in keys]
    key = [["number"], ["moment"], ["text"], ["whole"], ["any"]]
    deduplicated(
        source,
        rows,
        key,
        "v",
        number="number",
        moment=INSTANT,
        text="string",
        whole="integer",
        any={"type": ["string", "integer", "object"]},
        v="integer",
    )
    assert source.query("select v, count(*) from played.a group by v") == [(3, len(keys))]


def test_equal_numbers_are_one_key(source: Source) -> None:
    rows = [{"k": 1, "j": 2.0, "v": 1}, {"k": 1.0, "j": 2, "v": 2}, {"k": 1.00, "j": 2, "v": 3}]
    deduplicated(
        source, rows, ["k", "j"], "v", k="number", j={"type": ["object", "number"]}, v="integer"
    )
    assert source.query("select v from played.a") == [(3,)]


def test_records_without_a_key_are_all_kept_and_counted(source: Source) -> None:
    rows = [
        {"_id": None, "city": city, "at": at} for at, city in enumerate(["Oslo", "Rome", "Bern"])
    ]
    rows += [{"_id": "s1", "city": "Bonn", "at": 9}, {"city": "Nice", "at": 1}]
    warnings = deduplicated(source, rows, "_id", "at", _id="string", city="string", at="integer")
    stored = source.query("select city from played.a order by city")
    assert [city for (city,) in stored] == ["Bern", "Bonn", "Nice", "Oslo", "Rome"]
    assert warnings == [
        "2 records of a without a key (_id is null): each is kept, none is merged with another"
    ]


@pytest.mark.parametrize("mode", ["incremental_append", "incremental_deduplicated"])
def test_a_changed_type_keeps_every_stored_digit(source: Source, mode: str) -> None:
    near = [2**53 + 1, 2**53]
    source.declared["streams"] = {"a": {"sync_mode": mode, "key": "id", "cursor": "small"}}
    steps: list[tuple[str, list[tuple[Any, Any, Any]]]] = [
        ("integer", [(near[0], 1, "x"), (near[1], 2, {"a": 1})]),
        ("number", [(5, 2.5, 2**60 + 1)]),
        ("integer", [(near[0], 3, True)]),
    ]
    for kind, rows in steps:
        lines = [record("a", {"id": a, "small": b, "any": c}) for a, b, c in rows]
        any_schema = {"type": ["object", "string"]} if kind == "integer" else {"type": "string"}
        streams = [stream("a", id=kind, small=kind, any=any_schema)]
        source.plays([*lines, status("a")], streams=streams)
        assert source.sync().status == "succeeded"
    stored = source.query('select id, small, "any" from played.a order by small')
    expected = [
        (str(near[0]), 1.0, "x"),
        (str(near[1]), 2.0, '{"a":1}'),
        ("5", 2.5, str(2**60 + 1)),
        (str(near[0]), 3.0, "true"),
    ]
    assert stored == (expected if mode == "incremental_append" else expected[1:])


def test_deletions_keep_their_digits_too(source: Source) -> None:
    """The rows that stand may fit a double where a deleted key does not."""
    source.declared["streams"] = {
        "a": {"sync_mode": "incremental_deduplicated", "key": "id", "cursor": "v"}
    }
    gone = {"id": 2**53 + 1, "v": 5, "_ab_cdc_deleted_at": "2026-01-01"}
    late = [{"id": 2**53 + 1, "v": 4}, {"id": 2**53, "v": 4}]
    for kind, rows in (("integer", [gone]), ("number", late)):
        streams = [stream("a", id=kind, v="integer", _ab_cdc_deleted_at="string")]
        source.plays([*(record("a", row) for row in rows), status("a")], streams=streams)
        assert source.sync().status == "succeeded"
    assert source.query("select id from played.a") == [(str(2**53),)]


def test_the_last_delivered_of_equal_rows_stays_and_lies_last(source: Source) -> None:
    rows = [{"id": n, "v": v} for n in range(20) for v in ("first", "last")]
    deduplicated(source, rows, "id", None, id="integer", v="string")
    assert source.query("select distinct v from played.a") == [("last",)]
    source.declared["streams"] = {"b": {}}
    lines = [record("b", row) for row in rows]
    source.plays([*lines, status("b")], streams=[stream("b", id="integer", v="string")])
    source.sync()
    newest = (
        "select v from played.b qualify row_number() over (partition by id order by rowid desc) = 1"
    )
    assert source.query(f"select distinct v from ({newest})") == [("last",)]


def test_a_mark_is_no_text_of_a_source(tmp_path: Any) -> None:
    """Nothing in a line but numbers is written otherwise."""
    text = (
        '{"a": "1.23456789012345678901 \\\\\\"", "b": 1.23456789012345678901, "c": [0.1, 1e-400]}\n'
    )
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    token = numbers.mark(path)
    assert token is not None
    with duckdb.connect() as connection:
        [(line,)] = connection.execute(
            f"select {numbers.unmarked('?::varchar', token, is_json=True)}", [path.read_text()]
        ).fetchall()
    assert line == text
    assert json_text.replace_lone_surrogates(text.encode()) == text.encode()


def test_a_widened_column_takes_what_its_old_type_could_not_hold(source: Source) -> None:
    """Keys stay apart and keep their versions, whatever they were stored as before."""
    whole, far, texts = [2**53, 2**53 + 1, 7], [2**64, 2**64 + 1, 7], ["A1", "B1", "7"]
    noon, day = "2024-01-02T12:00:00Z", "2024-01-02T00:00:00.1234567Z"
    moments = [noon, "2024-01-02T12:00:00.5Z", day]
    number_or_text = {"type": ["number", "string"]}
    steps: list[tuple[Any, Any, list[Any], list[Any], str]] = [
        ("number", number_or_text, whole, whole, "JSON"),
        ("number", "string", whole, [str(each) for each in whole], "VARCHAR"),
        ("integer", "number", far, far, "VARCHAR"),
        ("integer", number_or_text, texts, texts, "JSON"),
        ("integer", "string", texts, texts, "VARCHAR"),
        ("boolean", "string", [True, "x", 0], ["true", "x", "0"], "VARCHAR"),
        (INSTANT, "string", moments, moments, "VARCHAR"),
    ]
    declared = {"sync_mode": "incremental_deduplicated", "key": "k", "cursor": "v"}
    names = [f"s{number}" for number, _ in enumerate(steps)]
    source.declared["streams"] = dict.fromkeys(names, declared)
    for version in (1, 2):
        lines, streams = [], []
        for name, (before, after, old, new, _) in zip(names, steps, strict=True):
            streams.append(stream(name, k=before if version == 1 else after, v="integer"))
            keys = old if version == 1 else new[:1]
            lines += [record(name, {"k": key, "v": version}) for key in keys]
            lines.append(status(name))
        source.plays(lines, streams=streams)
        assert source.sync().status == "succeeded"
    for name, step in zip(names, steps, strict=True):
        stored = source.query(f"select k::varchar, v, typeof(k) from played.{name} order by v")
        said = [json.loads(key) if step[4] == "JSON" else key for key, _, _ in stored]
        assert {str(key) for key in said} == {str(key) for key in step[3]}, step
        assert [(v, of) for _, v, of in stored] == [(1, step[4]), (1, step[4]), (2, step[4])], step


@pytest.mark.parametrize("before", ["string", {"type": ["string", "object"]}])
def test_keys_that_differ_as_texts_stay_when_numbers_come(source: Source, before: Any) -> None:
    source.declared["streams"] = {"a": {"sync_mode": "incremental_deduplicated", "key": "k"}}
    steps: list[tuple[Any, list[Any]]] = [(before, ["7", "007", "a", "-08"]), ("integer", [7, 8])]
    for kind, keys in steps:
        lines = [record("a", {"k": key, "v": str(kind)}) for key in keys]
        streams = [stream("a", k=kind, v="string")]
        source.plays([*lines, status("a")], streams=streams)
        assert source.sync().status == "succeeded"
    stored = source.query("select k, v = 'integer' from played.a")
    kept = ["007", "a", "-08"] if before == "string" else ['"7"', '"007"', '"a"', '"-08"']
    assert {*stored} == {("7", True), ("8", True), *((key, False) for key in kept)}


def test_a_cursor_that_becomes_text_keeps_its_order(source: Source) -> None:
    source.declared["streams"] = {
        "a": {"sync_mode": "incremental_deduplicated", "key": "k", "cursor": "at"}
    }
    for schema, hour in ((INSTANT, 12), ("string", 9)):
        row = {"k": 1, "at": f"2024-01-02T{hour:02}:00:00Z"}
        streams = [stream("a", k="integer", at=schema)]
        source.plays([record("a", row), status("a")], streams=streams)
        assert source.sync().status == "succeeded"
    assert source.query('select "at" from played.a') == [("2024-01-02T12:00:00Z",)]


def kept(source: Source, kind: Any, versions: list[Any], **more: Any) -> tuple[Any, list[str]]:
    """Which of the versions of one key, delivered one sync each, stays; with its warnings."""
    source.declared["streams"] = {
        "a": {"sync_mode": "incremental_deduplicated", "key": "k", "cursor": ["at", *more]}
    }
    warnings: list[str] = []
    for number, version in enumerate(versions):
        held = {"v": version} if more else version
        line = json.dumps({"k": 1, "at": "@", "n": number}).replace('"@"', json.dumps(held))
        fields = {"k": "integer", "at": kind, "n": "integer"}
        source.plays(
            [raw_line("a", line.replace('"1e400"', "1e400")), status("a")],
            streams=[stream("a", **fields)],
        )
        result = source.sync()
        assert result.status == "succeeded", result.errors
        warnings += result.warnings
    [(number,)] = source.query("select n from played.a")
    return versions[number], warnings


@pytest.mark.parametrize(
    ("kind", "versions", "newest"),
    [
        ("integer", [2**63 - 1, 2**63, 2**64 - 1, 5], 2**64 - 1),
        ("integer", [3, 2.5, -(2**70), None], 3),
        ("integer", [2, 2.5, -(2**70)], 2.5),
        ({"type": "integer", "airbyte_type": "big_integer"}, [10**38, 10**40, 7], 10**40),
        ("number", [1e300, "1e400", 2**53, 2**53 + 1], "1e400"),
        ("number", [2**53 + 1, 2**53], 2**53 + 1),
    ],
)
def test_a_cursor_beyond_its_type_is_compared_by_its_digits(
    source: Source, kind: Any, versions: list[Any], newest: Any
) -> None:
    assert kept(source, kind, versions) == (newest, [])


@pytest.mark.parametrize(
    ("kind", "readable", "odd"),
    [
        (INSTANT, ["2024-01-01T00:00:00Z", "2023-01-01T00:00:00Z"], "2024-01-02 at noon"),
        ("integer", [7, 6], "seven"),
        ("boolean", [True, False], "maybe"),
        ({"type": "object", "properties": {"v": {"type": "integer"}}}, [7, 6], "seven"),
    ],
)
def test_of_a_key_with_an_odd_cursor_the_last_stays(
    source: Source, kind: Any, readable: list[Any], odd: Any
) -> None:
    path = {"v": True} if isinstance(kind, dict) and "properties" in kind else {}
    field = "at.v" if path else "at"
    assert kept(source, kind, [readable[0], odd], **path) == (
        odd,
        [
            f"1 record of a with a cursor ({field}) that is none of its type: of each of their "
            f"keys the row that came last is kept"
        ],
    )
    assert kept(source, kind, [readable[1]], **path) == (readable[1], [])
    assert kept(source, kind, [readable[0], readable[1]], **path) == (readable[0], [])


def test_changes_of_the_source_are_not_the_loaders(source: Source) -> None:
    source.declared["streams"] = {"a": {"sync_mode": "incremental_deduplicated", "key": "id"}}
    theirs = {"changes": [{"field": "id", "change": "TRUNCATED", "original": "77"}]}
    lines = [record("a", {"id": 1, "v": "x"}, meta=theirs), record("a", {"id": 1, "v": "y"})]
    source.plays([*lines, status("a")], streams=[stream("a", id="integer", v="string")])
    assert source.sync().status == "succeeded"
    assert source.query("select id, v from played.a") == [(1, "y")]
