"""A source's configuration: the declared one with its secrets, and what the connector changed.

Not here: the declaration's model (`declarations`).
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from ingestion.declarations import Declaration, resolve


class Configuration:
    """The configuration a connector gets.

    A connector may replace it (rotated refresh tokens); the replacement is kept in the home,
    readable by its user only, and used until the declared configuration changes.
    """

    def __init__(
        self, declaration: Declaration, directory: Path, overrides: Mapping[str, Any]
    ) -> None:
        resolved, secrets = resolve(declaration.config)
        self._declaration = declaration
        self._overrides = dict(overrides)
        self._path = directory / f"{declaration.name}.config.json"
        self._declared = hashlib.sha256(
            orjson.dumps(resolved, option=orjson.OPT_SORT_KEYS)
        ).hexdigest()
        self.declaration_digest = digest_of(declaration)
        self.values: dict[str, Any] = self._kept() or dict(resolved)
        self._secrets = secrets | self.secrets_in(self.values)
        self.values |= self._overrides

    @property
    def digest(self) -> str:
        """What tells this configuration, as declared and overridden, from another."""
        content = [self._declared, self._overrides]
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def secrets(self) -> frozenset[str]:
        """Values that must not appear in a log."""
        return self._secrets

    def secrets_in(self, config: Mapping[str, Any]) -> frozenset[str]:
        """The texts of a configuration that stand where the declaration has variables."""
        return frozenset(_in_places_of_variables(self._declaration.config, config))

    def _kept(self) -> dict[str, Any] | None:
        if not self._path.is_file():
            return None
        kept = orjson.loads(self._path.read_bytes())
        return kept["config"] if kept.get("declared") == self._declared else None

    def save(self, config: dict[str, Any]) -> None:
        """Keep the configuration the connector sent, at once."""
        content = {
            "declared": self._declared,
            "config": {k: v for k, v in config.items() if k not in self._overrides},
        }
        beside = self._path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600)
        beside.write_bytes(orjson.dumps(content))
        beside.replace(self._path)


def _in_places_of_variables(declared: Any, found: Any) -> Iterator[str]:
    if isinstance(declared, dict) and isinstance(found, dict):
        for key in declared.keys() & found.keys():
            yield from _in_places_of_variables(declared[key], found[key])
    elif isinstance(declared, list) and isinstance(found, list):
        for one, other in zip(declared, found, strict=False):
            yield from _in_places_of_variables(one, other)
    elif isinstance(declared, str) and "${" in declared and isinstance(found, str):
        yield found


def digest_of(declaration: Declaration) -> str:
    """What tells one version of a declaration from another."""
    content = orjson.dumps(declaration.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()[:16]
