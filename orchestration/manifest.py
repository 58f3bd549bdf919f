"""The dbt project as Dagster reads it: prepared before definitions are imported, then only read.

Whoever imports the definitions prepares it if the project changed since; only the processes of
`make ui` read what was prepared for them. `orchestration.translators` decides what the manifest
becomes on the asset page.
"""

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

from orchestration.servers import PREPARED_VARIABLE
from tradehouse.dbt import fingerprint, runner
from tradehouse.errors import TradehouseError
from tradehouse.home import locks
from tradehouse.home.files import replacing, write_json
from tradehouse.home.paths import PROJECT

FOLDER = PROJECT / "target" / "orchestration"
MANIFEST = "manifest.json"
PREPARED = "prepared.json"
LOCK = "prepared.lock"
KEPT = ("metadata", "nodes", "sources", "exposures", "groups", "parent_map", "child_map")


def is_prepared(folder: Path = FOLDER) -> bool:
    """Whether the manifest is there and made from the project as it is."""
    if not (folder / MANIFEST).exists():
        return False
    record = _read(folder / PREPARED)
    return isinstance(record, dict) and record.get("digest") == fingerprint.digest_project()


def prepare(folder: Path = FOLDER) -> bool:
    """Parse the project unless that was done since it changed; return whether it was parsed.

    One process parses, others that want the same wait for it.

    Raises:
        TradehouseError: when dbt cannot read the project.
    """
    if is_prepared(folder):
        return False
    with alone(folder):
        if is_prepared(folder):
            return False
        _parse(folder)
    return True


def alone(folder: Path) -> AbstractContextManager[None]:
    """Be the only process that parses in a directory while a block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    return locks.alone(folder / LOCK)


def _parse(folder: Path) -> None:
    from dbt.cli.main import dbtRunner

    digest = fingerprint.digest_project()
    fingerprint.forget_other_parse(folder)
    runner.write_profiles(folder)
    outcome = dbtRunner().invoke(
        [
            *("parse", "--project-dir", str(PROJECT), "--profiles-dir", str(folder)),
            *("--target", "main", "--target-path", str(folder), "--log-path", str(folder)),
            *("--log-level", "none", "--no-write-json"),
        ]
    )
    if not outcome.success or outcome.result is None:
        why = runner.describe(outcome.exception)
        raise TradehouseError(f"dbt cannot read the project in {PROJECT}: {why}")
    parsed: Any = outcome.result
    codes = fingerprint.fingerprint_nodes(parsed)
    whole = parsed.writable_manifest().to_dict(omit_none=True)
    content = {name: whole[name] for name in KEPT}
    with replacing(folder / MANIFEST) as begun:
        begun.write_text(json.dumps(content, default=str), encoding="utf-8")
    write_json(folder / PREPARED, {"digest": digest, "codes": codes})


@cache
def read_manifest(folder: Path = FOLDER) -> Mapping[str, Any]:
    """Return the manifest of the current project, which is prepared where that was not done.

    Where `make ui` has prepared one, that is read.

    Raises:
        TradehouseError: when dbt cannot read the project.
    """
    if not (os.environ.get(PREPARED_VARIABLE) and _is_whole(_read(folder / MANIFEST))):
        prepare(folder)
    if not _is_whole(content := _read(folder / MANIFEST)):
        (folder / PREPARED).unlink(missing_ok=True)
        prepare(folder)
        content = _read(folder / MANIFEST)
    return dict(content)


def _read(path: Path) -> Any:
    """Return the content of a file that can be recreated; None where it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def _is_whole(content: Any) -> bool:
    return isinstance(content, dict) and all(name in content for name in KEPT)


@cache
def read_codes(folder: Path = FOLDER) -> Mapping[str, str]:
    """Return the fingerprint of every model, seed and test of the prepared manifest."""
    record = _read(folder / PREPARED)
    return dict(record["codes"]) if isinstance(record, dict) and "codes" in record else {}
