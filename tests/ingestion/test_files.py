"""Files handed over: values, line numbers, malformed rows; the fast way equals the exact one."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import files, tables
from ingestion.bulk_files import NotPlainError
from ingestion.declarations import FileFormat, Stream
from ingestion.errors import IngestionError
from ingestion.line_splitting import Row, rows
from ingestion.segments import FileReference
from tests.ingestion.conftest import Source, record, state, status

PIPE = FileFormat(delimiter="|", columns=["x", "y"], leading_columns={"incremental": ["flag"]})
CSV = FileFormat(delimiter=",", quote='"', columns=["x", "y"])
LINES = FileFormat(delimiter=None, columns=["line"])
SECTION = FileFormat(delimiter="§", quote='"', columns=["x", "y"])
NAMED = FileFormat(delimiter=",", quote='"', columns=["x", "y"], header=True)


def exact(tmp_path: Path, content: bytes, form: FileFormat, layout: str | None = None) -> list[Row]:
    path = tmp_path / "exact.txt"
    path.write_bytes(content)
    return list(rows(path, form, layout))


def test_pipe_rows(tmp_path: Path) -> None:
    content = b' a |b\r\n|\r\n"q"|Nan\r\nx\r\na|b|c\r\n\r\n\xff|b\r\nlast|row'
    assert exact(tmp_path, content, PIPE) == [
        Row(1, (" a ", "b"), None),
        Row(2, (None, None), None),
        Row(3, ('"q"', "Nan"), None),
        Row(4, None, "x"),
        Row(5, None, "a|b|c"),
        Row(6, None, ""),
        Row(7, None, "\\xff|b"),
        Row(8, ("last", "row"), None),
    ]


def test_a_layout_has_its_leading_columns(tmp_path: Path) -> None:
    assert exact(tmp_path, b"I|a|b\na|b\n", PIPE, "incremental") == [
        Row(1, ("I", "a", "b"), None),
        Row(2, None, "a|b"),
    ]


def test_quoted_rows(tmp_path: Path) -> None:
    content = (
        b'"Toys ""R"" Us",1\r\n"a,b",""\r\n"two\r\nlines",2\r\na"b,3\r\n"a"b,4\r\n'
        b'"never closed,5\r\ngood,6\r\n'
    )
    assert exact(tmp_path, content, CSV) == [
        Row(1, ('Toys "R" Us', "1"), None),
        Row(2, ("a,b", None), None),
        Row(3, ("two\r\nlines", "2"), None),
        Row(5, None, 'a"b,3'),
        Row(6, None, '"a"b,4'),
        Row(7, None, '"never closed,5'),
        Row(8, ("good", "6"), None),
    ]


def test_whole_lines_keep_their_blanks(tmp_path: Path) -> None:
    assert exact(tmp_path, b"  a|b  \r\n\x01\r\n", LINES) == [
        Row(1, ("  a|b  ",), None),
        Row(2, ("\x01",), None),
    ]


@pytest.mark.parametrize("form", [PIPE, CSV, LINES])
def test_a_byte_order_mark_at_the_head_is_left_out(tmp_path: Path, form: FileFormat) -> None:
    content = b'"a",1\r\n2|\xef\xbb\xbf3,\r\n'
    plain = exact(tmp_path, content, form)
    assert exact(tmp_path, b"\xef\xbb\xbf" + content, form) == plain
    assert exact(tmp_path, b"\xef\xbb\xbf", form) == []
    with pytest.raises(IngestionError, match="byte order mark of UTF-16"):
        exact(tmp_path, b"\xff\xfe" + content, form)


def test_a_file_that_changes_while_it_is_loaded_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading = Loading(tmp_path, PIPE)
    reference = loading.reference(b"a|b\n", 1, None)
    reference = replace(reference, modified_ns=reference.path.stat().st_mtime_ns)
    read = files.load_plain

    def read_and_change(*arguments: Any) -> None:
        read(*arguments)
        os.utime(reference.path, ns=(0, 0))

    files.load(loading.connection, loading.table, [reference], frozenset())
    monkeypatch.setattr(files, "load_plain", read_and_change)
    with pytest.raises(IngestionError, match=r"1\.txt changed while it was read"):
        files.load(loading.connection, loading.table, [reference], frozenset())


class Loading:
    """A database and a table to load files into."""

    def __init__(self, directory: Path, form: FileFormat, *, provenance: bool = True) -> None:
        self.directory = directory
        self.connection = duckdb.connect(config={"threads": 1})
        self.form = form
        self.table = tables.Table(
            source="played",
            key=(None, "t"),
            name="t",
            columns=tables.columns_of({}, form, provenance=provenance),
            provenance=provenance,
            file_format=form,
            declared=Stream(file=form),
            discovered={},
        )
        tables.prepare(self.connection, self.table)

    def reference(self, content: bytes, number: int, layout: str | None) -> FileReference:
        path = self.directory / f"{number}.txt"
        path.write_bytes(content)
        return FileReference(path, path.name, len(content), number, 1, layout, None, 1)

    def load(self, contents: list[bytes], layout: str | None = None) -> list[str]:
        """Load the files; returns the names of those that went the exact way."""
        references = [self.reference(c, i, layout) for i, c in enumerate(contents)]
        exactly: frozenset[FileReference] = frozenset()
        while True:
            self.connection.execute("begin")
            try:
                files.load(self.connection, self.table, references, exactly)
            except NotPlainError as error:
                self.connection.execute("rollback")
                exactly |= set(error.references)
                continue
            self.connection.execute("commit")
            return sorted(reference.relative_path for reference in exactly)

    def rows(self) -> list[tuple[object, ...]]:
        """The rows as they lie in their table: in the order in which they came."""
        names = ", ".join(tables.quoted(name) for name in self.form.table_columns())
        return self.connection.execute(
            f"select _batch, _line, _raw_text, {names} from played.t order by rowid"
        ).fetchall()

    def expected(
        self, contents: list[bytes], layout: str | None = None
    ) -> list[tuple[object, ...]]:
        found = []
        width = len(self.form.table_columns())
        absent = (None,) * (width - len(self.form.layout_columns(layout)))
        for number, content in enumerate(contents):
            path = self.directory / "expected.txt"
            path.write_bytes(content)
            for row in islice(rows(path, self.form, layout), self.form.header, None):
                values = (None,) * width if row.values is None else (*absent, *row.values)
                found.append((number, row.line, row.raw_text, *values))
        return found


def awkward_files(delimiter: str) -> st.SearchStrategy[bytes]:
    """Mostly regular files with everything in them that a reader may stumble over."""
    pieces = [
        b"a",
        b" ",
        b"Nan",
        b"0",
        b'"',
        b"\\",
        b"\x00",
        b"\x01",
        b"\xc3\xa9",
        b"\xff",
        b"NULL",
    ]
    pieces += [b"\xef\xbb\xbf", b"#", b"'", b"\xed\xa0\x80", b"", b"", b"a", b"b", b"\xc2\x85"]
    field = st.lists(st.sampled_from(pieces), max_size=3).map(b"".join)
    ends = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\n\r", b"\r\n\r\n"])
    counts = st.sampled_from([2] * 12 + [1, 3, 0])
    line = counts.flatmap(lambda n: st.lists(field, min_size=n, max_size=n))
    rendered = st.tuples(line.map(delimiter.encode().join), ends).map(b"".join)
    good = [b"a|b\r\n", b"a|b\x01\r\n", b"\xc3\xa9| b \r\n", b"|\r\n"]
    in_quotes = [b'"a|b"|c\r\n', b'a|"b""|"\r\n', b'""|"\xc3\xa9"\r\n', b'a|"b"c\r\n', b'"a"\r\n']
    plain = st.lists(st.sampled_from(good), max_size=6)
    quoted = st.lists(st.sampled_from([*good, *in_quotes, b'a|"b\r\n']), max_size=6)
    regular = st.one_of(plain, quoted).map(b"".join)
    return st.one_of(
        st.lists(rendered, max_size=8).map(b"".join),
        regular.map(lambda content: content.replace(b"|", delimiter.encode())),
    )


FORMS = {"pipe": PIPE, "csv": CSV, "lines": LINES, "header": NAMED, "section": SECTION}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_every_file_loads_as_the_exact_way_says(
    tmp_path_factory: pytest.TempPathFactory, form: FileFormat, data: st.DataObject
) -> None:
    contents = data.draw(st.lists(awkward_files(form.delimiter or "|"), max_size=4))
    if form.header:
        first = data.draw(st.sampled_from([b"x,y\r\n", b"x,y\n", b'\xef\xbb\xbfx,"y"\r\n']))
        contents = [first + content for content in contents]
    loading = Loading(tmp_path_factory.mktemp("files"), form)
    loading.load(contents)
    assert loading.rows() == loading.expected(contents)
    loading.connection.close()


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Loading]:
    loading = Loading(tmp_path, PIPE)
    yield loading
    loading.connection.close()


def test_plain_files_go_the_fast_way_together(
    pipe: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_load_exactly", lambda *_: pytest.fail("not needed"))
    contents = [b"".join(b"%d|b\r\n" % i for i in range(n)) for n in (3, 0, 1, 5000)]
    assert pipe.load(contents) == []
    assert pipe.rows() == pipe.expected(contents)


@pytest.mark.parametrize("regular_lines", [3, 300])
@pytest.mark.parametrize("quoted_lines", [3, 300])
def test_files_with_quotes_in_some_lines_go_a_fast_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, regular_lines: int, quoted_lines: int
) -> None:
    monkeypatch.setattr(files, "_load_exactly", lambda *_: pytest.fail("not needed"))
    loading = Loading(tmp_path, NAMED)
    some = b'"a,""b",%d\n"a"b,%d\n%d\n'.replace(b"\n%d", b'\n"%d"')
    contents = [
        b"x,y\n"
        + b"".join(b"%d,\n" % i for i in range(regular_lines))
        + b"".join(some % (i, i, i) for i in range(quoted_lines))
        + b"c,d\n"
        for _ in range(2)
    ]
    assert loading.load(contents) == []
    assert loading.rows() == loading.expected(contents)
    statement = "select count(*), count(_raw_text), count(*) filter (x = 'a,\"b') from played.t"
    assert loading.connection.execute(statement).fetchall() == [
        (2 * (regular_lines + 3 * quoted_lines + 1), 4 * quoted_lines, 2 * quoted_lines)
    ]
    loading.connection.close()


def test_files_of_all_kinds_lie_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    loading = Loading(tmp_path, CSV)
    contents = [b"1,old\n", b'1,"new, later"\n', b"2,a\n2,b\r\n", b'3,"c\nd"\n', b'4,e\n4,"f"\n']
    loading.load(contents)
    assert loading.rows() == loading.expected(contents)
    assert [row[-1] for row in loading.rows()] == ["old", "new, later", "a", "b", "c\nd", "e", "f"]
    loading.connection.close()


@pytest.mark.parametrize(
    "odd", [b"a\n", b"a,b,c\n", b"\n", b'"a\nb",c\n', b"\xff,b\n", b"a,b\x01\n"]
)
def test_files_with_quotes_and_other_odd_lines_go_the_exact_way(tmp_path: Path, odd: bytes) -> None:
    loading = Loading(tmp_path, NAMED)
    content = b'x,y\n"a,b",c\n' + odd + b"d,e\n"
    loading.load([content])
    assert loading.rows() == loading.expected([content])
    loading.connection.close()


@pytest.mark.parametrize("odd", [b'"two\nlines",c\n', b"a\n"])
def test_many_files_with_odd_lines_cost_one_rollback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: bytes
) -> None:
    loads: list[int] = []
    load = files.load
    monkeypatch.setattr(files, "load", lambda *given: (loads.append(1), load(*given))[1])
    loading = Loading(tmp_path, NAMED)
    contents = [b'x,y\n"a,b",%d\n' % number + odd for number in range(20)]
    loading.load(contents)
    assert len(loads) <= 2
    assert loading.rows() == loading.expected(contents)
    loading.connection.close()


@pytest.mark.parametrize("rows", [3, 300])
def test_a_column_may_be_called_line_where_no_provenance_is_kept(tmp_path: Path, rows: int) -> None:
    form = FileFormat(delimiter=",", quote='"', columns=["_line", "y"])
    loading = Loading(tmp_path, form, provenance=False)
    loading.load([b'"007","x"\n' * rows])
    found = loading.connection.execute("select distinct _line, y from played.t").fetchall()
    assert found == [("007", "x")]
    loading.connection.close()


def test_many_buffers_keep_line_numbers_exact(pipe: Loading) -> None:
    """More bytes than one reading buffer of DuckDB holds."""
    content = b"".join(b"%d|%s\r\n" % (i, b"x" * (i % 50)) for i in range(1, 1_200_001))
    assert len(content) > 32 * 1024 * 1024
    assert pipe.load([content]) == []
    statement = "select count(*), min(_line), max(_line) from played.t where _line = x::bigint"
    assert pipe.connection.execute(statement).fetchall() == [(1_200_000, 1, 1_200_000)]


def test_empty_lines_are_kept_as_malformed(pipe: Loading) -> None:
    assert pipe.load([b"a|b\r\n\r\nc|d\r\n"]) == []
    assert pipe.rows() == [
        (0, 1, None, None, "a", "b"),
        (0, 2, "", None, None, None),
        (0, 3, None, None, "c", "d"),
    ]


@pytest.mark.parametrize("first", [b"x,z\n", b"x\n", b"1,2\n", b"\xff,y\n"])
def test_a_header_with_other_names_is_refused(tmp_path: Path, first: bytes) -> None:
    loading = Loading(tmp_path, NAMED)
    with pytest.raises(IngestionError, match=r"0\.txt: .* expected to name the columns x, y; it"):
        loading.load([first + b"a,b\n"])
    loading.connection.close()


def test_files_with_nothing_but_a_header_have_no_rows(tmp_path: Path) -> None:
    loading = Loading(tmp_path, NAMED)
    contents = [b"", b"x,y\n", b"x,y\na,b\nc,d\n"]
    assert loading.load(contents) == []
    assert loading.rows() == [(2, 2, None, "a", "b"), (2, 3, None, "c", "d")]
    loading.connection.close()


def test_fields_that_only_cancel_out_in_number_are_found(pipe: Loading) -> None:
    """One row with a field too many and one with a field too few have the right sum."""
    content = b"a|b|c\r\nd\r\ne|f\r\n"
    pipe.load([content])
    assert pipe.rows() == [
        (0, 1, "a|b|c", None, None, None),
        (0, 2, "d", None, None, None),
        (0, 3, None, None, "e", "f"),
    ]


DECLARED = {
    "provenance": True,
    "streams": {"t": {"file": PIPE.model_dump()}},
}


def offer(source: Source, path: Path, content: bytes, *, size: int | None = None) -> list[str]:
    """A played source that hands over a file; returns the lines of its output."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    source.declared |= DECLARED
    reference = {
        "staging_file_url": str(path),
        "source_file_relative_path": "Batch1/T.txt",
        "file_size_bytes": len(content) if size is None else size,
    }
    data = {"_batch": 1, "_delivery": 2, "_file": "Batch1/T.txt", "_layout": "historical"}
    return [record("t", data, file_reference=reference), state("t", {"1": 2}, 1), status("t")]


