"""Hostile file systems and odd bytes: named at the door, never followed, never waited for."""

import contextlib
import os
import re
import socket
from datetime import UTC, datetime

import pytest

from connectors.source_brokerage import opening
from connectors.source_brokerage.batches import LONGEST_LINE_BYTES, find_batches
from tests.connectors.airbyte import FILES, RECORDS, read
from tests.landing import small_files, write_landing

XML = "Batch1/CustomerMgmt.xml"


@pytest.fixture(params=[RECORDS, FILES], ids=["records", "files"])
def method(request, tmp_path, monkeypatch):
    staging = tmp_path / "staging"
    staging.mkdir()
    monkeypatch.setenv("AIRBYTE_STAGING_DIRECTORY", str(staging))
    return request.param


def _replace(path, kind, outside):
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with contextlib.chdir(path.parent):  # the path of a socket is short
            socket.socket(socket.AF_UNIX).bind(path.name)
    elif kind == "directory":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "link to nothing":
        path.symlink_to("nowhere")
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    elif kind == "link out":
        outside.write_bytes(b"secret\r\n")
        path.symlink_to(os.path.relpath(outside, path.parent))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("pipe", "file_unreadable"),
        ("socket", "file_unreadable"),
        ("directory", "file_unreadable"),
        ("loop", "file_unreadable"),
        ("link to nothing", "file_unreadable"),
        ("link to a device", "file_outside"),
        ("link out", "file_outside"),
    ],
)
@pytest.mark.parametrize("name", ["Trade.txt", "BatchDate.txt", "Trade_audit.csv"])
def test_what_is_no_file_of_the_landing_holds_its_batch(
    tmp_path, tiny_landing, method, kind, code, name
):
    _replace(tiny_landing / "Batch3" / name, kind, tmp_path / "outside")
    result = read(tmp_path, tiny_landing, method=method)
    assert [(e["code"], e["file"]) for e in result.errors] == [(code, f"Batch3/{name}")]
    assert result.batches() == [(1, 1), (2, 1)]


def test_the_document_may_be_a_pipe_and_nobody_waits(tmp_path, tiny_landing):
    _replace(tiny_landing / XML, "pipe", None)
    result = read(tmp_path, tiny_landing)
    assert [(e["code"], e["file"]) for e in result.errors] == [("file_unreadable", XML)]
    assert "is a named pipe" in result.error_texts[0]


def test_newswire_that_links_out_is_not_read(tmp_path, tiny_landing, method):
    _replace(tiny_landing / "Batch2" / "FINWIRE1999Q1", "link out", tmp_path / "outside")
    result = read(tmp_path, tiny_landing, method=method)
    assert [e["file"] for e in result.errors] == ["Batch2/FINWIRE1999Q1"]
    assert "secret" not in str(result.messages)
    assert not list(tmp_path.glob("staging/**/FINWIRE1999Q1"))


def test_links_inside_the_landing_and_the_landing_itself_a_link(tmp_path, tiny_landing, method):
    expected = read(tmp_path, tiny_landing, method=method)
    hr = tiny_landing / "Batch1" / "HR.csv"
    hr.rename(tiny_landing / "kept.csv")
    hr.symlink_to("../kept.csv")
    (tiny_landing / "Batch3").rename(tiny_landing / "third")
    (tiny_landing / "Batch3").symlink_to("third")
    alias = tmp_path / "alias"
    alias.symlink_to(tiny_landing)
    result = read(tmp_path, alias, method=method)
    assert (result.code, result.errors) == (0, [])
    if method == RECORDS:
        assert result.records == expected.records


def test_a_batch_that_is_a_link_out_is_refused_and_the_ones_before_it_taken(tmp_path, tiny_landing):
    (tiny_landing / "Batch3").rename(tmp_path / "elsewhere")
    (tiny_landing / "Batch3").symlink_to(tmp_path / "elsewhere")
    result = read(tmp_path, tiny_landing)
    assert [(e["code"], e["file"]) for e in result.errors] == [("file_outside", "Batch3")]
    assert result.batches() == [(1, 1), (2, 1)]


