"""The dbt project as Dagster reads it: prepared before definitions are imported, only read then.

`make ui`, `make manifest` and the tests prepare it, and `dagster dev` does by itself. What the
manifest becomes on the asset page is for `orchestration.translators` to know.
"""

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tradehouse import fingerprint
from tradehouse.errors import TradehouseError
from tradehouse.files import read_json, replacing, write_json
from tradehouse.home import PROJECT

FOLDER = PROJECT / "target" / "orchestration"
MANIFEST = "manifest.json"
PREPARED = "prepared.json"
DEV_VARIABLE = "DAGSTER_IS_DEV_CLI"
KEPT = ("metadata", "nodes", "sources", "exposures", "groups", "parent_map", "child_map")


def is_prepared(folder: Path = FOLDER) -> bool:
    """Whether the manifest is there and made from the project as it is."""
    record = read_json(folder / PREPARED) or {}
    return (folder / MANIFEST).exists() and record.get("digest") == fingerprint.digest_project()


def prepare(folder: Path = FOLDER) -> bool:
    """Parse the project unless that was done since it changed; return whether it was parsed.

    Raises:
        TradehouseError: when dbt cannot read the project.
    """
    if is_prepared(folder):
        return False
    from dbt.cli.main import dbtRunner

    digest = fingerprint.digest_project()
    folder.mkdir(parents=True, exist_ok=True)
    outcome = dbtRunner().invoke(
        [
            *("parse", "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
            *("--target", "main", "--target-path", str(folder), "--log-path", str(folder)),
            *("--log-level", "none", "--no-write-json"),
        ]
    )
    if not outcome.success or outcome.result is None:
        raise TradehouseError(f"dbt cannot read the project in {PROJECT}: {outcome.exception}")
    parsed: Any = outcome.result
    codes = fingerprint.fingerprint_nodes(parsed)
    whole = parsed.writable_manifest().to_dict(omit_none=True)
    content = {name: whole[name] for name in KEPT}
    with replacing(folder / MANIFEST) as begun:
        begun.write_text(json.dumps(content, default=str), encoding="utf-8")
    write_json(folder / PREPARED, {"digest": digest, "codes": codes})
    return True


@cache
def read_manifest(folder: Path = FOLDER) -> Mapping[str, Any]:
    """Return the prepared manifest; under `dagster dev` it is prepared first.

    Raises:
        TradehouseError: when it was not prepared.
    """
    if os.environ.get(DEV_VARIABLE):
        prepare(folder)
    content = read_json(folder / MANIFEST)
    if content is None:
        raise TradehouseError(
            f"The dbt project was not prepared for Dagster: {folder / MANIFEST} is missing. "
            "Run `make manifest` (make ui and dagster dev do it by themselves)."
        )
    return dict(content)


@cache
def read_codes(folder: Path = FOLDER) -> Mapping[str, str]:
    """Return the fingerprint of every model, seed and test of the prepared manifest."""
    record = read_json(folder / PREPARED) or {}
    return dict(record.get("codes", {}))
