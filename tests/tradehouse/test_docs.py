"""The documentation site in a real browser that has no network."""

import re
import shutil
import subprocess

import pytest

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
    assert "sk_customer_id BIGINT Key of the version." in text
