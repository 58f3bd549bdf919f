"""Faults at the door: each holds its batch and the later ones, and says so by code and text."""

import os
from pathlib import Path

import pytest

from connectors.source_brokerage import acceptance
from connectors.source_brokerage.faults import CODES
from tests.connectors.airbyte import FILES, RECORDS, read, run
from tests.landing import small_files, write_landing

XML = "Batch1/CustomerMgmt.xml"


def _broken(files, name, content):
    if content is None:
        del files[name]
    else:
        files[name] = content
    return files


CASES = {
    "missing": (
        "Batch2/Account.txt",
        None,
        "file_missing",
        2,
        None,
        "Batch2/Account.txt is missing",
    ),
    "missing in history": ("Batch1/TradeHistory.txt", None, "file_missing", 1, None, "is missing"),
    "no date": ("Batch2/BatchDate.txt", None, "file_missing", 2, None, "Batch2/BatchDate.txt"),
    "cut off": (
        "Batch2/Trade.txt",
        b"I|1|2\r\nI|2|3",
        "file_unterminated",
        2,
        2,
        "Batch2/Trade.txt, line 2: the last line has no line end",
    ),
    "cut off after CR": ("Batch2/Account.txt", b"I|1\r", "file_unterminated", 2, 1, "line 1"),
    "cut off audit": ("Batch2/Trade_audit.csv", b"a\r\nb", "file_unterminated", 2, 2, "line 2"),
    "cut off date": ("Batch2/BatchDate.txt", b"2019-06-30", "file_unterminated", 2, 1, "line 1"),
    "no date in it": (
        "Batch3/BatchDate.txt",
        b"2019-13-01\r\n",
        "batch_date_invalid",
        3,
        1,
        "Batch3/BatchDate.txt, line 1: found '2019-13-01'",
    ),
    "two dates": (
        "Batch3/BatchDate.txt",
        b"2019-07-01\r\n2019-07-02\r\n",
        "batch_date_invalid",
        3,
        1,
        "expected one line with a date",
    ),
    "short date": ("Batch3/BatchDate.txt", b"20190701\r\n", "batch_date_invalid", 3, 1, "20190701"),
    "empty date": ("Batch3/BatchDate.txt", b"\r\n", "batch_date_invalid", 3, 1, "found ''"),
    "same date": (
        "Batch3/BatchDate.txt",
        b"2019-06-30\r\n",
        "batch_date_invalid",
        3,
        1,
        "2019-06-30 is not later than Batch2's date 2019-06-30",
    ),
    "not XML": (
        XML,
        b"<TPCDI:Actions xmlns:TPCDI='http://www.tpc.org/tpc-di'>\r\n <a>\r\n </b>",
        "xml_malformed",
        1,
        3,
        "CustomerMgmt.xml, line 3, column 4: mismatched tag",
    ),
    "cut off XML": (XML, b"<a>\n<b>", "xml_malformed", 1, 2, "line 2, column 4"),
    "empty XML": (XML, b"", "xml_malformed", 1, 1, "no element found"),
    "other XML": (XML, b"\n<a/>", "xml_malformed", 1, 2, "the root element is a, not"),
}


