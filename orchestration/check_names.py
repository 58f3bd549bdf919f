"""Names of dbt tests as checks: the test's own name, or model and rule if it has none.

dbt makes names from every argument of a test, which can be a page long.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from orchestration import names

Manifest = Mapping[str, Any]


class Owner(NamedTuple):
    """The asset that a test is a check of."""

    model: str
    identifier: str


def is_named(test: Mapping[str, Any], model: str) -> bool:
    """Whether somebody gave the test its name; dbt's begins with the rule and the model."""
    rule = test.get("test_metadata")
    if not rule:
        return True
    made = f"{rule['name']}_{model}_"
    package = rule.get("namespace")
    return not str(test["name"]).startswith((made, f"{package}_{made}"))


def short_name(test: Mapping[str, Any], model: str) -> str:
    """Return a test's name, or `<model>_<rule>` with its column where it is one column's."""
    if is_named(test, model):
        return names.valid(test["name"])
    parts = [model, test["test_metadata"]["name"], test.get("column_name")]
    return names.valid("_".join(part for part in parts if part))


def names_of(manifest: Manifest, owners: Mapping[str, Owner]) -> dict[str, str]:
    """Return the name of every test that is a check, by unique id.

    `owners` gives of each the name of its model and what Dagster calls that model's key. Dagster
    joins the latter and the check's name with an underscore: where two would become one, each gets
    the digest of its test.
    """
    found = {one: short_name(manifest["nodes"][one], owners[one].model) for one in owners}
    joined = {one: f"{owners[one].identifier}_{name}" for one, name in found.items()}
    counts = Counter(joined.values())
    return {
        one: name
        if counts[joined[one]] == 1
        else f"{name}_{hashlib.sha256(one.encode()).hexdigest()[:8]}"
        for one, name in found.items()
    }
