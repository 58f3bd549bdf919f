import errno
import os
import subprocess
import sys
from typing import ClassVar

import pytest

from tradehouse.home import files, state
from tradehouse.home.files import (
    DamagedError,
    Kept,
    NewerError,
    load_or_tell,
    read,
    read_json,
    remove_begun,
    replacing,
    write,
    write_json,
)
from tradehouse.home.paths import Home


def test_a_write_that_fails_leaves_the_old_content(tmp_path):
    path = tmp_path / "record.json"
    write_json(path, {"batch": 1})

    def fail():
        with replacing(path) as begun:
            begun.write_text("half a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert read_json(path) == {"batch": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["record.json"]


def test_what_takes_a_place_is_on_the_disk_before_and_its_directory_after(tmp_path, monkeypatch):
    path, synced = tmp_path / "record.json", []
    write_json(path, {"batch": 1})

    def sync(one):
        synced.append((one.name, read_json(path)))
        if one == tmp_path:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files, "sync_to_disk", sync)
    with pytest.raises(files.UnconfirmedError) as caught:
        write_json(path, {"batch": 2})

    [(begun, before), (folder, after)] = synced
    assert begun.startswith(files.BEGUN)
    assert (before, after) == ({"batch": 1}, {"batch": 2})
    assert (folder, caught.value.filename) == (tmp_path.name, str(tmp_path))


def test_a_directory_takes_its_place_whole_or_not_at_all(tmp_path):
    def make(*, fails):
        with replacing(tmp_path / "release") as begun:
            begun.mkdir()
            (begun / "file").write_text("whole")
            if fails:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make(fails=True)
    assert list(tmp_path.iterdir()) == []

    make(fails=False)
    assert (tmp_path / "release" / "file").read_text() == "whole"


def test_content_that_is_not_json_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / "record.json"
    path.write_text("{")

    with pytest.raises(DamagedError, match=r"record\.json is damaged \(no JSON"):
        read_json(path)


@pytest.fixture
def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_killed_process_began_is_removed_and_nothing_else(tmp_path, gone):
    (tmp_path / "kept").mkdir()
    begun = tmp_path / f".begun-{gone}-release"
    begun.mkdir()
    (begun / "tradehouse.duckdb").write_text("half")
    link = tmp_path / f".begun-{gone}-17-1-current"
    link.symlink_to("kept")

    removed = remove_begun(tmp_path)

    assert set(removed) == {begun, link}
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_what_a_living_process_writes_is_left_alone_unless_its_number_was_used_before(tmp_path):
    with replacing(tmp_path / "record.json") as begun:
        begun.write_text("half a")
        before = tmp_path / f".begun-{os.getpid()}-1-1-record.json"
        before.touch()

        assert remove_begun(tmp_path) == [before]
        begun.write_text("whole")

    assert (tmp_path / "record.json").read_text() == "whole"


class Record(Kept):
    VERSION: ClassVar[int] = 2

    batch: int


DAMAGES = {
    "empty": b"",
    "NUL": bytes(40),
    "cut": b'{"batch": ',
    "no object": b"[1]",
    "null": b"null",
    "another shape": b'{"batch": "many"}',
    "nothing in it": b"{}",
    "no text": b'{"batch": 1, "name": "\xff"}',
    "no version": b'{"version": "2", "batch": 1}',
    "nested": b"[" * 100_000,
}


@pytest.mark.parametrize("content", DAMAGES.values(), ids=DAMAGES)
def test_whatever_is_no_record_is_damage_with_a_reason(tmp_path, content, capsys):
    path = tmp_path / "record.json"
    path.write_bytes(content)

    with pytest.raises(DamagedError, match=r"record\.json is damaged \(.+\)\.$"):
        read(path, Record)

    assert load_or_tell(path, Record, "It is made anew.") is None
    assert load_or_tell(path, Record, "It is made anew.") is None
    said = capsys.readouterr().err
    assert said.count("It is made anew.") == said.count("\n") == 1


def test_a_pipe_a_directory_or_a_link_to_nothing_is_damage_and_is_written_over(tmp_path):
    path = tmp_path / "record.json"
    for make in (os.mkfifo, os.mkdir, lambda it: it.symlink_to(tmp_path / "nowhere")):
        make(path)
        with pytest.raises(DamagedError):
            read(path, Record)
        write(path, Record, {"batch": 1})
        assert read(path, Record) == {"batch": 1}
        path.unlink()


def test_what_a_newer_one_wrote_is_refused_and_no_damage(tmp_path):
    path = tmp_path / "record.json"
    path.write_text('{"version": 3, "of": "another shape"}')

    with pytest.raises(NewerError, match=r"newer Tradehouse \(version 3 .* knows 2\)"):
        load_or_tell(path, Record, "It is made anew.")


def test_a_record_is_read_as_it_was_written_by_its_owner_only(tmp_path):
    path = tmp_path / "record.json"
    write(path, Record, {"batch": 1, "more": ["é", 2**70]})

    assert read(path, Record) == {"batch": 1, "more": ["é", 2**70]}
    assert path.stat().st_mode & 0o777 == 0o600


def test_text_that_is_not_utf_8_can_be_read_again(tmp_path):
    files.write_json(tmp_path / "record.json", {"path": os.fsdecode(b"caf\xe9"), "n": 2**70})
    assert files.read_json(tmp_path / "record.json") == {"path": "caf?", "n": 2**70}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.EIO])
def test_what_the_machine_cannot_read_now_is_no_damage_and_stays(tmp_path, monkeypatch, number):
    home = Home(tmp_path)
    state.write(home, "sync", {"status": "succeeded"})
    before = (home.state / "sync.json").read_bytes()

    def refuse(path, *_):
        raise OSError(number, os.strerror(number), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        with pytest.raises(OSError, match=os.strerror(number)):
            state.mend(home)

    assert (home.state / "sync.json").read_bytes() == before
    assert not list(home.state.glob("*.damaged"))
