"""What a read of the small brokerage gives, by value."""

import json
import sys
from pathlib import Path

import pytest

from connectors.source_brokerage import render
from connectors.source_brokerage.streams import BY_NAME, STREAMS
from tests.connectors.airbyte import FILES, RECORDS, configured, read, run
from tests.landing import small_files, write_landing

ROWS = {
    "batch_date": 3,
    "date": 30,
    "time": 24,
    "industry": 4,
    "status_type": 6,
    "tax_rate": 6,
    "trade_type": 5,
    "hr": 8 + 8,
    "finwire": 8 + 3 + 5 + 4 + 3 + 1 + 3,
    "customer_mgmt_action": 14,
    "customer_mgmt_account": 5 + 3 + 2 + 1,
    "customer": 2 + 2,
    "account": 2 + 2,
    "prospect": 6 + 6 + 5,
    "daily_market": 14 + 3 + 3,
    "trade": 7 + 6 + 3,
    "trade_history": 14,
    "cash_transaction": 4 + 2 + 2,
    "holding_history": 4 + 3 + 1,
    "watch_history": 7 + 2 + 1,
}


def test_every_row_arrives_once(tmp_path, tiny_landing):
    result = read(tmp_path, tiny_landing)
    assert result.code == 0
    counts = {name: len(records) for name, records in result.records.items()}
    audit_rows = counts.pop("audit")
    assert counts == ROWS
    files = {name: text for name, text in small_files().items() if name.endswith("_audit.csv")}
    assert audit_rows == sum(text.count(b"\r\n") - 1 for text in files.values())


def test_text_rows_are_as_delivered(tmp_path, tiny_landing):
    records = read(tmp_path, tiny_landing).records
    assert records["trade"][2] == {
        "cdc_flag": None,
        "cdc_dsn": None,
        "t_id": "2",
        "t_dts": "2019-04-01 15:30:00",
        "t_st_id": "CNCL",
        "t_tt_id": "TLB",
        "t_is_cash": "0",
        "t_s_symb": "CEDR",
        "t_qty": "20",
        "t_bid_price": "95.00",
        "t_ca_id": "3",
        "t_exec_name": "4",
        "t_trade_price": None,
        "t_chrg": None,
        "t_comm": None,
        "t_tax": None,
        "_batch": 1,
        "_delivery": 1,
        "_file": "Batch1/Trade.txt",
        "_line": 3,
        "_raw_text": None,
    }
    first_cash_of_day = records["cash_transaction"][4]
    assert (first_cash_of_day["cdc_flag"], first_cash_of_day["cdc_dsn"]) == ("I", "19")
    assert (first_cash_of_day["_file"], first_cash_of_day["_line"]) == (
        "Batch2/CashTransaction.txt",
        1,
    )
    assert records["cash_transaction"][1]["ct_name"] == " Oats, not biscuits"
    assert [row["employeelastname"] for row in records["hr"][1:3]] == ["Nan", "Gale "]
    assert records["prospect"][0]["employer"] == 'The "Best" Bakery'
    assert records["prospect"][2]["lastname"] == "Núñez"
    assert records["prospect"][5]["gender"] == " "
    assert records["batch_date"][2]["batch_date"] == "2019-07-01"
    assert {len(row["line"]) for row in records["finwire"]} == {543, 170, 220, 196, 246}
    later = [row for row in records["finwire"] if row["_batch"] == 2]
    assert [(row["_file"], row["_line"]) for row in later] == [("Batch2/FINWIRE2019Q2", 1)]


def test_audit_rows_skip_the_header_and_name_their_batch(tmp_path, tiny_landing):
    rows = read(tmp_path, tiny_landing).records["audit"]
    assert {row["_batch"] for row in rows} == {0, 1, 2, 3}
    first = next(row for row in rows if row["_file"] == "Batch1/HR_audit.csv")
    assert first == {
        "dataset": "DimBroker",
        "batchid": "1",
        "date": None,
        "attribute": "HR_BROKERS",
        "value": "5",
        "dvalue": None,
        "_batch": 1,
        "_delivery": 1,
        "_file": "Batch1/HR_audit.csv",
        "_line": 2,
        "_raw_text": None,
    }


def test_file_mode_hands_over_the_same_files(tmp_path, tiny_landing, monkeypatch):
    staging = tmp_path / "staging"
    staging.mkdir()
    monkeypatch.setenv("AIRBYTE_STAGING_DIRECTORY", str(staging))
    by_record = read(tmp_path, tiny_landing, method=RECORDS).records
    by_file = read(tmp_path, tiny_landing, method=FILES)
    assert by_file.code == 0
    for record in by_file.of("RECORD"):
        stream = BY_NAME[record["stream"]]
        if not stream.is_file_based:
            continue
        reference, data = record["file_reference"], record["data"]
        staged, original = (
            Path(reference["staging_file_url"]),
            tiny_landing / reference["source_file_relative_path"],
        )
        assert staged.is_relative_to(staging)
        assert staged.read_bytes() == original.read_bytes()
        assert reference["file_size_bytes"] == data["_bytes"] == original.stat().st_size
        assert data["_file"] == reference["source_file_relative_path"]
        of_file = [row for row in by_record[stream.name] if row["_file"] == data["_file"]]
        assert len(of_file) == data["_lines"]
        first_line = original.read_bytes().split(b"\r\n")[0].decode()
        delivered = stream.file_columns(data["_batch"])
        if stream.format == "pipe":
            assert "|".join(of_file[0][column] or "" for column in delivered) == first_line
        staged.unlink()
        assert original.exists()
    for stream in STREAMS:
        if not stream.is_file_based:
            assert by_file.records[stream.name] == by_record[stream.name]


