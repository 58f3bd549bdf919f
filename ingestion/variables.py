"""Environment variables in declarations: `${NAME}` and `${NAME:-default}`."""

import os
import re
from collections.abc import Mapping
from typing import Any

from ingestion.errors import DeclarationError

VARIABLE = re.compile(r"\$?\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
HOME = "TRADEHOUSE_HOME"
"""The variable that is always the path of the home; no secret."""


def resolve(value: Any, environment: Mapping[str, str] | None = None) -> tuple[Any, frozenset[str]]:
    """Replace `${NAME}` and `${NAME:-default}` in every text of a configuration.

    `$${` stands for `${`.
    Returns the configuration and the values that were put in, which are to be kept out of logs;
    the path of the home is none of them.
    Raises DeclarationError for a variable that is not set and has no default.
    """
    variables = os.environ if environment is None else environment
    secrets: set[str] = set()

    def replace(match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        name, default = match[1], match[2]
        found = variables.get(name)
        if found is None and default is None:
            raise DeclarationError(
                f"The configuration needs the environment variable {name}, which is not set: "
                f"put it into .env or the environment."
            )
        if found and name != HOME:
            secrets.add(found)
        return found if found is not None else default

    def walk(node: Any) -> Any:
        if isinstance(node, str):
            return VARIABLE.sub(replace, node)
        if isinstance(node, dict):
            return {key: walk(item) for key, item in node.items()}
        if isinstance(node, list):
            return [walk(item) for item in node]
        return node

    return walk(value), frozenset(secrets)
