"""What the connector remembers: the same again is nothing, changed is refused or replaced."""

import os

import pytest

from tests.connectors.airbyte import FILES, configured, read
from tests.landing import small_files, write_landing


@pytest.fixture
def loaded(tmp_path, tiny_landing):
    """The state after everything was loaded."""
    return read(tmp_path, tiny_landing).state


def _touch(landing):
    for path in landing.rglob("*.*"):
        os.utime(path, ns=(1, 1))


def test_the_same_again_is_nothing_and_reads_no_file(tmp_path, tiny_landing, loaded, monkeypatch):
    def refuse(_file):
        pytest.fail("an unchanged file was read")

    monkeypatch.setattr("connectors.source_brokerage.acceptance.scan", refuse)
    again = read(tmp_path, tiny_landing, state=loaded)
    assert again.code == 0
    assert again.of("RECORD") == again.of("STATE") == []
    assert set(map(tuple, again.statuses.values())) == {("STARTED", "COMPLETE")}


def test_touched_files_are_read_once_more_and_not_again(
    tmp_path, tiny_landing, loaded, monkeypatch
):
    _touch(tiny_landing)
    touched = read(tmp_path, tiny_landing, state=loaded)
    assert touched.code == 0
    assert touched.of("RECORD") == []
    states = {s["stream"]["stream_descriptor"]["name"] for s in touched.of("STATE")}
    assert "trade" in states
    assert {s["sourceStats"]["recordCount"] for s in touched.of("STATE")} == {0.0}
    merged = {_name(s): s for s in loaded} | {_name(s): s for s in touched.state}
    monkeypatch.setattr("connectors.source_brokerage.acceptance.scan", None)
    again = read(tmp_path, tiny_landing, state=list(merged.values()))
    assert again.code == 0
    assert again.messages == [m for m in again.messages if m["type"] == "TRACE"]


def _name(state):
    return state["stream"]["stream_descriptor"]["name"]


def test_state_of_one_batch_is_the_start_of_the_next(tmp_path):
    landing = write_landing(tmp_path / "landing", small_files(days=0))
    state = {}
    for days, expected in ((0, [(1, 1)]), (1, [(2, 1)]), (2, [(3, 1)])):
        write_landing(landing, small_files(days=days))
        result = read(tmp_path, landing, state=list(state.values()))
        assert result.code == 0
        assert result.batches() == expected
        assert {row["_batch"] for row in result.records["trade"]} == {expected[0][0]}
        state |= {_name(s): s for s in result.state}


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("Batch2/Trade.txt", b"I|1\r\n", "Batch2/Trade.txt has other content than the loaded"),
        ("Batch2/Trade.txt", None, "Batch2/Trade.txt is gone"),
        ("Batch2/FINWIRE2019Q1", b"x\r\n", "Batch2/FINWIRE2019Q1 was not there before"),
        ("Batch2/HR.csv", b"x\r\n", "Batch2/HR.csv was not there before"),
        ("Batch2/BatchDate.txt", b"2019-06-28\r\n", "Batch2/BatchDate.txt has other content"),
        ("Batch2/Trade_audit.csv", b"x\r\n", "Batch2/Trade_audit.csv has other content"),
    ],
)
def test_changed_content_is_refused(tmp_path, tiny_landing, loaded, name, content, text):
    if content is None:
        (tiny_landing / name).unlink()
    else:
        write_landing(tiny_landing, {name: content})
    result = read(tmp_path, tiny_landing, state=loaded)
    assert result.code == 1
    assert [(e["code"], e["batch"], e["file"]) for e in result.errors] == [
        ("delivery_changed", 2, name)
    ]
    assert text in result.error_texts[0]
    assert "--replace-batch 2" in result.error_texts[0]
    assert result.of("RECORD") == []