@pytest.mark.parametrize("kind", ["loop", "link to nothing", "pipe", "file"])
def test_a_batch_that_is_no_directory(tmp_path, tiny_landing, kind):
    path = tiny_landing / "Batch4"
    path.write_bytes(b"") if kind == "file" else _replace(path, kind, None)
    result = read(tmp_path, tiny_landing)
    assert [(e["code"], e["file"]) for e in result.errors] == [("file_unreadable", "Batch4")]
    assert result.batches() == [(1, 1), (2, 1), (3, 1)]


@pytest.mark.parametrize(
    "name", [b"FINWIRE\xff999Q1", b"FINWIRE19\n9Q1", b"FINWIRE????Q?", b"\xff_audit.csv"]
)
def test_a_name_that_no_message_can_carry(tmp_path, tiny_landing, name):
    (tiny_landing / "Batch3" / os.fsdecode(name)).write_bytes(b"lost\r\n")
    result = read(tmp_path, tiny_landing)
    [error] = result.errors
    assert (error["code"], error["batch"]) == ("file_unreadable", 3)
    assert error["file"].isprintable()
    assert result.batches() == [(1, 1), (2, 1)]


def test_whatever_belongs_to_no_stream_is_named(tmp_path, tiny_landing):
    for number, name in enumerate(
        [b"x\xff.bak", b"two\nlines", b"trade.txt", b"o" * 255, "é".encode(), "e\u0301".encode()]
    ):
        (tiny_landing / "Batch2" / os.fsdecode(name)).write_bytes(bytes(number))
    (tiny_landing / "Batch2" / "more" / "deep").mkdir(parents=True)
    (tiny_landing / "Batch2" / "more" / "deep" / "Trade.txt").write_bytes(b"")
    (tiny_landing / "Batch2" / "loop").symlink_to("loop")
    others = ["Batch02", "Batch2 (copy)", "batch2", "Batch\u0662", "Batch2.tmp", "Batch0", "Batch"]
    for name in [*others, "Batch" + "9" * 200]:
        (tiny_landing / name).mkdir()
    (tiny_landing / "notes.txt").write_bytes(b"")
    (tiny_landing / "Batch2" / "digen_report.txt").write_bytes(b"")
    for name in ("digen_report.txt", "simulation.json"):
        (tiny_landing / name).write_bytes(b"")  # How the batches were generated.
    result = read(tmp_path, tiny_landing)
    assert (result.code, result.batches()) == (0, [(1, 1), (2, 1), (3, 1)])
    ignored = [path for batch in find_batches(tiny_landing).values() for path in batch.ignored()]
    assert sorted(ignored) == sorted(
        [f"{name}/ (0 files)" for name in [*others, "Batch" + "9" * 200]]
        + [
            "notes.txt",
            "Batch2/digen_report.txt",
            "Batch2/x\\xff.bak",
            "Batch2/two\\nlines",
            "Batch2/trade.txt",
        ]
        + [f"Batch2/{'o' * 255}", "Batch2/é", "Batch2/e\u0301", "Batch2/more/ (1 file)"]
        + ["Batch2/loop (a link)"]
    )


def test_a_file_replaced_by_a_link_between_look_and_open(tmp_path, tiny_landing, monkeypatch):
    outside = tmp_path / "outside"
    path = tiny_landing / "Batch3" / "Trade.txt"
    path.rename(outside)
    path.symlink_to(outside)
    real = os.path.realpath
    monkeypatch.setattr(
        opening.os.path,
        "realpath",
        lambda name, **_: str(path) if str(name) == str(path) else real(name),
    )
    result = read(tmp_path, tiny_landing)
    assert [e["file"] for e in result.errors] == ["Batch3/Trade.txt"]
    assert result.batches() == [(1, 1), (2, 1)]


