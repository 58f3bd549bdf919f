"""Which code built the warehouse: a digest of the project, and one of every dbt node.

The project's digest is cheap and says whether anything changed at all; the nodes' fingerprints need
the parsed manifest and say which models, seeds and tests differ.
"""

import hashlib
import json
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from tradehouse.dbt import graph
from tradehouse.home.paths import PROJECT

FILES = ("dbt_project.yml", "profiles.yml", "requirements.lock")
FOLDERS = ("models", "macros", "seeds", "snapshots", "tests/data")
BUILT = ("model", "seed", "snapshot")
COMPARED = (*BUILT, "test")
# What is asked of the environment; other settings of the platform's own say what a run is to do.
CONTENT = "TRADEHOUSE_REPORTING_CURRENCY"
_VARIABLE = re.compile(rf"""env_var\(\s*['"]({CONTENT}|(?!TRADEHOUSE_|DBT_ENV_SECRET_)\w+)['"]""")
_PROJECT_VARIABLE = re.compile(r"(?<![\w.])var\s*[(.]")
# What says who is asked about a node and how it is shown; of `meta`, too.
NEUTRAL = ("docs", "group", "description", "owner", "contact")


def digest_project(root: Path = PROJECT) -> str:
    """Return a digest of what dbt reads: files, the variables they name, the lock; milliseconds."""
    digest, variables = hashlib.sha256(), set[str]()
    paths = [root / name for name in FILES]
    for folder in FOLDERS:
        paths += sorted(path for path in (root / folder).rglob("*") if path.is_file())
    for path in paths:
        content = path.read_bytes() if path.exists() else b""
        digest.update(os.fsencode(f"{path.relative_to(root)}\0{len(content)}\0"))
        digest.update(content)
        if b"env_var" in content:
            variables.update(_VARIABLE.findall(content.decode(errors="replace")))
    for name in sorted(variables):
        digest.update(os.fsencode(f"{name}={os.environ.get(name)}\0"))
    return digest.hexdigest()


def forget_other_parse(parsed: Path, root: Path = PROJECT) -> None:
    """Remove what dbt keeps in a directory of its parse of a project that was another one.

    It would go on from there, and loses what YAML says of a test when anything that test reads
    changed.
    """
    digest, kept = digest_project(root), parsed / "parsed_project.txt"
    if not kept.is_file() or kept.read_text(errors="replace") != digest:
        (parsed / "partial_parse.msgpack").unlink(missing_ok=True)
        parsed.mkdir(parents=True, exist_ok=True)
        kept.write_text(digest)


def fingerprint_nodes(manifest: Any, root: Path = PROJECT) -> dict[str, str]:
    """Return a fingerprint by unique id: own code, macros used (theirs too), configuration, seeds.

    Configuration is all that says how a node is built or who may read it: meta, tags, access and
    grants too, and the classes of gold's columns, which releases carry. Variables count for what
    asks for any, types and constraints where they are enforced. Descriptions and owners do not
    count: changing them changes no row.
    """
    variables = _project_variables(root)
    return {
        unique_id: _fingerprint(node, manifest, variables)
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


def _fingerprint(node: Any, manifest: Any, variables: Any) -> str:
    macros = _macros_of(node, manifest)
    config = node.config.to_dict()
    code = getattr(node, "raw_code", "")
    parts = {
        "code": code,
        "checksum": _checksum(node),
        "relation": [node.schema, node.alias],
        "config": _without_neutral(config) | {"meta": _without_neutral(config.get("meta") or {})},
        "test": getattr(getattr(node, "test_metadata", None), "kwargs", None),
        "parents": sorted(getattr(node.depends_on, "nodes", ())),
        "macros": {name: manifest.macros[name].macro_sql for name in sorted(macros)},
    }
    own = [code, *(manifest.macros[name].macro_sql for name in macros if _is_ours(name))]
    asked = sorted({name for text in own for name in _VARIABLE.findall(text)})
    if asked:
        parts["environment"] = {name: os.environ.get(name) for name in asked}
    if variables and any(_PROJECT_VARIABLE.search(text) for text in own):
        parts["variables"] = variables
    if node.schema == "gold" and node.resource_type in BUILT:
        parts["classes"] = graph.classes_of(node)
    if getattr(getattr(node, "contract", None), "enforced", False):
        parts["contract"] = _contract(node)
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _without_neutral(config: dict[str, Any]) -> dict[str, Any]:
    return {key: config[key] for key in sorted(config) if key not in NEUTRAL}


def _is_ours(macro: str) -> bool:
    """Whether a macro is no part of dbt itself, whose own ask for variables that nobody sets."""
    return macro.split(".")[1] not in ("dbt", "dbt_duckdb")


def _checksum(node: Any) -> str:
    """Return what a node's content is known by; dbt itself knows a seed over 1 MiB by its path."""
    if node.resource_type == "seed" and node.checksum.name == "path":
        with Path(node.root_path or PROJECT, node.original_file_path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return str(node.checksum.checksum)


def _contract(node: Any) -> list[Any]:
    """Return what dbt makes of an enforced contract: types and constraints."""
    columns = [
        [name, column.data_type, [one.to_dict() for one in column.constraints]]
        for name, column in sorted(node.columns.items())
    ]
    return [columns, [one.to_dict() for one in getattr(node, "constraints", ())]]


def _project_variables(root: Path) -> Any:
    """Return what dbt_project.yml calls `vars`."""
    import yaml

    try:
        project = yaml.safe_load((root / "dbt_project.yml").read_bytes())
    except (OSError, yaml.YAMLError):
        return None
    return project.get("vars") if isinstance(project, dict) else None


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
