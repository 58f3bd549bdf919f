import pytest

from tradehouse.errors import TradehouseError
from tradehouse.files import read_json, remove_begun, replacing, write_json


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


def test_content_that_is_not_json_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / "record.json"
    path.write_text("{")

    with pytest.raises(TradehouseError, match=r"record\.json should be JSON"):
        read_json(path)


def test_what_a_killed_process_began_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / ".begun-17-release").mkdir()
    (tmp_path / ".begun-17-release" / "tradehouse.duckdb").write_text("half")
    (tmp_path / ".begun-18-current").symlink_to("kept")

    removed = remove_begun(tmp_path)

    assert [path.name for path in removed] == [".begun-17-release", ".begun-18-current"]
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