def test_a_directory_on_the_way_replaced_by_a_link(tmp_path, tiny_landing):
    batches = find_batches(tiny_landing)
    [file] = batches[3].of("trade")
    (tiny_landing / "Batch3").rename(tmp_path / "elsewhere")
    (tiny_landing / "Batch3").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(opening.Fault, match="leads out of the landing"), opening.open_file(file):
        pass


def test_a_file_that_grows_while_it_is_read(tmp_path, tiny_landing, method, monkeypatch):
    path = tiny_landing / "Batch3" / "BatchDate.txt"
    inside = opening._check_unchanged
    seen = []

    def check_and_grow(file, descriptor):
        inside(file, descriptor)
        if file.path == str(path):
            seen.append(file)
            if len(seen) == 1:
                path.write_bytes(path.read_bytes() * 2)

    monkeypatch.setattr(opening, "_check_unchanged", check_and_grow)
    result = read(tmp_path, tiny_landing, method=method)
    assert [(e["code"], e["batch"]) for e in result.errors] == [("file_changed", 3)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("name", ["Trade.txt", "BatchDate.txt", "Prospect.csv"])
def test_text_of_another_encoding_is_refused(tmp_path, tiny_landing, encoding, name):
    path = tiny_landing / "Batch3" / name
    text = "\ufeff" * encoding.endswith("be") + path.read_text()
    path.write_bytes(text.encode(encoding))
    result = read(tmp_path, tiny_landing)
    assert [(e["code"], e["file"]) for e in result.errors] == [("file_not_text", f"Batch3/{name}")]
    assert re.search("has the byte order mark of UTF-(16|32)", result.error_texts[0])


@pytest.mark.parametrize("name", ["Trade.txt", "CustomerMgmt.xml"])
def test_a_giant_file_of_nothing_is_refused_at_once(tmp_path, tiny_landing, name):
    with (tiny_landing / "Batch1" / name).open("ab") as file:
        file.truncate(1 << 42)
    result = read(tmp_path, tiny_landing)
    assert [(e["code"], e["file"]) for e in result.errors] == [("file_not_text", f"Batch1/{name}")]
    assert "a line of more than 16 MiB" in result.error_texts[0]


@pytest.mark.parametrize("end", [b"", b"\n", b"\nx\n"])
@pytest.mark.parametrize("more", [0, 1])
def test_a_line_is_too_long_by_its_bytes_wherever_it_ends(tmp_path, tiny_landing, end, more):
    path = tiny_landing / "Batch1" / "HR.csv"
    path.write_bytes(b"short\n" * 7 + b"x" * (LONGEST_LINE_BYTES + more) + end)
    result = read(tmp_path, tiny_landing)
    codes = [(e["code"], e["file"]) for e in result.errors]
    assert (("file_not_text", "Batch1/HR.csv") in codes) == bool(more)


def test_a_byte_order_mark_is_left_out_of_every_file(tmp_path, tiny_landing):
    expected = read(tmp_path, tiny_landing)
    for path in tiny_landing.glob("**/*.*"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    for path in tiny_landing.glob("**/FINWIRE????Q?"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    result = read(tmp_path, tiny_landing)
    assert (result.code, result.logs) == (0, [])
    assert result.records == expected.records


DATES = {
    "far ahead": (b"9999-12-31", "not between 1900-01-01 and 2100-12-31"),
    "beyond the calendar": (b"2101-01-01", "not between"),
    "a year and two days later": (
        b"2020-07-02",
        "more than 366 days from Batch2's date",
    ),
    "far back": (b"1019-07-01", "not between"),
    "before": (b"1950-07-01", "is not later than Batch2's date"),
    "blank before": (b" 2019-07-01", "expected one line"),
    "blank after": (b"2019-07-01 ", "expected one line"),
    "two lines": (b"2019-07-01\n2019-07-01", "expected one line"),
    "a blank line": (b"\n2019-07-01", "expected one line"),
    "other digits": ("२०१९-07-01".encode(), "expected one line"),
    "a time": (b"2019-07-01T00:00", "expected one line"),
    "a week": (b"2019-W27-1", "expected one line"),
    "slashes": (b"2019/07/01", "expected one line"),
    "infinity": (b"infinity", "expected one line"),
    "no year": (b"0000-00-00", "expected one line"),
    "two marks": (b"\xef\xbb\xbf\xef\xbb\xbf2019-07-01", "expected one line"),
}


@pytest.mark.parametrize(("content", "said"), DATES.values(), ids=DATES)
def test_a_batch_date_that_cannot_be_meant(tmp_path, tiny_landing, content, said):
    (tiny_landing / "Batch3" / "BatchDate.txt").write_bytes(content + b"\r\n")
    result = read(tmp_path, tiny_landing)
    assert [(e["code"], e["batch"]) for e in result.errors] == [("batch_date_invalid", 3)]
    assert said in result.error_texts[0]
    assert result.batches() == [(1, 1), (2, 1)]


@pytest.mark.parametrize("date", ["9999-12-31", "1899-12-31", "0001-01-01"])
def test_a_first_batch_date_that_cannot_be_meant(tmp_path, date):
    files = small_files(days=0) | {"Batch1/BatchDate.txt": f"{date}\r\n".encode()}
    result = read(tmp_path, write_landing(tmp_path / "landing", files))
    assert [(e["code"], e["batch"]) for e in result.errors] == [("batch_date_invalid", 1)]


@pytest.mark.parametrize("days", [1000, "1000"])
def test_how_far_batches_may_lie_apart_is_a_setting(tmp_path, tiny_landing, days):
    (tiny_landing / "Batch3" / "BatchDate.txt").write_bytes(b"2021-07-01\r\n")
    result = read(tmp_path, tiny_landing, longest_gap_days=days)
    assert (result.code, result.batches()) == (0, [(1, 1), (2, 1), (3, 1)])


ENTITY = b"""<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]>"""
BOMB = b"""<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>"""


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (ENTITY, "DOCTYPE"),
        (BOMB, "DOCTYPE"),
        (b"<!DOCTYPE Actions SYSTEM 'http://localhost/x.dtd'>", "DOCTYPE"),
        (b"<?xml version='1.0' encoding='shift_jis'?>", "encoding 'shift_jis' is not read"),
        (b"<?xml version='1.0' encoding='utf-7'?>", "encoding 'utf-7' is not read"),
        (b"<?xml version='1.0' encoding='no such'?>", "encoding 'no such' is not read"),
        (b"<?xml version='1.0' encoding='rot13'?>", "encoding 'rot13' is not read"),
        (b"<?xml version='1.0' encoding='utf-16'?>", "encoding 'utf-16' is not read"),
    ],
)
def test_documents_that_would_not_say_what_they_say(tmp_path, tiny_landing, head, said):
    path = tiny_landing / XML
    start = re.compile(rb"^<\?xml.*?\?>\s*", re.DOTALL)
    path.write_bytes(head + start.sub(b"", path.read_bytes()))
    result = read(tmp_path, tiny_landing)
    assert [(e["code"], e["file"]) for e in result.errors] == [("xml_malformed", XML)]
    assert said in result.error_texts[0]


@pytest.mark.parametrize("year", [2300, 1650])
def test_a_time_of_change_beyond_64_bits_is_no_fault(tmp_path, tiny_landing, method, year):
    far = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**9
    path = tiny_landing / "Batch2" / "Trade.txt"
    os.utime(path, ns=(far, far))
    if path.stat().st_mtime_ns != far:
        os.utime(path, ns=(10**18, 10**18))  # A file system without such times cannot have them.

    done = read(tmp_path, tiny_landing, method=method)

    assert done.errors == []
