"""Splitting the protocol: any blocks give the same items, in order, with the right line numbers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.errors import ProtocolError
from ingestion.protocol import Item, Message, Noise, RecordRun, Splitter

NAMES = ["a", "b", 'quo"ted', "é\\", "a"]
SPACES = st.sampled_from([(",", ":"), (", ", ": ")])


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, tuple[str, Any]]:
    """A line and what it is: a record of a stream, another message, noise, or nothing."""
    kind = draw(st.sampled_from(["record"] * 6 + ["odd", "state", "noise", "empty"]))
    if kind == "noise":
        text = draw(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1))
        text = f"-{text}-"
        return text, ("noise", text)
    if kind == "empty":
        return draw(st.sampled_from(["", "  "])), ("empty", None)
    name = draw(st.sampled_from(NAMES))
    namespace = draw(st.sampled_from([None, "x"]))
    record: dict[str, Any] = {"stream": name}
    where = draw(st.sampled_from(["before", "after", "absent"]))
    if where == "before":
        record = {"namespace": namespace} | record
    elif where == "after":
        record["namespace"] = namespace
    else:
        namespace = None
    record["data"] = {"n": draw(st.text()), "type": "RECORD"}
    message: dict[str, Any] = {"type": "RECORD", "record": record}
    if kind == "odd":
        message = {"record": record | {"emitted_at": 1}, "type": "RECORD"}
    if kind == "state":
        message = {"type": "STATE", "state": {"data": record["data"]}}
    text = json.dumps(message, separators=draw(SPACES))
    return text, (kind, message if kind == "state" else ((namespace, name), record["data"]))


def expected(found: list[tuple[str, tuple[str, Any]]]) -> list[tuple[Any, ...]]:
    result = []
    for number, (_, (kind, content)) in enumerate(found, start=1):
        if kind in ("record", "odd"):
            result.append((number, "record", content))
        elif kind != "empty":
            result.append((number, kind, content))
    return result


def unrolled(items: list[Item]) -> list[tuple[Any, ...]]:
    """Every item by line, runs taken apart."""
    result: list[tuple[Any, ...]] = []
    for item in items:
        if isinstance(item, RecordRun):
            assert item.count == item.lines.count(b"\n")
            for offset, line in enumerate(item.lines.split(b"\n")[:-1]):
                data = json.loads(line)["record"]["data"]
                result.append((item.line + offset, "record", (item.key, data)))
        elif isinstance(item, Message):
            result.append((item.line, "state", item.content))
        elif isinstance(item, Noise):
            result.append((item.line, "noise", item.text))
    return result


@settings(suppress_health_check=[HealthCheck.too_slow])  # The first text needs a table of Unicode.
@given(st.lists(lines(), max_size=30), st.lists(st.integers(1, 200), max_size=40), st.booleans())
def test_any_blocks_give_the_same_items(
    found: list[tuple[str, tuple[str, Any]]], sizes: list[int], ends: bool
) -> None:
    output = "\n".join(text for text, _ in found).encode()
    output += b"\n" if ends else b""
    splitter = Splitter()
    items: list[Item] = []
    position = 0
    for size in [*sizes, len(output)]:
        items += splitter.feed(output[position : position + size])
        position += size
    items += splitter.close()
    assert unrolled(items) == expected(found)


def test_records_of_one_stream_are_one_run() -> None:
    line = b'{"type":"RECORD","record":{"stream":"a","data":{}}}\n'
    [run] = Splitter().feed(line * 1000)
    assert isinstance(run, RecordRun)
    assert (run.key, run.count, run.line, run.lines) == ((None, "a"), 1000, 1, line * 1000)


def test_a_line_without_end_does_not_fill_memory() -> None:
    splitter = Splitter(max_line_bytes=1000)
    assert list(splitter.feed(b"{" + b"x" * 900)) == []
    with pytest.raises(ProtocolError, match=r"Line 1 .* longer than 1000 bytes"):
        list(splitter.feed(b"x" * 200))


@pytest.mark.parametrize(
    "line",
    [
        b'{"messages":[{"type":"RECORD","record":{"stream":"t","data":{"id":1}}}]}',
        b'{"a":{"type":"RECORD","record":{"stream":"t","data":{"id":1}}}}',
        b'{"type":"BATCH","messages":[{"type":"RECORD","record":{"stream":"t","data":{}}}]}',
        b'{"type":"RECORDS","records":[{"stream":"t","data":{"id":4}}]}',
        b'{"type":"RECORD ","record":{"stream":"t","emitted_at":1}}',
        b'{"type":null,"state":{"type":"STATE","state":{}}}',
        rb'{"log":"{\"type\":\"RECORD\",\"record\":{}}\n","time":"2024-01-01"}',
    ],
)
def test_a_record_inside_something_else_is_no_noise(line: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"Line 1 of the connector's output"):
        list(Splitter().feed(line + b"\n"))


@pytest.mark.parametrize(
    "line",
    [
        b'{"level":"info","message":"read a RECORD of a stream"}',
        b'{"type":"LOG","log":{"level":"INFO","message":"{\\"type\\":\\"RECORD\\"}"}}',
        b'{"type":"METRIC","stream":"t","data":3}',
    ],
)
def test_what_only_speaks_of_records_is_passed_over(line: bytes) -> None:
    assert len(list(Splitter().feed(line + b"\n"))) == 1


def test_no_group_is_repeated_possessively() -> None:
    """Python 3.11.0 to 3.11.4 goes on in the middle of what did not match: records were lost."""
    project = Path(__file__).parents[2]
    wrong = re.compile(r"\)(?:[+*?]|\{[\d,]+\})\+")
    found = [
        (path.name, line)
        for folder in ("connectors", "exposition", "ingestion", "orchestration", "tradehouse")
        for path in (project / folder).rglob("*.py")
        for line in path.read_text().splitlines()
        if wrong.search(line) and not line.lstrip().startswith("#")
    ]
    assert found == []
