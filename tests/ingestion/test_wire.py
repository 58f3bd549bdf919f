"""Odd output: what may hold a record is loaded or ends the sync; what is passed over is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingestion import catalog
from ingestion.errors import ConnectorError, ProtocolError
from ingestion.protocol import Item, Message, Noise, RecordRun, Splitter, check_depth
from ingestion.reader import Reader
from tests.ingestion.conftest import Source, record, state, status, stream

A = [stream("a", n="integer", text="string")]
ONE, TWO = record("a", {"n": 1}), record("a", {"n": 2})


def split(output: bytes) -> list[Item]:
    splitter = Splitter()
    return [*splitter.feed(output), *splitter.close()]


def numbers(items: list[Item]) -> list[int]:
    lines = [
        line
        for item in items
        if isinstance(item, RecordRun)
        for line in item.lines.split(b"\n")[:-1]
    ]
    return [json.loads(line)["record"]["data"]["n"] for line in lines]


def dense(text: str) -> str:
    return text.replace(" ", "")


@pytest.mark.parametrize(
    "line",
    [
        f"downloading 50%...{ONE}",
        f"10%\r50%\r100%\r{ONE}",
        f"\x1b[32m{ONE}\x1b[0m",
        f"\ufeff{ONE}",
        f"\0\0{ONE}\0",
        f"INFO {{not json}} {ONE} {{nor this}}",
        f'["x", {ONE}]',
        f"{ONE}\r",
        f"  \t{ONE}",
    ],
)
def test_a_record_with_something_around_it_is_there(line: str) -> None:
    assert numbers(split(f"{TWO}\n{dense(line)}\n{TWO}\n".encode())) == [2, 1, 2]


@pytest.mark.parametrize("between", ["", " ", "\r", " and "])
def test_two_records_on_one_line_are_two_or_refused(source: Source, between: str) -> None:
    source.plays([f"{ONE}{between}{TWO}", status("a")], streams=A)
    result = source.sync()
    assert result.status == "failed"
    assert "Line 1" in result.errors[0].message
    source.plays([f"x{ONE}{between}{TWO}", status("a")])
    assert source.sync().status == "succeeded"
    assert source.query("select n from played.a order by n") == [(1,), (2,)]


@pytest.mark.parametrize(
    "line",
    [
        "{'type': 'RECORD', 'record': {'stream': 'a'}}",
        "INFO {'type': 'RECORD', 'record': {'stream': 'a'}}",
        json.dumps(ONE),
        "x" + ONE[:-3],
        '{"type": "record", "record": {"stream": "a", "data": {"n": 1}}}',
        '{"record": {"stream": "a", "data": {"n": 1}}}',
        '{"type": "RECORD", "record": null}',
        '{"type": "RECORD", "record": {"stream": 1, "data": {}}}',
        '{"type": "RECORD", "record": {"stream": "a", "data": null}}',
        '{"type": "RECORD", "record": {"stream": "a", "data": 1}}',
        '{"type": "RECORD", "record": {"stream": "a"}}',
        "{",
        ONE.encode("utf-16").decode("latin1"),
    ],
)
def test_what_may_have_held_a_record_and_cannot_be_read_is_refused(line: str) -> None:
    with pytest.raises(ProtocolError, match="Line 2 of the connector's output"):
        split(f"{TWO}\n{line}\n".encode("latin1"))


def test_a_record_keeps_its_bytes_in_whatever_order_its_keys_stand() -> None:
    line = b'{"record":{"emitted_at":1,"data":{"n":12345678901234567890123},"stream":"a"},'
    [item] = split(line + b'"type":"RECORD"}\n')
    assert isinstance(item, RecordRun)
    assert item.lines == line + b'"type":"RECORD"}\n'


def test_a_namespace_behind_the_data_counts() -> None:
    lines = [
        record("a", {"n": 1}),
        record("a", {"n": 2}, namespace="x"),
        record("a", {"n": 3}, namespace="x"),
        record("a", {"n": 4}, namespace=None),
    ]
    runs = [item for item in split("\n".join(lines).encode()) if isinstance(item, RecordRun)]
    assert [(run.key, run.count, run.line) for run in runs] == [
        ((None, "a"), 1, 1),
        (("x", "a"), 2, 2),
        ((None, "a"), 1, 4),
    ]


@pytest.mark.parametrize("depth", [1001, 20_000, 100_000])
@pytest.mark.parametrize("where", ["data", "state", "key order"])
def test_json_nested_too_deeply_is_a_sentence(depth: int, where: str) -> None:
    deep = "[" * depth + "]" * depth
    lines = {
        "data": '{"type":"RECORD","record":{"stream":"a","data":{"n":%s},"emitted_at":1}}',
        "state": '{"type":"STATE","state":{"type":"LEGACY","data":{"n":%s}}}',
        "key order": '{"record":{"stream":"a","data":{"n":%s},"emitted_at":1},"type":"RECORD"}',
    }
    with pytest.raises(ProtocolError, match=r"Line 2 .* levels deep"):
        split(f"{ONE}\n{lines[where] % deep}\n".encode())


def test_brackets_in_texts_are_not_depth() -> None:
    check_depth(b'{"a":"' + b"[" * 5000 + b'"}\n' + b"[]," * 5000 + b"\n", 1)


def reader_of(spool: Path) -> tuple[Reader, list[str]]:
    said: list[str] = []
    reader = Reader(
        {(None, "a"): False},
        last=[],
        spool=spool,
        submit=lambda _: None,
        log=lambda level, text: said.append(f"{level} {text}"),
        save_config=lambda _: None,
    )
    return reader, said


def trace(**body: Any) -> dict[str, Any]:
    return {"type": "TRACE", "trace": body}


NAMED = {"stream_descriptor": {"name": "a"}}


@pytest.mark.parametrize(
    "content",
    [
        {"type": "STATE"},
        {"type": "STATE", "state": 1},
        {"type": "STATE", "state": {"type": "ODD"}},
        {"type": "STATE", "state": {"type": 5}},
        {"type": "STATE", "state": {"type": "STREAM", "stream": 5}},
        {"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": "a"}}},
        {"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": {}}}},
        {"type": "STATE", "state": {"type": "GLOBAL", "global": []}},
        *(
            {"type": "STATE", "state": {"data": {}, "sourceStats": {"recordCount": count}}}
            for count in ("x", True, [], {}, -1, 0.5, 1e300)
        ),
        {"type": "STATE", "state": {"data": {}, "sourceStats": 7}},
        {"type": "TRACE", "trace": "x"},
        trace(type="STREAM_STATUS", stream_status=3),
        trace(type="STREAM_STATUS", stream_status={"stream_descriptor": [], "status": "COMPLETE"}),
        trace(type="ESTIMATE", estimate=None),
        {"type": "LOG", "log": []},
        {"type": "CONTROL", "control": {"type": "CONNECTOR_CONFIG", "connectorConfig": 1}},
        {
            "type": "CONTROL",
            "control": {"type": "CONNECTOR_CONFIG", "connectorConfig": {"config": [1]}},
        },
    ],
)
def test_an_odd_message_is_named(content: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"[Ll]ine 7"):
        reader_of(tmp_path)[0].read(Message(content, 7))


@pytest.mark.parametrize(
    "content",
    [
        {"type": "NOVEL", "novel": {"x": 1}},
        {"type": "SPEC", "spec": 5},
        trace(type="NOVEL"),
        trace(type=None),
        trace(type="STREAM_STATUS", stream_status=NAMED | {"status": ["x"]}),
        {"type": "CONTROL", "control": {"type": "NOVEL"}},
    ],
)
def test_an_unknown_message_is_counted_by_name(content: dict[str, Any], tmp_path: Path) -> None:
    reader, said = reader_of(tmp_path)
    for _ in range(3):
        reader.read(Message(content, 7))
    assert list(reader.unknown_messages.values()) == [3]
    assert len(said) == 3


def test_a_message_without_a_type_is_output(tmp_path: Path) -> None:
    reader, said = reader_of(tmp_path)
    reader.read(Message({"level": "info", "record": {"message": "x"}}, 1))
    reader.read(Noise("hello", 2))
    reader.read(Message({"type": 5}, 3))
    assert reader.noise_lines == 3
    assert reader.first_noise == Noise('{"level":"info","record":{"message":"x"}}', 1)
    assert len(said) == 3


@pytest.mark.parametrize(
    "error",
    [
        *(None, 1, "x", [], {"message": 5, "stream_descriptor": "a"}),
        {"internal_message": json.dumps({"code": [1], "line": "x", "batch": {}, "file": 3})},
    ],
)
def test_an_odd_error_is_still_an_error(error: Any, tmp_path: Path) -> None:
    reader, _ = reader_of(tmp_path)
    reader.read(Message(trace(type="ERROR", error=error), 1))
    [found] = reader.errors
    assert all(isinstance(text, str | None) for text in (found.message, found.code, found.file))
    assert all(isinstance(number, int | None) for number in (found.line, found.batch))


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        (None, "no list"),
        ("x", "no list"),
        ([5], "stream 1"),
        ([{}], "name"),
        ([{"name": 5}], "name"),
        ([{"name": ""}], "name"),
        ([{"name": "a", "json_schema": []}], "json_schema"),
        ([{"name": "a", "json_schema": {"properties": {"x": 5}}}], "json_schema.properties.x"),
        ([{"name": "a", "supported_sync_modes": "full"}], "supported_sync_modes"),
        ([{"name": "a", "source_defined_primary_key": ["id"]}], "source_defined_primary_key.0"),
        ([{"name": "a"}, {"name": "a", "json_schema": {}}], "offers stream a twice"),
    ],
)
def test_an_odd_catalogue_is_named(streams: Any, said: str) -> None:
    with pytest.raises(ConnectorError, match=said):
        catalog.checked("played", {"streams": streams})


def test_what_is_passed_over_is_in_the_summary_and_what_states_cover_is_kept(
    source: Source,
) -> None:
    lines = [
        f"downloading 50%...{ONE}",
        '{"type": "NOVEL", "novel": {}}',
        state("a", {"big": 12345678901234567890123}, 1),
        record("other", {"n": 1}),
        status("a"),
    ]
    source.plays(lines, streams=A)
    result = source.sync()
    assert result.status == "succeeded", result.errors
    assert source.query("select n from played.a") == [(1,)]
    told = "; ".join(result.warnings)
    assert "1 piece of output that is not the Airbyte protocol" in told
    assert "on line 1: downloading 50%..." in told
    assert "1 message of a type that is not known, NOVEL" in told
    assert "1 record of other left, which is not selected" in told
    source.plays([TWO, state("a", {"at": 2}, 1), "x" + ONE[:-3]])
    result = source.sync()
    assert result.status == "failed"
    assert "Line 3 of the connector's output" in result.errors[0].message
    assert source.query("select n from played.a order by n") == [(1,), (2,)]
    sent = source.got("state")[0]["stream"]["stream_state"]
    assert sent == {"big": 12345678901234567890123}


def test_output_that_is_cut_off_fails_and_keeps_what_states_cover(source: Source) -> None:
    source.plays([ONE, state("a", {"at": 1}), status("a")], streams=A)
    output = source.directory / "output.jsonl"
    output.write_bytes(output.read_bytes() + TWO[:30].encode())
    result = source.sync()
    assert result.status == "failed"
    assert "The output is cut off: Line 4" in result.errors[0].message
    assert source.query("select n from played.a") == [(1,)]


def test_exit_code_0_completes_where_the_declaration_says_so(source: Source) -> None:
    streams = [*A, stream("full", n="integer")]
    lines = [ONE, state("a", {"at": 1}), record("full", {"n": 5})]
    source.declared["streams"] = {"a": {}, "full": {"sync_mode": "full_refresh_overwrite"}}
    source.plays(lines, streams=streams)
    result = source.sync()
    assert result.status == "failed"
    assert "`completion: exit_code` in its declaration" in result.errors[0].message
    source.declared["completion"] = "exit_code"
    source.plays([*lines, status("a", "INCOMPLETE")])
    assert source.sync().status == "failed"
    source.plays(lines, exit_code=1)
    assert source.sync().status == "failed"
    source.plays(lines)
    result = source.sync()
    assert result.status == "succeeded", result.errors
    assert source.query("select n from played.full") == [(5,)]


def test_a_connector_that_does_not_stop_answering_is_ended(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.connector.MOST_ANSWER_BYTES", 1024 * 1024)
    source.declared["connector"] = {"command": ["/bin/sh", "-c", "yes noise"]}
    with pytest.raises(ConnectorError, match="discover of the connector printed more than 1048576"):
        source.sync()


HALF = r'"x\ud83d"'
"""Half a surrogate, as `json.dumps` writes it."""
AS_IT_CAME = (
    r'{"at":1700000000.123456789012,"big":12345678901234567890123,"z":-0.10,"e":1e400,"d":1E-400,'
    r'"c":NaN,"i":[-Infinity],"half":"x\ud83d","\udc00":{"\\ud83d":"\ud83d\ude00 é"},"n":null}'
)


def spelled(text: str) -> Any:
    """What the text says, every number as it is written."""
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)


@pytest.mark.parametrize(
    "body",
    [
        '{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":%s}}',
        '{"type":"GLOBAL","global":{"shared_state":%s,"stream_states":[]}}',
        '{"type":"LEGACY","data":%s}',
        '{"data":%s}',
    ],
)
def test_a_state_goes_back_as_it_came(source: Source, body: str) -> None:
    states = [body % AS_IT_CAME, body % '{"at":0.30000000000000000001}', body % HALF]
    for kept in states:
        source.plays([ONE, f'{{"type":"STATE","state":{kept}}}', status("a")], streams=A)
        result = source.sync()
        assert (result.status, result.errors) == ("succeeded", [])
        source.plays([status("a")])
        assert source.sync().status == "succeeded"
        got = (source.directory / "got_state.json").read_text()
        assert spelled(got) == [spelled(kept)]
    assert source.query("select distinct json_valid(state) from _tradehouse.states") == [(True,)]


def test_a_changed_configuration_is_handed_on_as_it_came(source: Source) -> None:
    source.declared["config"] = {"token": "old"}
    control = '{"type":"CONTROL","control":{"type":"CONNECTOR_CONFIG","connectorConfig":%s}}'
    config = f'{{"config":{{"token":"new","cursor":{AS_IT_CAME}}}}}'
    source.plays([control % config, status("a")], streams=A)
    assert source.sync().status == "succeeded"
    source.plays([status("a")])
    assert source.sync().status == "succeeded"
    got = (source.directory / "got_config.json").read_text()
    assert spelled(got) == spelled(config)["config"]


ODD_LINES = [
    '{"type":"LOG","log":{"level":"INFO","message":%s,"took":%s}}',
    '100%%{"type":"LOG","log":{"level":"INFO","message":%s,"took":%s}}',
    '{"type":"NOVEL","novel":[%s,%s]}',
    '{"type":"TRACE","trace":{"type":"ANALYTICS","analytics":{"type":%s,"value":%s}}}',
    '{"type":"TRACE","trace":{"type":"ESTIMATE","estimate":{"name":"a","type":%s,"x":%s}}}',
    '{"type":"TRACE","trace":{"type":%s,"novel":%s}}',
    '{"level":%s,"message":%s}',
    '{"type":"RECORD","record":{"stream":"b","data":{"type":%s,"x":%s},"emitted_at":1}}',
    '{"type":"RECORD","record":{"stream":"a","data":{"file_reference":%s,"x":%s}}}',
]


@pytest.mark.parametrize("value", [HALF, "NaN", "1e999", "[1e999, -Infinity]"])
def test_what_only_some_write_as_json_fails_no_sync(source: Source, value: str) -> None:
    """Halves of surrogates, NaN and infinity, as Python's `json` writes them, in any message."""
    odd = [line % (value, value) for line in ODD_LINES]
    source.plays([ONE, *odd, TWO, state("a", {"at": 1}), status("a")], streams=A)
    result = source.sync()
    assert (result.status, result.errors) == ("succeeded", [])
    assert source.query("select n from played.a where n is not null order by n") == [(1,), (2,)]
    assert "".join(result.warnings).isprintable()


