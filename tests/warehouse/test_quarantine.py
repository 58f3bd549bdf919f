"""One bad row in every file: each is found again with its file, line, reason and text."""

import json

import pytest

from tests.landing import brokerage_files, write_landing
from tests.warehouse.platform_run import tradehouse

PIPE_ROW, COMMA_ROW = b"x|y|z|1|2|3|4|5|6|7|8\r\n", b"x,y\r\n"
HISTORY = (
    "Date", "Time", "Industry", "StatusType", "TaxRate", "TradeType", "DailyMarket", "Trade",
    "TradeHistory", "CashTransaction", "HoldingHistory", "WatchHistory",
)  # fmt: skip
UNKNOWN_ACTION = (
    b'\t<TPCDI:Action ActionType="MERGE" ActionTS="2017-06-30T10:00:00">\r\n'
    b'\t\t<Customer C_ID="1"></Customer>\r\n\t</TPCDI:Action>\r\n</TPCDI:Actions>'
)


@pytest.fixture
def damaged():
    """{file: the line that was added to it}, and the files with those lines."""
    files = brokerage_files()
    rows = {f"Batch1/{name}.txt": PIPE_ROW for name in HISTORY}
    rows |= {"Batch1/HR.csv": COMMA_ROW, "Batch1/Prospect.csv": COMMA_ROW}
    rows |= {"Batch2/Customer.txt": b"I|1\r\n", "Batch2/Account.txt": b"I|1\r\n"}
    newswire = sorted(name for name in files if "FINWIRE" in name and "audit" not in name)
    rows[newswire[0]] = b"19670101-000000CMPtoo short\r\n"
    rows[newswire[1]] = b"19670401-000000XYZ an unknown kind of record\r\n"
    lines = {}
    for name, row in rows.items():
        files[name] += row
        lines[name] = files[name].count(b"\n")
    document = files["Batch1/CustomerMgmt.xml"].rstrip()
    at = document.rindex(b"</TPCDI:Actions>")
    files["Batch1/CustomerMgmt.xml"] = document[:at] + UNKNOWN_ACTION
    lines["Batch1/CustomerMgmt.xml"] = document[:at].count(b"\n") + 1
    return files, rows, lines


def test_a_bad_row_of_every_file_is_found_again(tmp_path, damaged):
    files, rows, lines = damaged
    landing = write_landing(tmp_path / "landing", files)
    # Files as small as these pass the share above which a batch is held, so nothing is published.
    held = tradehouse(tmp_path / "home", "run", "--landing", landing, exit_code=3)
    assert "bound for quarantine" in held.stdout + held.stderr

    listed = json.loads(tradehouse(tmp_path / "home", "quarantine", "--json").stdout)
    found = {(row["source_file"], row["source_line"]): row for row in listed}
    assert set(found) == set(lines.items())
    assert {row["reason"] for row in listed} == {"malformed_row", "unknown_record_type"}
    for name, row in rows.items():
        assert found[(name, lines[name])]["raw_text"] == row.decode().rstrip()
    assert not (tmp_path / "home" / "releases" / "current").exists()
