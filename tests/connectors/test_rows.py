"""Splitting rows: every line comes out once, split or with its text, the same in bulk."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.source_brokerage import render
from connectors.source_brokerage.rows import Row, split_rows
from ingestion import line_splitting
from ingestion.declarations import FileFormat
from tests.connectors.airbyte import configured, read
from tests.landing import small_files, write_landing

FIELD = st.text(
    st.characters(codec="utf-8", exclude_characters='|\r\n\x00"\ufeff', exclude_categories=["Cs"]),
    max_size=6,
)
COMMA_FIELD = st.text(st.sampled_from('ab ",é'), max_size=5)


def _split(content: bytes, kind="pipe", columns=3):
    return list(split_rows(io.BytesIO(content), kind, columns))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a||c\r\n", Row(1, ["a", None, "c"])),
        (b"a||c\n", Row(1, ["a", None, "c"])),
        (b" | |\t\n", Row(1, [" ", " ", "\t"])),
        (b'"a|b"|c\n', Row(1, ['"a', 'b"', "c"])),
        (b"\xef\xbb\xbfa|b|c\n", Row(1, ["a", "b", "c"])),
        (b"\xef\xbb\xbf\xef\xbb\xbfa|b|\xef\xbb\xbfc\n", Row(1, ["\ufeffa", "b", "\ufeffc"])),
        (b"a|b\n", Row(1, None, "a|b")),
        (b"a|b|c|\n", Row(1, None, "a|b|c|")),
        (b"\n", Row(1, None, "")),
        (b"\xff|b|c\r\n", Row(1, None, "\\xff|b|c")),
        (b"a|b\r|c\r\n", Row(1, ["a", "b\r", "c"])),
    ],
)
def test_pipes(content, expected):
    assert _split(content) == [expected]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'a,"b ""x"", y",c\n', Row(1, ["a", 'b "x", y', "c"])),
        (b'a,"",c\n', Row(1, ["a", None, "c"])),
        (b'a,b"b,c\n', Row(1, None, 'a,b"b,c')),
        (b'a,"b""\n', Row(1, None, 'a,"b""')),
        (b'a,"b\xff",c\n', Row(1, None, 'a,"b\\xff",c')),
        (b'a,"b,c\n', Row(1, None, 'a,"b,c')),
        (b'a,"b"b,c\n', Row(1, None, 'a,"b"b,c')),
        (b"a,b\n", Row(1, None, "a,b")),
    ],
)
def test_commas(content, expected):
    assert _split(content, "comma") == [expected]


def test_a_quoted_field_may_hold_line_ends():
    content = b'1,"a\r\nb",c\r\n2,b,c\r\n'
    assert _split(content, "comma") == [Row(1, ["1", "a\r\nb", "c"]), Row(3, ["2", "b", "c"])]


def test_a_quote_that_is_never_closed_spoils_its_line_only():
    content = b'1,"a,c\n' + b"2,b,c\n" * 150
    found = _split(content, "comma")
    assert found[0] == Row(1, None, '1,"a,c')
    assert found[1:] == [Row(number, ["2", "b", "c"]) for number in range(2, 152)]


def test_lines_keep_their_blanks():
    assert _split(b"  x|y,z  \r\n\r\n", "lines", 1) == [Row(1, ["  x|y,z  "]), Row(2, None, "")]


@given(st.lists(st.lists(FIELD, min_size=1, max_size=5), max_size=6))
def test_every_line_comes_out_once(rows):
    content = "".join("|".join(fields) + "\r\n" for fields in rows).encode()
    found = _split(content)
    assert [row.line for row in found] == list(range(1, len(rows) + 1))
    for row, fields in zip(found, rows, strict=True):
        if len(fields) == 3:
            assert (row.values, row.raw_text) == ([field or None for field in fields], None)
        else:
            assert (row.values, row.raw_text) == (None, "|".join(fields))


@given(st.lists(COMMA_FIELD, min_size=3, max_size=3))
def test_commas_come_back_as_they_were_written(fields):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(fields)
    assert _split(buffer.getvalue().encode(), "comma") == [Row(1, [f or None for f in fields])]


LINE = st.one_of(
    st.lists(FIELD, min_size=3, max_size=3).map(lambda fields: "|".join(fields).encode()),
    st.lists(FIELD, max_size=4).map(lambda fields: "|".join(fields).encode()),
    st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"").replace(b"\x00", b"")),
    st.sampled_from(
        [b"", b"\r", b"a|b\rc|d", b'"|"|"', b"\\|\\|\\", b"\xef\xbb\xbfa|b|c", b"'|#|;"]
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=5), st.sampled_from([b"\r\n", b"\n"]))
def test_bulk_rendering_equals_row_by_row_on_any_file(tmp_path_factory, lines, end):
    """DuckDB's reading and our own agree on every value of whatever file is found."""
    _compare(tmp_path_factory, "Batch1/TradeHistory.txt", "trade_history", lines, end)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.sampled_from('a",é \\'), max_size=4), min_size=9, max_size=9).map(
            lambda fields: ",".join(fields).encode()
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([b"\r\n", b"\n"]),
)
def test_bulk_rendering_of_commas_equals_row_by_row(tmp_path_factory, lines, end):
    _compare(tmp_path_factory, "Batch1/HR.csv", "hr", lines, end)


def _compare(tmp_path_factory, name, stream, lines, end):
    folder = tmp_path_factory.mktemp("rows")
    files = small_files(days=0) | {name: b"".join(line + end for line in lines)}
    landing = write_landing(folder / "landing", files)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for small_lines in (1_000_000, 0):
            patch.setattr(render, "SMALL_LINES", small_lines)
            result = read(folder, landing, catalog=configured(stream))
            assert result.code == 0
            found.append(result.records.get(stream))
    assert found[1] == found[0]


BYTES = st.lists(st.sampled_from([b"a", b"|", b",", b'"', b"\n", b"\r\n", b"\r", b"\xff", b" "]))


@settings(max_examples=150, deadline=None)
@given(BYTES, st.sampled_from(["pipe", "comma", "lines"]))
def test_the_loader_splits_whole_files_alike(tmp_path_factory, pieces, kind):
    """A file gives the same rows whether it goes over whole or row by row."""
    content = b"".join(pieces)
    path = tmp_path_factory.mktemp("alike") / "file"
    path.write_bytes(content)
    columns = 1 if kind == "lines" else 2
    file_format = FileFormat(
        delimiter={"pipe": "|", "comma": ",", "lines": None}[kind],
        quote='"' if kind == "comma" else None,
        columns=[f"c{n}" for n in range(columns)],
    )
    loader = [
        (row.line, None if row.values is None else list(row.values), row.raw_text)
        for row in line_splitting.rows(path, file_format, None)
    ]
    assert [(r.line, r.values, r.raw_text) for r in _split(content, kind, columns)] == loader