def test_a_replaced_batch_is_emitted_whole_under_the_next_delivery(tmp_path, tiny_landing, loaded):
    trades = small_files()["Batch2/Trade.txt"].replace(b"TMB", b"TLB")
    write_landing(tiny_landing, {"Batch2/Trade.txt": trades})
    replaced = read(tmp_path, tiny_landing, state=loaded, replace_batches=[2])
    assert replaced.code == 0
    emitted = {(r["_batch"], r["_delivery"]) for rows in replaced.records.values() for r in rows}
    assert emitted == {(2, 2)}
    assert set(replaced.records) == {
        "account", "audit", "batch_date", "cash_transaction", "customer", "daily_market",
        "finwire", "holding_history", "prospect", "trade", "watch_history",
    }  # fmt: skip
    state = {_name(s): s for s in loaded} | {_name(s): s for s in replaced.state}
    for replace_batches in ([], [2]):
        again = read(
            tmp_path, tiny_landing, state=list(state.values()), replace_batches=replace_batches
        )
        assert (again.code, again.of("RECORD")) == (0, [])
    write_landing(tiny_landing, small_files())
    third = read(tmp_path, tiny_landing, state=list(state.values()), replace_batches=[2])
    assert third.batches() == [(2, 3)]


def test_replacing_what_did_not_change_is_nothing(tmp_path, tiny_landing, loaded):
    _touch(tiny_landing)
    result = read(tmp_path, tiny_landing, state=loaded, replace_batches=[1, 2, 3])
    assert (result.code, result.of("RECORD")) == (0, [])


def test_a_refused_batch_holds_the_later_ones(tmp_path):
    landing = write_landing(tmp_path / "landing", small_files(days=1))
    state = read(tmp_path, landing).state
    write_landing(landing, small_files() | {"Batch2/Trade.txt": b"I|1\r\n"})
    result = read(tmp_path, landing, state=state)
    assert (result.code, result.batches()) == (1, [])


@pytest.mark.parametrize("method", [FILES, None])
def test_a_read_that_was_killed_goes_on_where_it_stopped(tmp_path, tiny_landing, method):
    """Whatever prefix of the messages was committed: each batch, stream and file comes once."""
    options = {"method": method} if method else {}
    whole = read(tmp_path, tiny_landing, **options)
    places = [n for n, m in enumerate(whole.messages) if m["type"] == "STATE"]
    for place in places[::5]:
        committed = whole.messages[: place + 1]
        done = type(whole)(0, committed)
        states = {_name(s): s for s in done.of("STATE")}
        rest = read(tmp_path, tiny_landing, state=list(states.values()), **options)
        assert rest.code == 0
        first = _committed_keys(committed)
        assert sorted(first + _keys(rest)) == sorted(_keys(whole))


def _keys(result):
    return [_key(record) for record in result.of("RECORD")]


def _key(record):
    data = record["data"]
    numbers = (data.get("action_number") or 0, data.get("account_number") or 0)
    return record["stream"], data["_delivery"], data["_file"], data.get("_line", 0), numbers


def _committed_keys(messages):
    """Records whose stream's state came after them; the others were lost."""
    waiting, committed = {}, []
    for message in messages:
        if message["type"] == "RECORD":
            waiting.setdefault(message["record"]["stream"], []).append(_key(message["record"]))
        elif message["type"] == "STATE":
            committed += waiting.pop(_name(message["state"]), [])
    return committed


def _first_states(result, *names):
    """States as if the read had been killed after these streams of its first batch."""
    states = {}
    for state in result.of("STATE"):
        if _name(state) in names:
            states.setdefault(_name(state), state)
    return list(states.values())


def test_a_half_loaded_batch_that_changed_is_superseded(tmp_path):
    landing = write_landing(tmp_path / "landing", small_files(days=0))
    states = _first_states(read(tmp_path, landing), "daily_market", "trade")
    write_landing(landing, {"Batch1/Trade.txt": b"1" + b"|" * 13 + b"\r\n"})
    result = read(tmp_path, landing, state=states)
    assert result.code == 0
    assert result.batches() == result.batches("daily_market") == result.batches("trade") == [(1, 2)]
    assert "Batch1: delivery 2 takes the place of 1." in result.logs


