"""What surrounds every command that writes."""

import importlib.util
import sys

import duckdb

from tradehouse import working


def test_duckdb_does_not_search_the_disk_for_what_is_not_installed(monkeypatch):
    monkeypatch.setattr(working, "SOUGHT", "pandas_of_a_test")
    with working.not_sought():
        assert importlib.util.find_spec("pandas_of_a_test") is None
        assert sys.modules["pandas_of_a_test"] is None
    assert "pandas_of_a_test" not in sys.modules


def test_parameters_are_taken_without_searching(monkeypatch):
    sought = []

    class Finder:
        def find_spec(self, name, path=None, target=None):
            sought.append(name)

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with working.not_sought(), duckdb.connect() as connection:
        sought.clear()
        for number in range(10):
            connection.execute("select ?, ?::varchar[]", [number, ["a", None]]).fetchall()
    assert "pandas" not in sought


def test_what_is_installed_stays(monkeypatch):
    monkeypatch.setattr(working, "SOUGHT", "json")
    with working.not_sought():
        assert sys.modules["json"] is not None
    assert sys.modules["json"] is not None
