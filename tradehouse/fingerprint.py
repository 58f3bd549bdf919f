"""Which code made what is in the warehouse: a digest of the project, and one of every dbt node.

The project's digest is cheap and says whether anything changed at all; the nodes' fingerprints need
the parsed manifest and say which models, seeds and tests differ.
"""

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from tradehouse.home import PROJECT

FILES = ("dbt_project.yml", "profiles.yml", "requirements.lock")
FOLDERS = ("models", "macros", "seeds", "snapshots", "tests/data")
BUILT = ("model", "seed", "snapshot")
COMPARED = (*BUILT, "test")
NEUTRAL_CONFIG = ("docs", "meta", "group", "tags", "description", "owner", "contact", "access")


def digest_project(root: Path = PROJECT) -> str:
    """Return a digest of every file dbt reads and of the locked versions; milliseconds."""
    digest = hashlib.sha256()
    paths = [root / name for name in FILES]
    for folder in FOLDERS:
        paths += sorted(path for path in (root / folder).rglob("*") if path.is_file())
    for path in paths:
        content = path.read_bytes() if path.exists() else b""
        digest.update(f"{path.relative_to(root)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def fingerprint_nodes(manifest: Any) -> dict[str, str]:
    """Return a fingerprint by unique id: own code, macros used (theirs too), configuration, seeds.

    Descriptions and owners do not count: changing them changes no row.
    """
    return {
        unique_id: _fingerprint(node, manifest)
        for unique_id, node in manifest.nodes.items()
        if node.resource_type in COMPARED
    }


def changed_nodes(before: dict[str, str], now: dict[str, str]) -> set[str]:
    """Return the unique ids that are new or differ."""
    return {unique_id for unique_id, value in now.items() if before.get(unique_id) != value}


def names_with_downstream(manifest: Any, unique_ids: set[str]) -> list[str]:
    """Return the names of models, seeds and snapshots among the ids, and of all downstream."""
    children = defaultdict(set)
    for unique_id, node in manifest.nodes.items():
        for parent in node.depends_on.nodes if hasattr(node.depends_on, "nodes") else ():
            children[parent].add(unique_id)
    reached: set[str] = set()
    waiting = [one for one in unique_ids if manifest.nodes[one].resource_type in BUILT]
    while waiting:
        unique_id = waiting.pop()
        if unique_id not in reached:
            reached.add(unique_id)
            waiting += children[unique_id]
    nodes = [manifest.nodes[one] for one in reached]
    return sorted(node.name for node in nodes if node.resource_type in BUILT)


def _fingerprint(node: Any, manifest: Any) -> str:
    macros = _macros_of(node, manifest)
    config = node.config.to_dict()
    parts = {
        "code": getattr(node, "raw_code", ""),
        "checksum": node.checksum.checksum,
        "relation": [node.schema, node.alias],
        "config": {key: config[key] for key in sorted(config) if key not in NEUTRAL_CONFIG},
        "test": getattr(getattr(node, "test_metadata", None), "kwargs", None),
        "parents": sorted(getattr(node.depends_on, "nodes", ())),
        "macros": {name: manifest.macros[name].macro_sql for name in sorted(macros)},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _macros_of(node: Any, manifest: Any) -> set[str]:
    waiting = list(node.depends_on.macros)
    materialized = node.config.materialized
    strategy = getattr(node.config, "incremental_strategy", None)
    used_by_dbt = (
        f"materialization_{materialized}_duckdb",
        f"materialization_{materialized}_default",
        f"get_incremental_{strategy}_sql",
    )
    package = node.package_name
    waiting += [f"macro.{package}.{name}" for name in used_by_dbt]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in manifest.macros and name not in reached:
            reached.add(name)
            waiting += manifest.macros[name].depends_on.macros
    return reached