STREAMS = [{"name": "t", "json_schema": {}, "supported_sync_modes": ["incremental"]}]


def test_a_file_reference_is_loaded_with_its_ledger_row(source: Source, tmp_path: Path) -> None:
    content = b"a|b\r\nc\r\n"
    source.plays(offer(source, tmp_path / "landing" / "T.txt", content), streams=STREAMS)
    result = source.sync()
    assert result.status == "succeeded"
    assert result.warnings == [
        "1 row of t could not be split into its columns: it is kept with its text (_raw_text)"
    ]
    assert (result.streams["t"].records, result.streams["t"].bytes) == (2, len(content))
    assert source.query(
        "select x, y, flag, _batch, _delivery, _file, _line, _raw_text from played.t order by _line"
    ) == [
        ("a", "b", None, 1, 2, "Batch1/T.txt", 1, None),
        (None, None, None, 1, 2, "Batch1/T.txt", 2, "c"),
    ]
    assert source.query(
        "select stream, batch, delivery, file, bytes, records, malformed_records, length(digest)"
        " from _tradehouse.files"
    ) == [("t", 1, 2, "Batch1/T.txt", len(content), 2, 1, 64)]
    assert source.query("select count(distinct _airbyte_raw_id) from played.t") == [(2,)]
    assert (tmp_path / "landing" / "T.txt").exists()


