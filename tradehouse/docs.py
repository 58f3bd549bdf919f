"""The documentation site of the models: one file that opens without a network.

Made by dbt from the project's descriptions and the warehouse's columns, and made anew only when the
project changed since.
"""

import shutil
from pathlib import Path

from tradehouse import fingerprint
from tradehouse.dbt_runner import DbtRunner
from tradehouse.errors import TradehouseError
from tradehouse.files import read_json, replacing, write_json
from tradehouse.home import Home

PAGE = "index.html"
RECORD = "docs.json"
GENERATED = "static_index.html"


def are_outdated(home: Home) -> bool:
    """Whether there is no site yet, or the project changed since it was made."""
    record = read_json(home.docs / RECORD)
    if record is None or not (home.docs / PAGE).exists():
        return True
    return bool(record.get("project_digest") != fingerprint.digest_project())


def require_data(home: Home) -> None:
    """Check that there is a warehouse to document.

    Raises:
        TradehouseError: when nothing was built yet.
    """
    if not home.warehouse.exists():
        raise TradehouseError(
            f"There is nothing to document yet: {home.warehouse} is missing. Run `make run` first."
        )


def make(home: Home, runner: DbtRunner) -> Path:
    """Make the site and return its path; the old one stays until the new one is whole.

    Raises:
        TradehouseError: when dbt cannot make it.
    """
    digest = fingerprint.digest_project()
    outcome = runner.generate_docs()
    made = home.target / GENERATED
    if not outcome.success or not made.exists():
        raise TradehouseError(
            f"dbt could not make the documentation: {outcome.message or 'see its log'}. "
            f"The whole log: {home.logs / 'dbt.log'}"
        )
    with replacing(home.docs / PAGE) as begun:
        shutil.copyfile(made, begun)
    write_json(home.docs / RECORD, {"project_digest": digest})
    return home.docs / PAGE
