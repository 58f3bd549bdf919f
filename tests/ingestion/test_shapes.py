"""What is taken for plain without a closer look holds no unknown field and no long number."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import numbers, shapes
from ingestion.shapes import are_plain

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(['"', "\\", '", "x": 1, "y": "', "{", "}]", "12345678901234567890", "\n"]),
        st.text(max_size=4),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abx"), inner),
    max_leaves=6,
)
RECORDS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "c", 'd"', "é"]), VALUES), min_size=1)


def write(path: Path, records: list[dict[str, Any]], *, compact: bool = False) -> Path:
    lines = [
        {"type": "RECORD", "record": {"stream": "s", "data": data, "emitted_at": 1700000000000}}
        for data in records
    ]
    texts = [orjson.dumps(line) if compact else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"".join(text + b"\n" for text in texts))
    return path


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RECORDS, st.booleans())
def test_what_is_plain_needs_no_closer_look(
    tmp_path: Path, records: list[dict[str, Any]], compact: bool
) -> None:
    try:
        path = write(tmp_path / "x.jsonl", records, compact=compact)
    except TypeError:  # orjson has no integers beyond 64 bits.
        path = write(tmp_path / "x.jsonl", records)
    if are_plain(path, ["a", "b", 'd"']):
        assert {key for data in records for key in data} <= {"a", "b", 'd"'}
        assert numbers.mark(path) is None


@pytest.mark.parametrize("compact", [False, True])
def test_usual_records_are_plain(tmp_path: Path, compact: bool) -> None:
    row = {"a": 1, "b": 'x" \\ é', "c": -1.5, "d": {"e": [1, "x"], "f": None}, "g": True}
    rows: list[dict[str, Any]] = [row, row | {"c": None}, {"a": 2, "d": [{"e": 1}]}] * 10_000
    path = write(tmp_path / "x.jsonl", rows, compact=compact)
    assert are_plain(path, "abcdefg")
    for odd in ({"h": 1}, {"c": 0.1234567890123456}, {"c": 1e-300}, {"d": {"e": 10**16 + 0.5}}):
        write(path, [*rows, row | odd], compact=compact)
        assert not are_plain(path, "abcdefg"), odd
    for place in ('{"e": @}', "[@]", '[1, {"e": @}]', "@"):
        for number in ("0.1234567890123456789", "12345678901234567.89", "-0.12345678901234567890"):
            write(path, rows, compact=compact)
            with path.open("ab") as file:
                data = f'{{"a": 1, "d": {place.replace("@", number)}}}'
                text = f'{{"type": "RECORD", "record": {{"stream": "s", "data": {data}, '
                text = f'{text}"emitted_at": 1700000000000}}}}'
                file.write((text.replace(" ", "") if compact else text).encode() + b"\n")
            assert not are_plain(path, "abcdefg"), (place, number)


def test_records_of_very_many_fields_are_looked_at_closely(tmp_path: Path) -> None:
    for count, is_plain in ((shapes.MOST_FIELDS, True), (shapes.MOST_FIELDS + 1, False)):
        row = {f"f{i}": i for i in range(count)}
        assert are_plain(write(tmp_path / "x.jsonl", [row]), list(row)) is is_plain
