"""The documentation site in a real browser that has no network."""

import json
import re
import shutil
import subprocess

import pytest

from tradehouse.dbt.runner import DbtRunner
from tradehouse.home.paths import Home
from tradehouse.publish import documentation

pytestmark = pytest.mark.xdist_group("run")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def shown(address, tmp_path):
    """The text a browser shows, blanks squeezed."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    done = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={tmp_path / 'browser'}", "--host-resolver-rules=MAP * ~NOTFOUND"),
            *("--virtual-time-budget=15000", "--dump-dom"),
            f"file://{address}",
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    body = re.sub(r"<script.*?</script>", "", done.stdout, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_the_published_docs_open_in_a_browser_without_a_network(finished, tmp_path):
    page = finished.home / "releases" / "current" / "docs" / "index.html"

    text = shown(f"{page.resolve()}#!/model/model.tradehouse.dim_customer", tmp_path)

    assert "warehouse.gold.dim_customer" in text
    assert "One row per version of a customer" in text
    assert "sk_customer_id BIGINT" in text
    assert "Surrogate key of this version: the next version has another one" in text


def compiled_code(home):
    """What the documentation shows of each node, without empty lines."""
    manifest = json.loads((home / "target" / "manifest.json").read_text())
    return {
        one: "\n".join(line for line in node["compiled_code"].splitlines() if line.strip())
        for one, node in manifest["nodes"].items()
        if node.get("compiled_code")
    }


def test_docs_after_a_first_build_show_the_code_that_docs_by_themselves_compile(published):
    """They take it from the build instead of compiling everything a second time."""
    taken = compiled_code(published)
    (published / "target" / "manifest.json").unlink()

    documentation.make(Home(published), DbtRunner(Home(published)))

    assert taken == compiled_code(published)
    assert len(taken) > 150
