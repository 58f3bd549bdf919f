"""Whether the API does what its OpenAPI document says, tried by schemathesis with all checks."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from exposition import access_log, tokens
from tests.exposition.conftest import make_home
from tests.exposition.server import served

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.slow
def test_the_api_does_what_it_says_and_never_fails(tmp_path):
    home = make_home(tmp_path / "home")
    token = tokens.create(home, "tester")[1]
    with served(home, TRADEHOUSE_API_REQUESTS_PER_MINUTE="1000000") as (address, _):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
                *("run", f"{address}/openapi.json", "--header", f"Authorization: Bearer {token}"),
                *("--checks", "all", "--phases", "examples,coverage,fuzzing"),
                *("--max-examples", "8", "--seed", "1", "--no-color"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) > 200
    statuses = set(re.findall(r'"status":(\d+)', access_log.path_of(home).read_text()))
    assert {"200", "401", "404", "405", "422"} <= statuses
    assert not [one for one in statuses if one >= "500"]