def test_a_half_loaded_replacement_is_finished_without_asking_again(tmp_path, tiny_landing, loaded):
    write_landing(tiny_landing, {"Batch2/Trade.txt": b"I|1\r\n"})
    replaced = read(tmp_path, tiny_landing, state=loaded, replace_batches=[2])
    first = _first_states(replaced, "daily_market", "trade")
    states = {_name(s): s for s in loaded} | {_name(s): s for s in first}
    rest = read(tmp_path, tiny_landing, state=list(states.values()))
    assert rest.code == 0
    assert rest.batches() == rest.batches("account") == [(2, 2)]
    assert "trade" not in rest.records


def test_a_stream_selected_later_gets_the_delivery_in_force(tmp_path, tiny_landing):
    some = configured("trade", "batch_date")
    loaded = read(tmp_path, tiny_landing, catalog=some)
    write_landing(tiny_landing, {"Batch2/Trade.txt": b"I|1\r\n"})
    replaced = read(tmp_path, tiny_landing, catalog=some, state=loaded.state, replace_batches=[2])
    result = read(tmp_path, tiny_landing, state=replaced.state)
    assert result.code == 0
    assert result.batches() == []
    assert result.batches("prospect") == [(1, 1), (2, 2), (3, 1)]


def test_full_refresh_reads_everything_again(tmp_path, tiny_landing, loaded):
    catalog = configured("trade", mode="full_refresh")
    result = read(tmp_path, tiny_landing, state=loaded, catalog=catalog)
    assert result.batches("trade") == [(1, 1), (2, 1), (3, 1)]


def test_archived_batches_are_not_missed(tmp_path, tiny_landing, loaded):
    for path in (tiny_landing / "Batch1").iterdir():
        path.unlink()
    (tiny_landing / "Batch2").rename(tmp_path / "archive")
    write_landing(tiny_landing, {})
    result = read(tmp_path, tiny_landing, state=loaded)
    assert (result.code, result.of("RECORD")) == (0, [])


def test_the_next_day_finds_its_predecessor_in_the_state(tmp_path):
    landing = write_landing(tmp_path / "landing", small_files(days=1))
    state = read(tmp_path, landing).state
    day = {n: c for n, c in small_files().items() if n.startswith("Batch3/")}
    result = read(tmp_path, write_landing(tmp_path / "day", day), state=state)
    assert (result.code, result.batches()) == (0, [(3, 1)])


def test_audits_beside_the_batches_come_again_when_they_change(tmp_path):
    landing = write_landing(tmp_path / "landing", small_files(days=1))
    first = read(tmp_path, landing)
    write_landing(landing, small_files())
    second = read(tmp_path, landing, state=first.state)
    beside = [row for row in second.records["audit"] if row["_batch"] == 0]
    assert {row["_delivery"] for row in beside} == {2}
    assert {row["_file"] for row in beside} == {
        "Batch1_audit.csv",
        "Batch2_audit.csv",
        "Batch3_audit.csv",
        "Generator_audit.csv",
    }
    assert second.batches() == [(3, 1)]


def test_a_newer_state_is_refused(tmp_path, tiny_landing, loaded):
    for state in loaded:
        state["stream"]["stream_state"]["version"] = 2
    result = read(tmp_path, tiny_landing, state=loaded)
    assert [e["code"] for e in result.errors] == ["state_invalid"]
    assert "has version 2; this connector knows version 1" in result.error_texts[0]


def test_states_in_other_wrappings(tmp_path, tiny_landing, loaded):
    streams = [state["stream"] for state in loaded]
    wrappings = (
        [{"type": "STATE", "state": state} for state in loaded],
        {"type": "GLOBAL", "global": {"stream_states": streams}},
    )
    for wrapping in wrappings:
        assert read(tmp_path, tiny_landing, state=wrapping).of("RECORD") == []
    null = [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": "trade"}, "stream_state": None}}
    ]
    assert read(tmp_path, tiny_landing, state=null).batches() == [(1, 1), (2, 1), (3, 1)]
