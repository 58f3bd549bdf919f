"""The tutorial "An extract for a partner": its commands, run as they stand, against a server."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.documentation import PROJECT, blocks, fresh_project, run
from tests.exposition.server import served
from tests.tradehouse.support import copy_home
from tradehouse.home.paths import Home

PAGE = PROJECT / "docs" / "api.md"
ADDRESS = "http://127.0.0.1:8000"

pytestmark = pytest.mark.xdist_group("run")


@pytest.mark.slow
def test_an_extract_for_a_partner(finished, tmp_path: Path) -> None:
    tutorial = blocks(PAGE, "An extract for a partner")
    assert [block.place for block in tutorial if block.not_run] == []
    project = fresh_project(tmp_path / "project")
    home = Home(copy_home(finished.home, project / "data"))
    with served(home) as (address, _):
        said = run(
            [replace(block, text=block.text.replace(ADDRESS, address)) for block in tutorial],
            project,
        )
    rows = json.loads((home.releases / "current" / "release.json").read_text())["rows"]

    assert '"table":"fact_holdings","rows":[{"trade_id":' in said
    assert '"sk_account_id","account_id","status"' in said
    assert f"{rows['fact_holdings']} rows of 11 columns" in said
    assert "first: 200\nsecond: 304\n" in said
    assert "There is no column 'tax_id' in dim_customer." in said
    assert "Of Custodian, valid until" in said
    assert "The token of Custodian is not valid any more." in said
    assert said.rstrip().endswith("}")
    assert '"title":"Unauthorized"' in said