def test_file_mode_tells_layouts_apart(tmp_path, tiny_landing):
    records = read(tmp_path, tiny_landing, method=FILES).records
    assert [row["_layout"] for row in records["trade"]] == ["historical"] + ["incremental"] * 2
    assert [row["_layout"] for row in records["customer"]] == [None, None]
    assert [row["_layout"] for row in records["prospect"]] == [None] * 3


def test_a_leftover_of_a_killed_run_is_staged_anew(tmp_path, tiny_landing, monkeypatch):
    leftover = tmp_path / "staging" / "Batch1" / "Trade.txt"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("half a f")
    monkeypatch.setenv("AIRBYTE_STAGING_DIRECTORY", str(tmp_path / "staging"))
    assert read(tmp_path, tiny_landing, method=FILES).code == 0
    assert leftover.read_bytes() == (tiny_landing / "Batch1" / "Trade.txt").read_bytes()


def test_files_are_copied_where_links_are_impossible(tmp_path, tiny_landing, monkeypatch):
    def refuse(*_arguments, **_options):
        raise OSError

    for name in ("link", "symlink"):
        monkeypatch.setattr(f"connectors.source_brokerage.transfer.os.{name}", refuse)
    monkeypatch.setenv("AIRBYTE_STAGING_DIRECTORY", str(tmp_path))
    assert read(tmp_path, tiny_landing, method=FILES).code == 0
    copy = tmp_path / "Batch1" / "Trade.txt"
    original = tiny_landing / "Batch1" / "Trade.txt"
    assert copy.read_bytes() == original.read_bytes()
    assert copy.stat().st_ino != original.stat().st_ino


def test_bulk_rendering_equals_row_by_row(tmp_path, tiny_landing, monkeypatch):
    slow = read(tmp_path, tiny_landing)
    monkeypatch.setattr(render, "SMALL_LINES", 0)
    fast = read(tmp_path, tiny_landing)
    assert fast.records == slow.records
    assert _record_counts(fast) == _record_counts(slow)


def test_well_formed_files_are_rendered_in_bulk(tmp_path, tiny_landing, monkeypatch):
    monkeypatch.setattr(render, "SMALL_LINES", 0)
    monkeypatch.setattr(render, "emit_rows", lambda *_: pytest.fail("a good file went row by row"))
    assert read(tmp_path, tiny_landing, catalog=configured("trade", "hr")).code == 0


def _record_counts(result):
    return [
        (state["stream"]["stream_descriptor"]["name"], state["sourceStats"]["recordCount"])
        for state in result.of("STATE")
    ]


def test_each_state_counts_the_records_before_it(tmp_path, tiny_landing):
    messages = read(tmp_path, tiny_landing).messages
    counts = {}
    for message in messages:
        if message["type"] == "RECORD":
            name = message["record"]["stream"]
            counts[name] = counts.get(name, 0) + 1
        elif message["type"] == "STATE":
            name = message["state"]["stream"]["stream_descriptor"]["name"]
            assert message["state"]["sourceStats"]["recordCount"] == counts.pop(name, 0)
    assert counts == {}


def test_the_commit_marker_is_the_last_of_its_batch(tmp_path, tiny_landing):
    records = read(tmp_path, tiny_landing).of("RECORD")
    batches = [record["data"]["_batch"] for record in records]
    assert batches == sorted(batches)
    for batch in (1, 2, 3):
        streams = [r["stream"] for r in records if r["data"]["_batch"] == batch]
        assert streams[-1] == "batch_date"
        assert streams.count("batch_date") == 1


def test_statuses_run_from_started_to_complete(tmp_path, tiny_landing):
    statuses = read(tmp_path, tiny_landing).statuses
    assert set(statuses) == {stream.name for stream in STREAMS}
    assert set(map(tuple, statuses.values())) == {("STARTED", "RUNNING", "COMPLETE")}


def test_only_selected_streams_are_read(tmp_path, tiny_landing):
    (tiny_landing / "Batch2" / "Trade.txt").unlink()
    result = read(tmp_path, tiny_landing, catalog=configured("customer", "batch_date"))
    assert result.code == 0
    assert set(result.records) == {"customer", "batch_date"}
    assert set(result.statuses) == {"customer", "batch_date"}