@pytest.mark.parametrize("content", [b"a|b\r\n\r\nc|d\r\n\r\n", b"a|b\n\nc|d\n\n"])
def test_empty_lines_are_left_out_and_counted_where_nothing_could_keep_them(
    source: Source, tmp_path: Path, content: bytes
) -> None:
    lines = offer(source, tmp_path / "T.txt", content)
    source.declared["provenance"] = False
    source.plays(lines, streams=STREAMS)
    result = source.sync()
    assert result.status == "succeeded", result.errors
    assert result.warnings == ["2 empty lines in files of t left out"]
    assert result.streams["t"].records == 2
    assert source.query("select x, y from played.t") == [("a", "b"), ("c", "d")]


def test_a_file_of_another_size_than_said_fails(source: Source, tmp_path: Path) -> None:
    lines = offer(source, tmp_path / "T.txt", b"a|b\r\n", size=99)
    source.plays(lines, streams=STREAMS)
    result = source.sync()
    assert result.status == "failed"
    assert "the source said 99 bytes, the file has 5" in result.errors[0].message
    assert source.query("select count(*) from played.t") == [(0,)]
    assert source.query("select count(*) from _tradehouse.states") == [(0,)]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("place", "fault"),
    [("fifo", "it is no regular file"), ("/dev/zero", "it is no regular file"), ("nul\0", "null")],
)
def test_a_file_that_is_none_is_not_waited_for(
    source: Source, tmp_path: Path, place: str, fault: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    lines = [
        line.replace(json.dumps(str(tmp_path / "T.txt")), json.dumps(str(tmp_path / place)))
        for line in offer(source, tmp_path / "T.txt", b"", size=0)
    ]
    source.plays(lines, streams=STREAMS)
    [error] = source.sync().errors
    assert "Batch1/T.txt: the source handed over" in error.message
    assert fault in error.message


@pytest.mark.parametrize("size", ["1e400", '"many"', "null", "[]", "NaN"])
def test_a_size_that_is_none_breaks_the_protocol(source: Source, tmp_path: Path, size: str) -> None:
    lines = offer(source, tmp_path / "T.txt", b"a|b\r\n", size=99)
    source.plays([line.replace(": 99", f": {size}") for line in lines], streams=STREAMS)
    [error] = source.sync().errors
    assert "a file reference is not complete" in error.message


def test_a_stream_without_file_format_refuses_files(source: Source, tmp_path: Path) -> None:
    lines = offer(source, tmp_path / "T.txt", b"a|b\r\n")
    source.declared["streams"] = {"t": {}}
    source.plays(lines, streams=STREAMS)
    assert "gives no file format" in source.sync().errors[0].message


def test_records_and_files_of_one_stream_make_the_same_table(
    source: Source, tmp_path: Path
) -> None:
    lines = offer(source, tmp_path / "T.txt", b"a|b\r\n")
    data = {"x": "c", "y": None, "_batch": 2, "_delivery": 1, "_file": "Batch2/T.txt", "_line": 1}
    source.plays([lines[0], record("t", data), state("t", {}, 2), status("t")], streams=STREAMS)
    result = source.sync()
    assert result.status == "succeeded"
    assert source.query("select x, y, _batch, _line from played.t order by _batch") == [
        ("a", "b", 1, 1),
        ("c", None, 2, 1),
    ]
    assert json.loads(json.dumps(result.new_batches)) == []
