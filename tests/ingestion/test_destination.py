"""What a correct destination honours, each by value, on output that a test writes."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ingestion import Progress, sync_steps
from ingestion.errors import IngestionError
from tests.ingestion.conftest import Source, error_trace, record, state, status, stream
from tradehouse.home.paths import Home
from tradehouse.loads import freshness
from tradehouse.loads.syncs import describe, last_syncs
from tradehouse.observe.alerts import sources as alerts

AB = [stream("a", n="integer"), stream("b", n="integer")]


def numbers(source: Source, table: str) -> list[int]:
    return [row[0] for row in source.query(f"select n from played.{table} order by n")]


def test_interleaved_streams_arrive_whole(source: Source) -> None:
    lines = [record("ab"[i % 2], {"n": i}) for i in range(100)]
    source.plays([*lines, status("a"), status("b")], streams=AB)
    result = source.sync()
    assert result.status == "succeeded"
    assert numbers(source, "a") == list(range(0, 100, 2))
    assert numbers(source, "b") == list(range(1, 100, 2))
    assert (result.streams["a"].records, result.streams["b"].records) == (50, 50)


def test_records_of_unselected_streams_are_counted_and_not_loaded(source: Source) -> None:
    lines = [record("a", {"n": 1}), record("c", {"n": 2}), record("c", {"n": 3}), status("a")]
    source.plays(lines, streams=[*AB, stream("c", n="integer")])
    source.declared["streams"] = {"a": {}}
    result = source.sync()
    assert result.status == "succeeded"
    assert result.unselected_records == {"c": 2}
    assert any("2 records of c" in warning for warning in result.warnings)
    assert source.query("select table_name from duckdb_tables() where schema_name = 'played'") == [
        ("a",)
    ]


def test_unknown_fields_and_message_types_are_tolerated(source: Source) -> None:
    later = json.dumps({"type": "LATER_KIND", "later_kind": {"x": 1}})
    lines = [later, record("a", {"n": 1, "new": {"x": 2}}, extra=5), "{}", status("a")]
    source.plays(lines, streams=AB[:1])
    assert source.sync().status == "succeeded"
    assert numbers(source, "a") == [1]


def test_a_line_that_is_no_object_is_logged(source: Source) -> None:
    source.plays(["loading ...", record("a", {"n": 1}), "50 %", status("a")], streams=AB[:1])
    result = source.sync()
    assert result.status == "succeeded"
    assert result.log is not None
    logged = Path(result.log).read_text().splitlines()
    assert logged == ["OUTPUT loading ...", "OUTPUT 50 %"]


@pytest.mark.parametrize(
    "broken",
    ['{"type": "RECORD", "record": {"stream": "a", "data": {"n": 2}', '{"type": "STATE", "sta'],
    ids=["record", "state"],
)
def test_a_broken_line_fails_the_sync_with_its_number_and_its_beginning_is_in_the_log(
    source: Source, broken: str
) -> None:
    before = [record("a", {"n": 1}), state("a", {"n": 1}), status("b")]
    source.plays([*before, broken, record("a", {"n": 3}), status("a")], streams=AB)
    result = source.sync()
    assert result.status == "failed"
    [error] = result.errors
    assert "Line 4" in error.message
    assert broken not in error.message  # It may hold what is personal.
    assert result.log is not None
    assert str(result.log) in error.message
    assert broken in Path(result.log).read_text()


def test_a_record_with_keys_in_another_order_is_loaded(source: Source) -> None:
    odd = '{"record": {"data": {"n": 7}, "emitted_at": 1, "stream": "a"}, "type": "RECORD"}'
    source.plays([odd, record("a", {"n": 8}), status("a")], streams=AB[:1])
    assert source.sync().status == "succeeded"
    assert numbers(source, "a") == [7, 8]


def test_states_cover_what_came_before_them_and_nothing_else(source: Source) -> None:
    lines = [
        *(record("a", {"n": 1}), record("b", {"n": 10}), state("a", {"at": 1}, 1)),
        *(record("a", {"n": 2}), record("b", {"n": 11})),
        error_trace("lost the connection"),
    ]
    source.plays(lines, streams=AB, exit_code=1)
    result = source.sync()
    assert result.status == "failed"
    assert [error.message for error in result.errors] == ["lost the connection"]
    assert numbers(source, "a") == [1]
    assert numbers(source, "b") == []
    assert result.streams["a"].records == 1


def test_the_next_run_gets_the_last_committed_states(source: Source) -> None:
    spaced = AB[1] | {"namespace": "x"}
    lines = [
        *(record("a", {"n": 1}), state("a", {"at": 1}), record("a", {"n": 2})),
        *(state("a", {"at": 2}), record("b", {"n": 3}, namespace="x")),
        *(state("b", {"at": 3}, namespace="x"), status("a"), status("b", namespace="x")),
    ]
    source.plays(lines, streams=[AB[0], spaced])
    assert source.sync().status == "succeeded"
    assert source.got("state") is None
    source.plays([status("a"), status("b", namespace="x")])
    assert source.sync().status == "succeeded"
    assert [
        (each["stream"]["stream_descriptor"], each["stream"]["stream_state"])
        for each in source.got("state")
    ] == [({"name": "a"}, {"at": 2}), ({"name": "b", "namespace": "x"}, {"at": 3})]
    assert source.query("select count(*) from _tradehouse.states") == [(2,)]


def test_streams_of_one_name_in_two_namespaces_are_two_tables(source: Source) -> None:
    streams = [AB[0] | {"namespace": "x"}, AB[0] | {"namespace": "y"}]
    ends = [status("a", namespace="x"), status("a", namespace="y")]
    first, second = record("a", {"n": 1}, namespace="x"), record("a", {"n": 2}, namespace="y")
    source.plays([first, second, *ends], streams=streams)
    assert source.sync().status == "succeeded"
    assert numbers(source, "x__a") == [1]
    assert numbers(source, "y__a") == [2]


def test_a_state_without_records_is_saved(source: Source) -> None:
    source.plays([state("a", {"at": 5}, 0), status("a")], streams=AB[:1])
    assert source.sync().status == "succeeded"
    source.sync()
    assert source.got("state")[0]["stream"]["stream_state"] == {"at": 5}


def test_a_null_state_resets_the_stream(source: Source) -> None:
    source.plays([state("a", {"at": 5}), status("a")], streams=AB[:1])
    source.sync()
    source.plays([state("a", None), status("a")])
    source.sync()
    assert source.got("state") is not None
    source.sync()
    assert source.got("state") is None


def test_a_global_state_covers_all_streams_and_replaces_stream_states(source: Source) -> None:
    source.plays([state("a", {"at": 1}), status("a"), status("b")], streams=AB)
    source.sync()
    content = {"shared_state": {"lsn": 9}, "stream_states": []}
    covering = {"type": "GLOBAL", "global": content, "sourceStats": {"recordCount": 2.0}}
    lines = [record("a", {"n": 1}), record("b", {"n": 2})]
    lines.append(json.dumps({"type": "STATE", "state": covering}))
    lines.append(record("b", {"n": 3}))
    source.plays([*lines, error_trace("gone")], exit_code=1)
    assert source.sync().status == "failed"
    assert (numbers(source, "a"), numbers(source, "b")) == ([1], [2])
    source.plays([status("a"), status("b")])
    source.sync()
    assert source.got("state") == [covering]


def test_completion_does_not_commit_what_a_global_state_does_not_cover_yet(source: Source) -> None:
    lines = [record("a", {"n": 1}), status("a"), record("b", {"n": 2}), error_trace("gone")]
    covering = {"type": "GLOBAL", "global": {"shared_state": 1, "stream_states": []}}
    source.plays([json.dumps({"type": "STATE", "state": covering}), *lines], streams=AB)
    assert source.sync().status == "failed"
    assert (numbers(source, "a"), numbers(source, "b")) == ([], [])


def test_a_legacy_state_is_one_blob(source: Source) -> None:
    legacy = json.dumps({"type": "STATE", "state": {"data": {"a": 1, "b": 2}}})
    source.plays([record("a", {"n": 1}), legacy, status("a"), status("b")], streams=AB)
    assert source.sync().status == "succeeded"
    source.sync()
    assert source.got("state") == [{"data": {"a": 1, "b": 2}}]


def test_a_state_that_counts_other_records_than_arrived_fails(source: Source) -> None:
    lines = [record("a", {"n": 1}), state("a", {"at": 1}, 1)]
    source.plays([*lines, record("a", {"n": 2}), state("a", {"at": 2}, 2)], streams=AB[:1])
    result = source.sync()
    assert result.status == "failed"
    assert "covers 2 records" in result.errors[0].message
    assert "1 arrived" in result.errors[0].message


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([status("a")], "b"),
        ([status("a"), status("b", "INCOMPLETE")], "b"),
        ([], "a, b"),
    ],
)
def test_exit_0_without_every_stream_complete_is_a_failure(
    source: Source, ends: list[str], said: str
) -> None:
    kept = [record("a", {"n": 1}), state("a", {"at": 1})]
    source.plays([*kept, record("b", {"n": 2}), *ends], streams=AB)
    result = source.sync()
    assert result.status == "failed"
    assert f"complete: {said}. " in result.errors[0].message
    assert "completion: exit_code" in result.errors[0].message
    assert numbers(source, "a") == [1]
    assert source.query("select distinct status from _tradehouse.syncs") == [("failed",)]


def test_what_is_incomplete_by_its_own_word_is_not_advised_to_be_complete(source: Source) -> None:
    source.declared["completion"] = "exit_code"
    source.plays([status("a"), status("b", "INCOMPLETE")], streams=AB)
    [error] = source.sync().errors
    assert error.message.endswith("these streams are complete: b.")


def test_states_of_streams_that_are_not_selected_are_counted(source: Source) -> None:
    other = [state("other", {"at": n}, namespace="x") for n in (1, 2)]
    source.plays([record("a", {"n": 1}), *other, status("a")], streams=AB[:1])
    result = source.sync()
    assert result.status == "succeeded"
    assert result.warnings == ["2 states of other left, which is not selected"]


def test_exit_code_1_without_a_trace_fails_with_the_last_words(source: Source) -> None:
    source.plays([status("a")], streams=AB[:1], exit_code=3, stderr="Traceback\nKeyError: 'x'\n")
    result = source.sync()
    assert result.status == "failed"
    assert "exit code 3" in result.errors[0].message
    assert "KeyError: 'x'" in result.errors[0].message


def test_an_error_trace_names_batch_file_and_line(source: Source) -> None:
    details = json.dumps({"code": "unfinished", "batch": 2, "file": "Batch2/Trade.txt", "line": 7})
    source.plays([error_trace("The last line has no end.", details)], streams=AB, exit_code=1)
    [error] = source.sync().errors
    assert (error.code, error.batch, error.file, error.line) == (
        "unfinished",
        2,
        "Batch2/Trade.txt",
        7,
    )
    stored = source.query("select distinct error ->> '$.errors[0].line' from _tradehouse.syncs")
    assert stored == [("7",)]


def test_a_changed_configuration_is_kept_at_once(source: Source) -> None:
    source.declared["config"] = {"token": "old", "account": 1}
    config = {"token": "rotated", "account": 1}
    control = {"type": "CONNECTOR_CONFIG", "emitted_at": 1, "connectorConfig": {"config": config}}
    lines = [json.dumps({"type": "CONTROL", "control": control}), error_trace("then it died")]
    source.plays(lines, streams=AB, exit_code=1)
    assert source.sync().status == "failed"
    assert source.got("config") == {"token": "old", "account": 1}
    source.plays([status("a"), status("b")])
    assert source.sync().status == "succeeded"
    assert source.got("config") == config
    kept = source.paths.connectors / "played.config.json"
    assert kept.stat().st_mode & 0o077 == 0
    source.declared["config"] = {"token": "set anew", "account": 1}
    source.sync()
    assert source.got("config") == {"token": "set anew", "account": 1}


def test_changes_of_the_source_are_kept_and_those_of_the_loader_appended(source: Source) -> None:
    theirs = {"field": "n", "change": "TRUNCATED", "reason": "SOURCE_FIELD_SIZE_LIMITATION"}
    lines = [
        record("a", {"n": "x", "text": "t"}, meta={"changes": [theirs]}),
        record("a", {"n": 2, "text": "t"}, meta={"changes": [theirs]}),
        record("a", {"n": 3, "text": "t"}),
        status("a"),
    ]
    source.plays(lines, streams=[stream("a", n="integer", text="string")])
    result = source.sync()
    ours = {
        "field": "n",
        "change": "NULLED",
        "reason": "DESTINATION_TYPECAST_ERROR",
        "original": "x",
    }
    stored = source.query("select n, _airbyte_meta from played.a order by n nulls first")
    assert [(n, meta and json.loads(meta)) for n, meta in stored] == [
        (None, {"changes": [theirs, ours]}),
        (2, {"changes": [theirs]}),
        (3, None),
    ]
    assert result.streams["a"].nulled_values == 1


def test_the_ledger_counts_what_was_committed(source: Source) -> None:
    lines = [record("a", {"n": i}) for i in range(10)]
    source.plays([*lines, state("a", {"at": 10}, 10), status("a"), status("b")], streams=AB)
    source.sync()
    rows = source.query(
        """select stream, status, records, state_before, state_after ->> '$.stream.stream_state.at',
            ended_at >= started_at from _tradehouse.syncs order by stream"""
    )
    assert rows == [
        ("a", "succeeded", 10, None, "10", True),
        ("b", "succeeded", 0, None, None, True),
    ]
    assert source.query("select count(*) from _tradehouse.segments") == [(0,)]


def gone(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.declared["streams"] = {"gone": {}}


def unreachable(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    (source.directory / "streams.json").unlink()


def unset(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.declared["config"] = {"password": "${OWN_PASSWORD}"}


def without_manifest(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.declared["connector"] = {"manifest": "nowhere.yaml"}


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (gone, "does not offer"),
        (unreachable, "discover"),
        (unset, "OWN_PASSWORD"),
        (without_manifest, "nowhere.yaml does not exist"),
    ],
)
def test_a_sync_that_fails_before_it_reads_is_in_the_ledger_until_one_succeeds(
    source: Source, monkeypatch: pytest.MonkeyPatch, breaks: Any, said: str
) -> None:
    source.plays([record("a", {"n": 1}), status("a"), status("b")], streams=AB)
    assert source.sync().status == "succeeded"
    declared = dict(source.declared)
    breaks(source, monkeypatch)
    with pytest.raises(IngestionError, match=said):
        source.sync()
    [last] = last_syncs(Home(source.home))
    assert (last["source"], last["status"], last["streams"]) == ("played", "failed", [])
    assert said in json.dumps(last["error"])
    assert describe(last).startswith("failed 20")
    problem = alerts._not_loaded("played", "us", freshness.read_syncs(Home(source.home))[0])
    assert problem is not None
    assert said in problem.what

    source.declared = declared
    source.plays([status("a"), status("b")], streams=AB)
    assert source.sync().status == "succeeded"
    [last] = last_syncs(Home(source.home))
    assert last["status"] == "succeeded"
    assert source.query("select count(*) from _tradehouse.syncs where stream is null") == [(1,)]


def test_estimates_are_told(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_steps, "PROGRESS_SECONDS", 0)
    estimate = {"name": "a", "type": "STREAM", "row_estimate": 40, "byte_estimate": 999}
    traces = [
        {"type": "ESTIMATE", "emitted_at": 1, "estimate": each}
        for each in (estimate, {"type": "SYNC", "row_estimate": 50})
    ]
    told_before = [json.dumps({"type": "TRACE", "trace": trace}) for trace in traces]
    lines = [*told_before, record("a", {"n": 1}), status("a")]
    source.plays([*lines, record("b", {"n": 1}), status("b")], streams=AB)
    told: list[Progress] = []
    assert source.sync(progress=told.append).status == "succeeded"
    reading = {(p.stream, p.records, p.expected_records) for p in told if p.phase == "reading"}
    assert reading == {("a", 1, 40), ("b", 1, None)}


def test_metadata_columns(source: Source) -> None:
    lines = [record("a", {"n": 1}, emitted_at=1_700_000_000_123), record("a", {"n": 2})]
    source.plays([*lines, status("a")], streams=AB[:1])
    source.sync()
    rows = source.query(
        "select epoch_ms(_airbyte_extracted_at), _airbyte_raw_id, _airbyte_generation_id"
        " from played.a order by n"
    )
    assert [row[0] for row in rows] == [1_700_000_000_123, 1]
    assert max(Counter(row[1] for row in rows).values()) == 1
    assert all(row[1] for row in rows)