@pytest.mark.parametrize("method", [RECORDS, FILES], ids=["records", "files"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_faulty_file_holds_its_batch_and_the_later_ones(tmp_path, case, method, monkeypatch):
    name, content, code, batch, line, text = case
    monkeypatch.setenv("AIRBYTE_STAGING_DIRECTORY", str(tmp_path))
    landing = write_landing(tmp_path / "landing", _broken(small_files(), name, content))
    result = read(tmp_path, landing, method=method)
    assert result.code == 1
    [error] = result.errors
    assert (error["code"], error["batch"], error["file"], error["line"]) == (
        code,
        batch,
        name,
        line,
    )
    assert text in result.error_texts[0]
    emitted = {row["_batch"] for rows in result.records.values() for row in rows}
    assert emitted == set(range(batch))
    assert result.batches() == [(number, 1) for number in range(1, batch)]
    assert {statuses[-1] for statuses in result.statuses.values()} == {"INCOMPLETE"}


def test_the_rest_follows_when_the_file_is_mended(tmp_path):
    files = small_files()
    landing = write_landing(tmp_path / "landing", files | {"Batch2/Trade.txt": b"I|1"})
    held = read(tmp_path, landing)
    assert held.batches() == [(1, 1)]
    write_landing(landing, {"Batch2/Trade.txt": files["Batch2/Trade.txt"]})
    mended = read(tmp_path, landing, state=held.state)
    assert mended.code == 0
    assert mended.batches() == [(2, 1), (3, 1)]
    assert {row["_batch"] for rows in mended.records.values() for row in rows} == {2, 3}


def test_a_faulty_audit_beside_the_batches_holds_none_of_them(tmp_path):
    files = small_files() | {"Batch2_audit.csv": b"cut off"}
    result = read(tmp_path, write_landing(tmp_path / "landing", files))
    assert result.code == 1
    assert [(e["code"], e["batch"], e["file"]) for e in result.errors] == [
        ("file_unterminated", 0, "Batch2_audit.csv")
    ]
    assert result.batches() == [(1, 1), (2, 1), (3, 1)]


def test_a_file_that_cannot_be_read(tmp_path, tiny_landing):
    path = tiny_landing / "Batch3" / "Trade.txt"
    path.unlink()
    path.mkdir()
    result = read(tmp_path, tiny_landing)
    assert result.code == 1
    assert [(e["code"], e["batch"], e["file"]) for e in result.errors] == [
        ("file_unreadable", 3, "Batch3/Trade.txt")
    ]
    assert "Batch3/Trade.txt cannot be read" in result.error_texts[0]
    assert result.batches() == [(1, 1), (2, 1)]


def test_a_link_to_nowhere(tmp_path, tiny_landing):
    path = tiny_landing / "Batch3" / "Trade.txt"
    path.unlink()
    path.symlink_to("nowhere")
    result = read(tmp_path, tiny_landing)
    [error] = result.errors
    assert (error["code"], error["batch"]) == ("file_unreadable", 3)
    assert result.batches() == [(1, 1), (2, 1)]


def test_a_batch_directory_that_cannot_be_listed(tmp_path, tiny_landing, monkeypatch):
    listing = os.scandir

    def refuse(path):
        if Path(path).name == "Batch2":
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr("connectors.source_brokerage.batches.os.scandir", refuse)
    result = read(tmp_path, tiny_landing)
    assert [(e["code"], e["file"]) for e in result.errors] == [("file_unreadable", "Batch2")]
    assert "Batch2 cannot be opened (Permission denied)" in result.error_texts[0]
    assert result.batches() == [(1, 1)]


@pytest.mark.parametrize("optional", ["FINWIRE2019Q2", "HR.csv"])
def test_newswire_and_hr_are_needed_in_the_history_only(tmp_path, optional):
    files = {
        name: content
        for name, content in small_files().items()
        if not (name.startswith(("Batch2/", "Batch3/")) and name.rpartition("/")[2] == optional)
    }
    assert read(tmp_path, write_landing(tmp_path / "later", files)).code == 0
    history = {
        n: c for n, c in small_files().items() if "FINWIRE" not in n and n != "Batch1/HR.csv"
    }
    result = read(tmp_path, write_landing(tmp_path / "history", history))
    assert [e["code"] for e in result.errors] == ["file_missing"]
    assert result.errors[0]["file"] in ("Batch1/FINWIRE????Q?", "Batch1/HR.csv")
    assert result.batches() == []


def test_audit_files_are_optional(tmp_path):
    files = {n: c for n, c in small_files().items() if not n.endswith("_audit.csv")}
    result = read(tmp_path, write_landing(tmp_path / "landing", files))
    assert result.code == 0
    assert "audit" not in result.records


def test_a_newswire_audit_is_no_newswire(tmp_path, tiny_landing):
    rows = read(tmp_path, tiny_landing).records["finwire"]
    assert not [row["_file"] for row in rows if "audit" in row["_file"]]


def test_an_empty_file_is_a_delivery_without_rows(tmp_path):
    files = small_files(days=1) | {"Batch2/Account.txt": b""}
    result = read(tmp_path, write_landing(tmp_path / "landing", files))
    assert result.code == 0
    assert "account" not in result.records


def test_a_batch_waits_for_its_predecessor(tmp_path):
    files = {n: c for n, c in small_files().items() if not n.startswith("Batch2/")}
    landing = write_landing(tmp_path / "landing", files)
    waiting = read(tmp_path, landing)
    assert waiting.code == 1
    assert [(e["code"], e["batch"]) for e in waiting.errors] == [("batch_waits", 3)]
    assert "Batch3 waits: Batch2 is neither in" in waiting.error_texts[0]
    assert waiting.batches() == [(1, 1)]
    write_landing(landing, small_files())
    assert read(tmp_path, landing, state=waiting.state).batches() == [(2, 1), (3, 1)]


def test_a_gap_can_be_allowed_and_the_late_batch_is_taken_when_it_comes(tmp_path):
    files = {n: c for n, c in small_files().items() if not n.startswith("Batch2/")}
    landing = write_landing(tmp_path / "landing", files)
    early = read(tmp_path, landing, allow_gap=True)
    assert early.code == 0
    assert early.batches() == [(1, 1), (3, 1)]
    assert [log for log in early.logs if "Batch2 is not there" in log]
    assert read(tmp_path, landing, state=early.state).batches() == []
    write_landing(landing, small_files())
    late = read(tmp_path, landing, state=early.state)
    assert late.code == 0
    assert late.batches() == [(2, 1)]


def test_a_late_batch_must_lie_before_the_one_after_it(tmp_path):
    files = {n: c for n, c in small_files().items() if not n.startswith("Batch2/")}
    landing = write_landing(tmp_path / "landing", files)
    early = read(tmp_path, landing, allow_gap=True)
    write_landing(landing, small_files() | {"Batch2/BatchDate.txt": b"2019-07-02\r\n"})
    late = read(tmp_path, landing, state=early.state)
    assert [e["code"] for e in late.errors] == ["batch_date_invalid"]
    assert "not earlier than Batch3's date 2019-07-01" in late.error_texts[0]


def test_a_file_that_changes_while_it_is_read(tmp_path, tiny_landing, monkeypatch):
    check = acceptance.check_xml

    def check_and_change(file):
        check(file)
        path = tiny_landing / "Batch1" / "Trade.txt"
        os.utime(path, ns=(0, 0))

    monkeypatch.setattr(acceptance, "check_xml", check_and_change)
    result = read(tmp_path, tiny_landing)
    assert [(e["code"], e["file"]) for e in result.errors] == [("file_changed", "Batch1/Trade.txt")]
    assert result.batches() == []


def test_no_landing_directory(tmp_path):
    for landing, text in (
        (tmp_path / "nowhere", "cannot be opened (No such file or directory)"),
        (tmp_path, "holds no batch. Expected directories named Batch1"),
    ):
        result = read(tmp_path, landing)
        assert result.code == 1
        assert [e["code"] for e in result.errors] == ["landing_missing"]
        assert text in result.error_texts[0]
        config = tmp_path / "config.json"
        checked = run("check", "--config", str(config))
        [status] = checked.of("CONNECTION_STATUS")
        assert (checked.code, status["status"]) == (1, "FAILED")
        assert text in status["message"]


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"landing": ""}, "config_invalid", "landing must be the path of a directory; found ''"),
        ({"replace_batches": ["2"]}, "config_invalid", "replace_batches must be a list of batch"),
        ({"allow_gap": "yes"}, "config_invalid", "allow_gap must be true or false; found 'yes'"),
        ({"method": {"delivery_type": "x"}}, "config_invalid", "delivery_method.delivery_type"),
        ({"catalog": {}}, "catalog_invalid", "not a configured Airbyte catalogue"),
        ({"catalog": {"streams": [{"stream": {"name": "x"}}]}}, "catalog_invalid", "exist: x."),
        ({"state": [1]}, "state_invalid", "not a list of Airbyte stream states"),
    ],
)
def test_inputs_that_do_not_fit(tmp_path, tiny_landing, change, code, text):
    result = read(tmp_path, **({"landing": tiny_landing} | change))
    assert result.code == 1
    assert [e["code"] for e in result.errors] == [code]
    assert text in result.error_texts[0]


def test_a_config_that_is_no_json(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("{")
    assert (
        "is not JSON" in run("check", "--config", str(path)).of("CONNECTION_STATUS")[0]["message"]
    )
    missing = run("discover", "--config", str(tmp_path / "none.json"))
    assert (missing.code, missing.errors[0]["code"]) == (1, "config_invalid")


def test_every_code_is_documented_by_a_test():
    names = ("test_faults.py", "test_state.py", "test_opening.py")
    text = "".join(Path(__file__).with_name(name).read_text() for name in names)
    assert [code for code in CODES if f'"{code}"' not in text] == []
