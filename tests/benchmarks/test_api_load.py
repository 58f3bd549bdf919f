"""The benchmark of the API: that it finds something to measure, and leaves no token behind."""

import re

import pytest

from benchmarks.api_load import report
from exposition import tokens
from tests.exposition.conftest import CUSTOMERS, make_home


@pytest.mark.slow
def test_it_measures_a_home(tmp_path, capsys):
    home = make_home(tmp_path / "home")

    report(home, 0.2)

    said = capsys.readouterr().out
    assert re.search(r"a page of 20 rows: [\d,]+ requests/s, median [\d.]+ ms", said)
    assert re.search(r"the same, unchanged \(304\): [\d,]+ requests/s", said)
    for form in ("arrow", "parquet", "csv", "json"):
        assert f"{CUSTOMERS:,} rows of customers as {form}: " in said
    assert not any(tokens.is_valid(one) for one in tokens.find_all(home))