def test_half_a_surrogate_is_shown_as_what_is_missing(source: Source) -> None:
    error = '{"type":"TRACE","trace":{"type":"ERROR","error":{"message":%s,"internal_message":%s}}}'
    internal = json.dumps(r'{"code": "c\ud83d", "file": "f\ud83d"}')
    log = '{"type":"LOG","log":{"level":"INFO","message":%s}}'
    source.plays([log % HALF, error % (HALF, internal)], streams=A, exit_code=1)
    result = source.sync()
    assert [(e.message, e.code, e.file) for e in result.errors] == [("x�", "c�", "f�")]
    told = source.query("select error ->> '$.errors[0].message' from _tradehouse.syncs")
    assert told == [("x�",)]
    assert "INFO x�\n" in Path(str(result.log)).read_text()


def test_names_with_half_a_surrogate_are_one_in_all_messages(source: Source) -> None:
    streams = [stream("a\ud83d", **{"n\udc00": "integer"}) | {"note": "\ud83d"}]
    unselected = record("other\ud83d", {"n": 1})
    lines = [record("a\ud83d", {"n\udc00": 7}), unselected, state("a\ud83d", 1), status("a\ud83d")]
    source.plays(lines, streams=streams)
    result = source.sync()
    assert (result.status, list(result.streams)) == ("succeeded", ["a�"])
    assert result.unselected_records == {"other�": 1}
    assert source.query('select "n�" from played."a�"') == [(7,)]
    source.sync()
    assert source.got("state")[0]["stream"]["stream_state"] == 1
