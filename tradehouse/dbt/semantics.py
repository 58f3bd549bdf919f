"""The project's metrics, as MetricFlow reads them from the file that goes with a release.

What dbt makes of `models/gold/semantic/`, without what is not set and without the name of a
database: a release's tables are found in whatever file they lie.
"""

import hashlib
import json
from typing import Any


def of(manifest: Any) -> dict[str, Any]:
    """Return the semantic manifest of a parsed project; empty when it defines no metric."""
    if not getattr(manifest, "metrics", None):
        return {}
    from dbt.contracts.graph.semantic_manifest import SemanticManifest

    found = json.loads(SemanticManifest(manifest)._get_pydantic_semantic_manifest().json())
    configuration = found["project_configuration"]
    for one in [*found["semantic_models"], *configuration["time_spines"]]:
        relation = one["node_relation"]
        relation["database"] = None
        relation["relation_name"] = f'"{relation["schema_name"]}"."{relation["alias"]}"'
    kept = _without_none(found)
    return kept if isinstance(kept, dict) else {}


def digest(semantics: dict[str, Any]) -> str:
    """Return what definitions are compared by: another one when anything in them differs."""
    return hashlib.sha256(json.dumps(semantics, sort_keys=True).encode()).hexdigest()


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_none(one) for one in value]
    return value
