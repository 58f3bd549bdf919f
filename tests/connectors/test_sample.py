"""The real sample, where it is there: every stream's records by batch."""

import json
import subprocess
from collections import Counter

import pytest

from tests.connectors.airbyte import FILES, read
from tests.connectors.test_process import PROJECT, _arguments

# Lines of the files as delivered; the CRM in actions and accounts; audits with a header each.
LINES = {
    "trade": [390_978, 570, 546],
    "trade_history": [982_180],
    "cash_transaction": [361_856, 199, 188],
    "holding_history": [362_342, 218, 208],
    "daily_market": [1_282_768, 1_788, 1_788],
    "watch_history": [900_042, 2_098, 2_098],
    "customer": [15, 15],
    "account": [30, 30],
    "prospect": [14_982, 14_982, 14_982],
    "hr": [15_000],
    "finwire": [102_476],
    "date": [25_933],
    "time": [86_400],
    "industry": [102],
    "tax_rate": [320],
    "status_type": [6],
    "trade_type": [5],
}
ROWS = {
    "customer_mgmt_action": [14_572],
    "customer_mgmt_account": [12_860],
    "batch_date": [1, 1, 1],
}
pytestmark = [pytest.mark.sample, pytest.mark.slow]


def test_whole_files(tmp_path, sample_landing, monkeypatch):
    monkeypatch.setenv("AIRBYTE_STAGING_DIRECTORY", str(tmp_path))
    result = read(tmp_path, sample_landing, method=FILES)
    assert result.code == 0
    found = {}
    for stream in LINES:
        counts = Counter()
        for row in result.records[stream]:
            counts[row["_batch"]] += row["_lines"]
        found[stream] = list(counts.values())
    assert found == LINES
    rows = {
        stream: list(Counter(row["_batch"] for row in result.records[stream]).values())
        for stream in ROWS
    }
    assert rows == ROWS
    assert len(result.records["audit"]) == 1_402
    assert len(result.records["finwire"]) == 203
    raw = [row["_raw_text"] for stream in ROWS for row in result.records[stream]]
    assert set(raw) == {None}
    again = read(tmp_path, sample_landing, method=FILES, state=result.state)
    assert (again.code, again.of("RECORD")) == (0, [])


def test_records(tmp_path, sample_landing):
    """Counted by the lines' beginnings: 4.6 million records are too many to keep."""
    found = Counter()
    recorded = Counter()
    with subprocess.Popen(
        _arguments(tmp_path, sample_landing), cwd=PROJECT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b'{"type":"RECORD","record":{"stream":"'):
                found[line[37 : line.index(b'"', 37)].decode()] += 1
                assert line.endswith(b'"_raw_text":null},"emitted_at":' + line[-16:]), line
            elif line.startswith(b'{"type":"STATE"'):
                state = json.loads(line)["state"]
                name = state["stream"]["stream_descriptor"]["name"]
                recorded[name] += state["sourceStats"]["recordCount"]
    assert process.returncode == 0
    expected = {stream: sum(counts) for stream, counts in (LINES | ROWS).items()}
    assert found == recorded == expected | {"audit": 1_402}