def test_estimates_are_the_waiting_bytes(tmp_path, tiny_landing):
    result = read(tmp_path, tiny_landing, catalog=configured("trade", "batch_date"))
    estimates = {
        trace["estimate"]["name"]: trace["estimate"]["byte_estimate"]
        for trace in result.of("TRACE")
        if trace["type"] == "ESTIMATE"
    }
    size = sum(path.stat().st_size for path in tiny_landing.glob("Batch*/Trade.txt"))
    assert estimates == {"trade": size, "batch_date": 36}


def test_unknown_files_are_mentioned_and_ignored(tmp_path):
    files = small_files(days=1) | {"Batch2/Notes.md": b"hello", "Batch2/Date.txt": b"x"}
    result = read(tmp_path, write_landing(tmp_path / "landing", files))
    assert result.code == 0
    assert [log for log in result.logs if "belongs to no stream" in log] == [
        "Batch2/Date.txt belongs to no stream and is ignored.",
        "Batch2/Notes.md belongs to no stream and is ignored.",
    ]


def test_line_feeds_alone_are_line_ends_too(tmp_path):
    files = {name: text.replace(b"\r\n", b"\n") for name, text in small_files().items()}
    crlf = read(tmp_path, write_landing(tmp_path / "crlf", small_files()))
    lf = read(tmp_path, write_landing(tmp_path / "lf", files))
    assert lf.records == crlf.records


def test_malformed_rows_arrive_with_their_text(tmp_path, monkeypatch):
    files = small_files(days=1)
    files["Batch2/Trade.txt"] = b"\r\n".join(
        [b"I|1|too|few", b"U|21|" + b"|" * 13, b"", b"I\xff|2", b"I|29" + b"|x" * 14, b""]
    )
    files["Batch2/Prospect.csv"] = (
        b'A,"open\r\n"B"x' + b"," * 21 + b'\r\n"C ""c"""' + b"," * 21 + b"\r\n"
    )
    landing = write_landing(tmp_path / "landing", files)
    for small_lines in (render.SMALL_LINES, 0):
        monkeypatch.setattr(render, "SMALL_LINES", small_lines)
        result = read(tmp_path, landing)
        assert result.code == 0
        trades = [row for row in result.records["trade"] if row["_batch"] == 2]
        texts = ["I|1|too|few", None, "", "I\\xff|2", None]
        assert [row["_raw_text"] for row in trades] == texts
        assert [row["_line"] for row in trades] == [1, 2, 3, 4, 5]
        assert [row["cdc_dsn"] for row in trades] == [None, "21", None, None, "29"]
        prospects = [row for row in result.records["prospect"] if row["_batch"] == 2]
        assert [row["_raw_text"] for row in prospects] == ['A,"open', '"B"x' + "," * 21, None]
        assert [row["agencyid"] for row in prospects] == [None, None, 'C "c"']


def test_spec_check_and_discover(tmp_path, tiny_landing):
    specification = run("spec").of("SPEC")[0]["connectionSpecification"]
    assert specification["required"] == ["landing"]
    for text in specification["properties"].values():
        assert text["title"]
        assert text["description"]
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"landing": str(tiny_landing), "delivery_method": FILES}))
    assert run("check", "--config", str(config)).of("CONNECTION_STATUS") == [
        {"status": "SUCCEEDED"}
    ]
    streams = run("discover", "--config", str(config)).of("CATALOG")[0]["streams"]
    assert len(streams) == 21
    by_name = {stream["name"]: stream for stream in streams}
    assert by_name["trade"]["is_file_based"]
    assert not by_name["customer_mgmt_action"]["is_file_based"]
    assert not by_name["batch_date"]["is_file_based"]
    assert by_name["trade"]["supported_sync_modes"] == ["full_refresh", "incremental"]
    assert by_name["trade"]["source_defined_cursor"]
    properties = by_name["trade"]["json_schema"]["properties"]
    assert list(properties)[:3] == ["cdc_flag", "cdc_dsn", "t_id"]
    assert list(properties)[-5:] == ["_batch", "_delivery", "_file", "_line", "_raw_text"]
    assert properties["_line"]["type"] == ["null", "integer"]


def test_records_have_exactly_the_columns_of_their_schema(tmp_path, tiny_landing):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"landing": str(tiny_landing)}))
    catalog = run("discover", "--config", str(config)).of("CATALOG")[0]["streams"]
    records = read(tmp_path, tiny_landing).records
    for stream in catalog:
        columns = list(stream["json_schema"]["properties"])
        assert all(list(row) == columns for row in records[stream["name"]]), stream["name"]
        assert not stream["is_file_based"]


def test_file_mode_starts_without_duckdb(tmp_path, tiny_landing, monkeypatch):
    """Its import costs more than the whole read."""
    monkeypatch.setitem(sys.modules, "connectors.source_brokerage.render", None)
    assert read(tmp_path, tiny_landing, method=FILES).code == 0
